//! Answers of `calotype table`. [`super::text`] says how they read.

use anyhow::Result;
use calotype_models::distributions::JointTable;
use calotype_models::distributions::joint::Factor;
use serde::{Serialize, Serializer};

use super::Question;
use crate::args::TableArgs;

/// A difference up to this is rounding.
const ROUNDING: f64 = 1e-9;

pub type Event<'a> = [(&'a str, &'a str)];

/// All that was asked.
#[derive(Serialize)]
pub struct Answers {
    pub file: String,
    /// None of a table of probabilities.
    pub n_observations: Option<u64>,
    pub variables: Vec<Variable>,
    pub n_cells: usize,
    pub n_free_parameters: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marginals: Vec<Cells>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub independence: Vec<Independence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joint: Option<Cells>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain_rule: Option<Chain>,
}

#[derive(Serialize)]
pub struct Variable {
    pub name: String,
    pub values: Vec<String>,
}

/// `--given`, and its probability.
#[derive(Serialize)]
pub struct Given {
    #[serde(serialize_with = "as_map")]
    pub facts: Vec<(String, String)>,
    pub p: f64,
}

fn as_map<S: Serializer>(facts: &[(String, String)], s: S) -> Result<S::Ok, S::Error> {
    s.collect_map(facts.iter().map(|(name, value)| (name, value)))
}

/// A probability for every combination of values, given all that is.
#[derive(Serialize)]
pub struct Cells {
    pub variables: Vec<String>,
    pub cells: Vec<Cell>,
}

#[derive(Serialize)]
pub struct Cell {
    pub values: Vec<String>,
    pub p: f64,
    /// Where Bayes' rule gives it: the prior, and the likelihood of what is given. A value that cannot be has no likelihood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likelihood: Option<f64>,
}

/// The factors of the chain rule in the order of the columns, and that they multiply to the table.
#[derive(Serialize)]
pub struct Chain {
    pub factors: Vec<OneFactor>,
    pub n_parameters: usize,
    /// How far a cell is from the product of the factors, at most.
    pub largest_error: f64,
}

#[derive(Serialize)]
pub struct OneFactor {
    pub variable: String,
    pub given: Vec<String>,
    pub n_parameters: usize,
}

/// How far two variables are from independent.
#[derive(Serialize)]
pub struct Independence {
    pub a: String,
    pub b: String,
    /// Beside what is known by `--given`.
    pub given: Vec<String>,
    /// Of |p(a, b | c) - p(a | c) p(b | c)|.
    pub largest_gap: f64,
    pub mutual_information_nats: f64,
    /// None of a table of probabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Test>,
    pub verdict: &'static str,
}

/// The likelihood-ratio test.
#[derive(Serialize)]
pub struct Test {
    pub g: f64,
    pub degrees_of_freedom: u64,
    pub p_value: f64,
    pub least_expected_count: f64,
}

impl Answers {
    /// Nothing answered yet: where the table is from, and how large it is.
    pub fn begun(args: &TableArgs, table: &JointTable, event: &Event) -> Result<Self> {
        let variable =
            |v: &calotype_models::distributions::joint::Variable| Variable { name: v.name.clone(), values: v.values.clone() };
        let facts = || event.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let given = |p| Given { facts: facts(), p };
        Ok(Answers {
            file: args.file.display().to_string(),
            n_observations: table.n_observations().map(|n| n as u64),
            variables: table.variables().iter().map(variable).collect(),
            n_cells: table.p().len(),
            n_free_parameters: table.p().len() - 1,
            given: if event.is_empty() { None } else { Some(given(table.probability(event)?)) },
            marginals: vec![],
            independence: vec![],
            joint: None,
            chain_rule: None,
        })
    }
}

impl Cells {
    /// Of a table.
    pub fn new(table: &JointTable) -> Self {
        let values = |cell: usize| {
            let places = table.values_of(cell).into_iter().zip(table.variables());
            places.map(|(at, variable)| variable.values[at].clone()).collect()
        };
        let cell = |(cell, &p)| Cell { values: values(cell), p, prior: None, likelihood: None };
        Cells { variables: names(table), cells: table.p().iter().enumerate().map(cell).collect() }
    }

    /// p(name | event) as prior times likelihood, divided by the event's probability.
    pub fn by_bayes(table: &JointTable, name: &str, event: &Event) -> Result<Self> {
        let mut cells = Cells::new(&table.posterior(&[name], event)?);
        for (cell, &prior) in cells.cells.iter_mut().zip(table.marginal(&[name])?.p()) {
            cell.prior = Some(prior);
            cell.likelihood = match prior {
                0.0 => None,
                _ => Some(table.given(&[(name, cell.values[0].as_str())])?.probability(event)?),
            };
        }
        Ok(cells)
    }
}

fn names(table: &JointTable) -> Vec<String> {
    table.variables().iter().map(|v| v.name.clone()).collect()
}

impl Chain {
    /// None of less than two variables.
    pub fn new(table: &JointTable) -> Result<Option<Self>> {
        let names: Vec<&str> = table.variables().iter().map(|v| v.name.as_str()).collect();
        if names.len() < 2 {
            return Ok(None);
        }
        let factors = table.chain(&names)?;
        let n_parameters = factors.iter().map(Factor::n_parameters).sum();
        let factor = |f: Factor| OneFactor { n_parameters: f.n_parameters(), variable: f.variable, given: f.given };
        let largest_error = table.chain_error(&names)?;
        Ok(Some(Chain { factors: factors.into_iter().map(factor).collect(), n_parameters, largest_error }))
    }
}

impl Independence {
    pub fn new(table: &JointTable, question: &Question) -> Result<Self> {
        let Question { a, b, given } = question;
        let found = table.independence(&[a], &[b], given)?;
        let verdict = match found.test {
            Some(test) if test.dof == 0 => "nothing to test: one of the two variables is constant in every stratum",
            Some(test) if test.p_value < 0.01 => "not independent (significant at 1 %)",
            Some(test) if test.p_value < 0.05 => "perhaps not independent (significant at 5 %)",
            Some(_) => "no evidence of dependence",
            None if found.gap <= ROUNDING => "independent, to rounding",
            None => "not independent",
        };
        Ok(Independence {
            a: (*a).to_owned(),
            b: (*b).to_owned(),
            given: given.iter().map(|name| (*name).to_owned()).collect(),
            largest_gap: found.gap,
            mutual_information_nats: found.mutual_information,
            test: found.test.map(|test| Test {
                g: test.statistic,
                degrees_of_freedom: test.dof,
                p_value: test.p_value,
                least_expected_count: test.least_expected,
            }),
            verdict,
        })
    }
}
