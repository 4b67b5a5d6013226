//! Reads a file of observations into a joint table.

use std::collections::HashSet;

use anyhow::{Context, Result, anyhow};
use calotype_data::read_records;

use super::JointTable;
use crate::args::TableArgs;
use crate::names::chosen;

/// The joint table of the variables that are asked about, or of all. Smoothing is that of the table of all: summed out, a
/// combination of some variables is raised once for every combination of the others.
pub fn load(args: &TableArgs, asked: &[&str], all: bool) -> Result<JointTable> {
    let records = read_records(&args.file)?;
    let header: Vec<&str> = records.header.iter().map(String::as_str).collect();
    let weight = match &args.weight {
        Some(weight) => chosen(std::slice::from_ref(weight), &header, "column")?.first().copied(),
        None => None,
    };
    let variables: Vec<&str> = header.iter().copied().filter(|&name| Some(name) != weight).collect();
    let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
    let asked = chosen(&asked, &variables, "column")?;
    let used = if all { variables.clone() } else { asked };
    let column = |name: &str| header.iter().position(|h| *h == name);
    let columns: Vec<usize> = used.iter().filter_map(|name| column(name)).collect();

    let origin = args.file.display();
    let mut rows: Vec<Vec<&str>> = Vec::new();
    for (record, line) in records.rows.iter().zip(&records.lines) {
        let row: Vec<&str> = columns.iter().map(|&c| record[c].as_str()).collect();
        if let Some(hole) = row.iter().position(|field| field.is_empty()) {
            return Err(anyhow!("{origin}: line {line}: `{}` is empty; fill it in or remove the line", used[hole]));
        }
        rows.push(row);
    }
    let weights = weight.and_then(column).map(|at| {
        let fields = records.rows.iter().zip(&records.lines);
        let number = |(record, line): (&Vec<String>, &usize)| {
            let (field, name) = (&record[at], header[at]);
            field.parse::<f64>().map_err(|_| anyhow!("{origin}: line {line}: `{name}` is `{field}`; expected a number"))
        };
        fields.map(number).collect::<Result<Vec<f64>>>()
    });
    let weights = weights.transpose()?;
    let left_out = variables.iter().filter(|name| !used.contains(name)).filter_map(|name| column(name));
    let n_values = |c: usize| records.rows.iter().map(|record| record[c].as_str()).collect::<HashSet<_>>().len() as f64;
    let alpha = if args.smoothing > 0.0 { args.smoothing * left_out.map(n_values).product::<f64>() } else { 0.0 };
    JointTable::from_rows(&used, &rows, weights.as_deref(), alpha).with_context(|| origin.to_string())
}
