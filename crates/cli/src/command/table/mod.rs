//! `calotype table`: exact questions to a joint table: margins, Bayes' rule, independence, the chain rule.

mod answers;
mod load;
mod text;

use anyhow::{Result, bail};
use calotype_models::distributions::JointTable;

use super::Ending;
use crate::args::TableArgs;
use crate::fault::WrongUse;
use answers::{Answers, Cells, Chain, Independence};

/// `A,B|C,D` as typed.
struct Question<'a> {
    a: &'a str,
    b: &'a str,
    given: Vec<&'a str>,
}

pub fn run(args: &TableArgs) -> Result<Ending> {
    let event: Vec<(&str, &str)> = args.given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let margins: Vec<Vec<&str>> = args.marginal.iter().map(|m| names(m)).collect();
    let mut questions = args.independent.iter().map(|q| question(q)).collect::<Result<Vec<_>>>()?;
    let mut asked: Vec<&str> = event.iter().map(|(name, _)| *name).collect();
    asked.extend(margins.iter().flatten());
    asked.extend(questions.iter().flat_map(|q| [q.a, q.b].into_iter().chain(q.given.iter().copied())));
    if let Some((name, _)) = event.iter().find(|(name, _)| questions.iter().any(|q| q.a == *name || q.b == *name)) {
        bail!(WrongUse(format!("`{name}` is fixed by --given; test --independent with other variables")));
    }
    // Without a question about some variables, the answer is about all.
    let all = margins.is_empty() && questions.is_empty();
    let table = load::load(args, &asked, all)?;

    let known = table.given(&event)?;
    let marginal = |margin: &Vec<&str>| match margin[..] {
        [name] if !event.is_empty() => Cells::by_bayes(&table, name, &event),
        _ => Ok(Cells::new(&table.posterior(margin, &event)?)),
    };
    for question in &mut questions {
        // What is known is a condition already.
        question.given.retain(|name| event.iter().all(|(known, _)| known != name));
    }
    let answers = Answers {
        marginals: margins.iter().map(marginal).collect::<Result<_>>()?,
        independence: questions.iter().map(|question| Independence::new(&known, question)).collect::<Result<_>>()?,
        joint: all.then(|| Cells::new(&known)),
        chain_rule: if all { Chain::new(&known)? } else { None },
        ..Answers::begun(args, &table, &event)?
    };
    args.form.answer(&answers)?;
    Ok(Ending::Done)
}

/// `A,B` as names.
fn names(list: &str) -> Vec<&str> {
    list.split(',').map(str::trim).collect()
}

fn question(typed: &str) -> Result<Question<'_>> {
    let (pair, given) = typed.split_once('|').map_or((typed, ""), |(pair, given)| (pair, given));
    let given = if given.trim().is_empty() { Vec::new() } else { names(given) };
    match names(pair)[..] {
        [a, b] if !a.is_empty() && !b.is_empty() => Ok(Question { a, b, given }),
        _ => bail!(WrongUse(format!("--independent \"{typed}\": expected two variables, and conditions after a bar: A,B|C"))),
    }
}
