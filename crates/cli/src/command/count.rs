//! `calotype count`: how many parameters a distribution over images has, by what is assumed.

use std::fmt;

use anyhow::Result;
use calotype_models::distributions::count::{Parameters, Values};
use calotype_training::grouped;
use serde::Serialize;

use super::Ending;
use crate::args::CountArgs;
use crate::fault::WrongUse;
use crate::output::counted;

pub fn run(args: &CountArgs) -> Result<Ending> {
    let n = args.pixels.saturating_mul(args.channels);
    let values = Values::new(n, args.levels).map_err(|e| {
        let hint = if args.channels > 1 { " (--pixels times --channels)" } else { "" };
        WrongUse(format!("{e}{hint}"))
    })?;
    args.form.answer(&Counted::new(args, n, values))?;
    Ok(Ending::Done)
}

/// What is counted, and the numbers by assumption.
#[derive(Serialize)]
struct Counted {
    pixels: u64,
    channels: u64,
    /// In an image.
    values: u64,
    levels: u64,
    images: Number,
    free_parameters: ByAssumption,
}

#[derive(Serialize)]
struct ByAssumption {
    joint_table: Number,
    chain_rule: Number,
    markov: Markov,
    independence: Number,
}

#[derive(Serialize)]
struct Markov {
    order: u64,
    #[serde(flatten)]
    number: Number,
}

/// How a number comes about, and how much it is.
#[derive(Serialize)]
struct Number {
    formula: String,
    /// None from 2^128 on.
    exact: Option<u128>,
    log10: f64,
    #[serde(skip)]
    shown: String,
}

impl Counted {
    fn new(args: &CountArgs, n: u64, of: Values) -> Self {
        Counted {
            pixels: args.pixels,
            channels: args.channels,
            values: n,
            levels: args.levels,
            images: of.images().into(),
            free_parameters: ByAssumption {
                joint_table: of.full_joint().into(),
                chain_rule: of.chain_rule().into(),
                markov: Markov { order: args.order, number: of.markov(args.order).into() },
                independence: of.independent().into(),
            },
        }
    }
}

impl From<Parameters> for Number {
    fn from(parameters: Parameters) -> Self {
        let shown = parameters.to_string();
        Number { formula: parameters.formula, exact: parameters.exact, log10: parameters.log10, shown }
    }
}

/// `2^784 - 1 = 1.02e236`
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Number { formula, shown, .. } = self;
        if shown == formula { f.write_str(shown) } else { write!(f, "{formula} = {shown}") }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.values;
        let of = match self.channels {
            1 => counted(n, "pixel"),
            c => format!(
                "{} of {}, {} in a fixed order,",
                counted(self.pixels, "pixel"),
                counted(c, "channel"),
                counted(n, "value")
            ),
        };
        writeln!(f, "{of} of {} levels: {} images\n", grouped(self.levels), self.images)?;
        let ByAssumption { joint_table, chain_rule, markov: Markov { order, number: markov }, independence } =
            &self.free_parameters;
        // Two formulas of one number.
        let chain = if n == 1 { chain_rule.to_string() } else { format!("{} = {joint_table}", chain_rule.formula) };
        for (assumed, parameters) in [
            ("assumed", "free parameters"),
            ("nothing: the joint table", &joint_table.to_string()),
            ("nothing: the chain rule", &chain),
            (&format!("Markov, order {order}"), &markov.to_string()),
            ("independence", &independence.to_string()),
        ] {
            writeln!(f, "{assumed:<28}{parameters}")?;
        }
        if n > 1 {
            f.write_str(
                "\nThe chain rule assumes nothing. Value i has L - 1 parameters in each of its L^(i-1) contexts,\n\
                 and L^(i-1) (L - 1) = L^i - L^(i-1) adds up to L^N - 1.\n",
            )?;
        }
        Ok(())
    }
}
