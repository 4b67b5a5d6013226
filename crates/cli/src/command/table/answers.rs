//! Answers of `calotype table` as text.

use std::fmt::Write as _;

use anyhow::Result;
use calotype_models::distributions::JointTable;
use calotype_models::distributions::joint::{Factor, GTest};

use super::Question;
use crate::args::TableArgs;
use calotype_training::grouped;

/// Cells that are printed at most.
const MOST_LINES: usize = 64;

/// A difference up to this is rounding.
const ROUNDING: f64 = 1e-9;

/// Of what stands before a figure.
const WIDTH: usize = 39;

type Event<'a> = [(&'a str, &'a str)];

/// Where it is from, and how large.
pub fn head(args: &TableArgs, table: &JointTable) -> Result<String> {
    let mut text = format!("{}: ", args.file.display());
    match table.n_observations() {
        Some(n) => write!(text, "{} observations", grouped(n as u64))?,
        None => write!(text, "probabilities")?,
    }
    let sizes: Vec<String> = table.variables().iter().map(|v| format!("{} ({})", v.name, v.values.len())).collect();
    let cells = table.p().len();
    writeln!(text, " of {}: {} cells, {} free parameters", sizes.join(", "), grouped(cells as u64), grouped(cells as u64 - 1))?;
    Ok(text)
}

/// `A=1, B=0`
pub fn facts(event: &Event<'_>) -> String {
    event.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

/// `p(A, B | C=1)`
fn title(names: &str, event: &Event<'_>) -> String {
    if event.is_empty() { format!("p({names})") } else { format!("p({names} | {})", facts(event)) }
}

/// A probability in a column: four digits behind the point, unless that is too few.
pub fn number(p: f64) -> String {
    if p == 0.0 || p >= 0.001 { format!("{p:.4}") } else { format!("{p:.2e}") }
}

/// A single figure: three significant digits, however small.
fn figure(x: f64) -> String {
    match x {
        0.0 => "0".to_owned(),
        x if x >= 0.001 => format!("{x:.0$}", (2 - x.log10().floor() as i32).max(0) as usize),
        x => format!("{x:.2e}"),
    }
}

/// Every combination of values with its probability.
pub fn cells(table: &JointTable, event: &Event<'_>) -> Result<String> {
    let names: Vec<&str> = table.variables().iter().map(|v| v.name.as_str()).collect();
    if names.is_empty() {
        return Ok("every variable is given: no distribution is left\n".to_owned());
    }
    let last = title(&names.join(", "), event);
    let lines = table.p().iter().take(MOST_LINES).enumerate().map(|(cell, &p)| {
        let values = table.values_of(cell).into_iter().zip(table.variables());
        values.map(|(at, variable)| variable.values[at].clone()).chain([number(p)]).collect()
    });
    let head = names.iter().map(|n| (*n).to_owned()).chain([last]).collect();
    let mut text = columns([head].into_iter().chain(lines).collect());
    if table.p().len() > MOST_LINES {
        let more = grouped((table.p().len() - MOST_LINES) as u64);
        writeln!(text, "... and {more} more; --marginal A,B shows fewer variables")?;
    }
    Ok(text)
}

/// p(name | event) as prior times likelihood, divided by the event's probability.
pub fn bayes(table: &JointTable, name: &str, event: &Event<'_>) -> Result<String> {
    let (prior, posterior) = (table.marginal(&[name])?, table.posterior(&[name], event)?);
    let facts = facts(event);
    let mut lines =
        vec![vec![name.to_owned(), format!("p({name})"), format!("p({facts} | {name})"), format!("p({name} | {facts})")]];
    for (at, value) in prior.variables()[0].values.iter().enumerate() {
        // A value that cannot be has no likelihood.
        let likelihood = match prior.p()[at] {
            0.0 => "-".to_owned(),
            _ => number(table.given(&[(name, value)])?.probability(event)?),
        };
        lines.push(vec![value.clone(), number(prior.p()[at]), likelihood, number(posterior.p()[at])]);
    }
    let mut text = columns(lines);
    writeln!(text, "Bayes' rule: each is the prior times the likelihood, divided by p({facts})")?;
    Ok(text)
}

/// The factors of the chain rule in the order of the columns, and that they multiply to the table.
pub fn chain(table: &JointTable, event: &Event<'_>) -> Result<String> {
    let names: Vec<&str> = table.variables().iter().map(|v| v.name.as_str()).collect();
    if names.len() < 2 {
        return Ok(String::new());
    }
    let factors = table.chain(&names)?;
    let known = event.iter().map(|(name, value)| format!("{name}={value}"));
    let known: Vec<String> = known.collect();
    let factor = |f: &Factor| {
        let given = [f.given.as_slice(), &known].concat().join(", ");
        if given.is_empty() { format!("p({})", f.variable) } else { format!("p({} | {given})", f.variable) }
    };
    let sizes: Vec<String> = factors.iter().map(|f| grouped(f.n_parameters() as u64)).collect();
    let total: usize = factors.iter().map(Factor::n_parameters).sum();
    let mut text = format!("\nchain rule: {}\n", factors.iter().map(factor).collect::<Vec<_>>().join(" "));
    writeln!(
        text,
        "{} = {} parameters, and it multiplies to the table: off by at most {}",
        sizes.join(" + "),
        grouped(total as u64),
        figure(table.chain_error(&names)?)
    )?;
    Ok(text)
}

/// How far two variables are from independent.
pub fn independence(table: &JointTable, question: &Question<'_>, event: &Event<'_>) -> Result<String> {
    let Question { a, b, given } = question;
    let answer = table.independence(&[a], &[b], given)?;
    let known: Vec<String> =
        given.iter().map(|name| (*name).to_owned()).chain((!event.is_empty()).then(|| facts(event))).collect();
    let (title, gap) = match known.is_empty() {
        true => (format!("{a} and {b}"), "max |p(a, b) - p(a) p(b)|"),
        false => (format!("{a} and {b} given {}", known.join(", ")), "max |p(a, b | c) - p(a | c) p(b | c)|"),
    };
    let mut text = format!("{title}\n");
    writeln!(text, "  {gap:<WIDTH$}{}", figure(answer.gap))?;
    writeln!(text, "  {:<WIDTH$}{} nats", "mutual information", figure(answer.mutual_information))?;
    match answer.test {
        Some(test) => text += &g_test(&test)?,
        None => {
            let verdict = if answer.gap <= ROUNDING { "independent, to rounding" } else { "not independent" };
            writeln!(text, "  {verdict}")?;
        }
    }
    Ok(text)
}

fn g_test(test: &GTest) -> Result<String> {
    let mut text = String::new();
    if test.dof == 0 {
        return Ok("  nothing to test: one of the two variables is constant in every stratum\n".to_owned());
    }
    let degrees = if test.dof == 1 { "degree" } else { "degrees" };
    let g = format!("G = {:.2}, {} {degrees} of freedom", test.statistic, grouped(test.dof));
    writeln!(text, "  {:<WIDTH$}{g}", "likelihood-ratio test")?;
    let verdict = match test.p_value {
        p if p < 0.01 => "not independent (significant at 1 %)",
        p if p < 0.05 => "perhaps not independent (significant at 5 %)",
        _ => "no evidence of dependence",
    };
    writeln!(text, "  {:<WIDTH$}{}: {verdict}", "p-value", figure(test.p_value))?;
    if test.least_expected < 5.0 {
        writeln!(text, "  the p-value is rough: the smallest expected count is {:.1}, below 5", test.least_expected)?;
    }
    Ok(text)
}

/// Lines of fields under each other, two blanks apart.
fn columns(lines: Vec<Vec<String>>) -> String {
    let n = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..n).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let fields: Vec<String> = line.iter().zip(&widths).map(|(field, &width)| format!("{field:<width$}")).collect();
        text += fields.join("  ").trim_end();
        text += "\n";
    }
    text
}
