//! Answers of `calotype table` as text.

use std::fmt::{self, Formatter};

use calotype_training::grouped;

use super::answers::{Answers, Cells, Chain, Given, Independence, OneFactor};

/// Cells that are printed at most.
const MOST_LINES: usize = 64;

/// An expected count below this makes a p-value rough.
const LEAST_EXPECTED: f64 = 5.0;

/// Of what stands before a figure.
const WIDTH: usize = 39;

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        match self.n_observations {
            Some(n) => write!(f, "{} observations", grouped(n))?,
            None => write!(f, "probabilities")?,
        }
        let sizes: Vec<String> = self.variables.iter().map(|v| format!("{} ({})", v.name, v.values.len())).collect();
        let (cells, free) = (grouped(self.n_cells), grouped(self.n_free_parameters));
        writeln!(f, " of {}: {cells} cells, {free} free parameters", sizes.join(", "))?;
        let known = self.given.as_ref().map(Given::in_words).unwrap_or_default();
        if let Some(Given { p, .. }) = self.given {
            writeln!(f, "p({known}) = {}", number(p))?;
        }
        for marginal in &self.marginals {
            writeln!(f)?;
            marginal.write(f, &known)?;
        }
        for independence in &self.independence {
            writeln!(f)?;
            independence.write(f, &known)?;
        }
        if let Some(joint) = &self.joint {
            writeln!(f)?;
            joint.write(f, &known)?;
        }
        if let Some(chain) = &self.chain_rule {
            writeln!(f)?;
            chain.write(f, self.given.as_ref())?;
        }
        Ok(())
    }
}

impl Given {
    fn facts(&self) -> Vec<String> {
        self.facts.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    /// `A=1, B=0`
    fn in_words(&self) -> String {
        self.facts().join(", ")
    }
}

/// `p(A, B | C=1)`; `known` is empty where nothing is.
fn title(names: &str, known: &str) -> String {
    if known.is_empty() { format!("p({names})") } else { format!("p({names} | {known})") }
}

/// A probability in a column: four digits behind the point, unless that is too few.
fn number(p: f64) -> String {
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

impl Cells {
    fn write(&self, f: &mut Formatter<'_>, known: &str) -> fmt::Result {
        match self.variables.as_slice() {
            [] => writeln!(f, "every variable is given: no distribution is left"),
            [name] if self.cells.iter().any(|cell| cell.prior.is_some()) => self.write_bayes(f, name, known),
            names => self.write_all(f, names, known),
        }
    }

    fn write_all(&self, f: &mut Formatter<'_>, names: &[String], known: &str) -> fmt::Result {
        let head = names.iter().cloned().chain([title(&names.join(", "), known)]).collect();
        let line = |cell: &super::answers::Cell| cell.values.iter().cloned().chain([number(cell.p)]).collect();
        let lines = self.cells.iter().take(MOST_LINES).map(line);
        columns(f, &[head].into_iter().chain(lines).collect::<Vec<_>>())?;
        if self.cells.len() > MOST_LINES {
            writeln!(f, "... and {} more; --marginal A,B shows fewer variables", grouped(self.cells.len() - MOST_LINES))?;
        }
        Ok(())
    }

    fn write_bayes(&self, f: &mut Formatter<'_>, name: &str, known: &str) -> fmt::Result {
        let head = vec![name.to_owned(), format!("p({name})"), format!("p({known} | {name})"), format!("p({name} | {known})")];
        let dash = |p: Option<f64>| p.map_or_else(|| "-".to_owned(), number);
        let lines = self.cells.iter().map(|c| vec![c.values[0].clone(), dash(c.prior), dash(c.likelihood), number(c.p)]);
        columns(f, &[head].into_iter().chain(lines).collect::<Vec<_>>())?;
        writeln!(f, "Bayes' rule: each is the prior times the likelihood, divided by p({known})")
    }
}

impl Chain {
    fn write(&self, f: &mut Formatter<'_>, known: Option<&Given>) -> fmt::Result {
        let known = known.map(Given::facts).unwrap_or_default();
        let factor = |of: &OneFactor| title(&of.variable, &[of.given.as_slice(), &known].concat().join(", "));
        let sizes: Vec<String> = self.factors.iter().map(|of| grouped(of.n_parameters)).collect();
        writeln!(f, "chain rule: {}", self.factors.iter().map(factor).collect::<Vec<_>>().join(" "))?;
        writeln!(
            f,
            "{} = {} parameters, and it multiplies to the table: off by at most {}",
            sizes.join(" + "),
            grouped(self.n_parameters),
            figure(self.largest_error)
        )
    }
}

impl Independence {
    fn write(&self, f: &mut Formatter<'_>, known: &str) -> fmt::Result {
        let Independence { a, b, given, .. } = self;
        let facts = (!known.is_empty()).then(|| known.to_owned());
        let conditions: Vec<String> = given.iter().cloned().chain(facts).collect();
        let gap = match conditions.is_empty() {
            true => {
                writeln!(f, "{a} and {b}")?;
                "max |p(a, b) - p(a) p(b)|"
            }
            false => {
                writeln!(f, "{a} and {b} given {}", conditions.join(", "))?;
                "max |p(a, b | c) - p(a | c) p(b | c)|"
            }
        };
        writeln!(f, "  {gap:<WIDTH$}{}", figure(self.largest_gap))?;
        writeln!(f, "  {:<WIDTH$}{} nats", "mutual information", figure(self.mutual_information_nats))?;
        let verdict = self.verdict;
        let Some(test) = self.test.as_ref().filter(|test| test.degrees_of_freedom > 0) else {
            return writeln!(f, "  {verdict}");
        };
        let degrees = if test.degrees_of_freedom == 1 { "degree" } else { "degrees" };
        let g = format!("G = {:.2}, {} {degrees} of freedom", test.g, grouped(test.degrees_of_freedom));
        writeln!(f, "  {:<WIDTH$}{g}", "likelihood-ratio test")?;
        writeln!(f, "  {:<WIDTH$}{}: {verdict}", "p-value", figure(test.p_value))?;
        if test.least_expected_count < LEAST_EXPECTED {
            let least = test.least_expected_count;
            writeln!(f, "  the p-value is rough: the smallest expected count is {least:.1}, below {LEAST_EXPECTED}")?;
        }
        Ok(())
    }
}

/// Lines of fields under each other, two blanks apart.
fn columns(f: &mut Formatter<'_>, lines: &[Vec<String>]) -> fmt::Result {
    let n = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..n).map(width).collect();
    for line in lines {
        let fields: Vec<String> = line.iter().zip(&widths).map(|(field, &width)| format!("{field:<width$}")).collect();
        writeln!(f, "{}", fields.join("  ").trim_end())?;
    }
    Ok(())
}
