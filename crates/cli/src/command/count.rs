//! `calotype count`: how many parameters a distribution over images has, by what is assumed.

use std::fmt::Write as _;

use anyhow::Result;
use calotype_models::distributions::count::{Parameters, Values};

use super::Ending;
use crate::args::CountArgs;
use crate::fault::WrongUse;
use crate::output::print;
use calotype_training::grouped;

pub fn run(args: &CountArgs) -> Result<Ending> {
    let n = args.pixels.saturating_mul(args.channels);
    let values = Values::new(n, args.levels).map_err(|e| {
        let hint = if args.channels > 1 { " (--pixels times --channels)" } else { "" };
        WrongUse(format!("{e}{hint}"))
    })?;
    let mut text = String::new();
    let plural = |n: u64, what: &str| format!("{} {what}{}", grouped(n), if n == 1 { "" } else { "s" });
    let of = match args.channels {
        1 => plural(n, "pixel"),
        c => format!("{} of {}, {} in a fixed order,", plural(args.pixels, "pixel"), plural(c, "channel"), plural(n, "value")),
    };
    writeln!(text, "{of} of {} levels: {} images\n", grouped(args.levels), shown(&values.images()))?;
    let (full, chain) = (values.full_joint(), values.chain_rule());
    // Two formulas of one number.
    let chain = if n == 1 { shown(&chain) } else { format!("{} = {}", chain.formula, shown(&full)) };
    let markov = format!("Markov, order {}", args.order);
    for (assumed, parameters) in [
        ("assumed", "free parameters"),
        ("nothing: the joint table", &shown(&full)),
        ("nothing: the chain rule", &chain),
        (&markov, &shown(&values.markov(args.order))),
        ("independence", &shown(&values.independent())),
    ] {
        writeln!(text, "{assumed:<28}{parameters}")?;
    }
    if n > 1 {
        text += "\nThe chain rule assumes nothing. Value i has L - 1 parameters in each of its L^(i-1) contexts,\n\
                 and L^(i-1) (L - 1) = L^i - L^(i-1) adds up to L^N - 1.\n";
    }
    print(&text)?;
    Ok(Ending::Done)
}

/// `2^784 - 1 = 1.02e236`
fn shown(parameters: &Parameters) -> String {
    let number = parameters.to_string();
    if number == parameters.formula { number } else { format!("{} = {number}", parameters.formula) }
}
