//! What a person should know of columns and rows under a continuous density: where it has no bound, and what f32 cannot tell apart.

use calotype_data::{Dataset, Split};

/// Names this many columns at most.
const MOST_NAMED: usize = 8;

/// One line for each kind of trouble of these training rows of vectors; those of the likelihood only where it is one that is learned.
pub(crate) fn troubles(dataset: &Dataset, rows: &[u32], is_likelihood: bool) -> Vec<String> {
    let constant = dataset.constant_columns(rows);
    let copies = dataset.copied_columns(rows);
    let copied: Vec<usize> = copies.iter().map(|&(copy, _)| copy).collect();
    let worst = [constant.as_slice(), copied.as_slice()].concat();
    let counted = dataset.counted_columns(rows);
    let also_counted = [worst.as_slice(), counted.as_slice()].concat();
    let mut all = vec![constant_columns(dataset, &constant, &worst)];
    if is_likelihood {
        all.push(copied_columns(dataset, &copies, &worst));
        all.push(counted_columns(dataset, &counted, &also_counted));
        all.push(repeated_rows(dataset.n_repeated(rows), rows.len()));
        all.push(test_rows(dataset, rows));
    }
    all.push(lost_digits(dataset, &dataset.lost_digits(rows)));
    all.into_iter().flatten().collect()
}

fn constant_columns(dataset: &Dataset, constant: &[usize], worst: &[usize]) -> Option<String> {
    let (are, their, these) = match constant {
        [] => return None,
        [_] => ("is constant", "its density is", "this column"),
        _ => ("are constant", "their densities are", "these columns"),
    };
    let columns = list(constant.iter().map(|&at| dataset.column(at)));
    Some(format!("{columns} {are}, so {their} unbounded; remove {these}{}", setting(dataset, worst)))
}

fn copied_columns(dataset: &Dataset, copies: &[(usize, usize)], worst: &[usize]) -> Option<String> {
    if copies.is_empty() {
        return None;
    }
    let columns = list(copies.iter().map(|&(copy, of)| format!("{} (of {})", dataset.column(copy), dataset.column(of))));
    let (are, these) = if copies.len() == 1 { ("is a copy", "this column") } else { ("are copies", "these columns") };
    let why = "up to scale and shift, so the likelihood has no bound and rests on the floor of its deviations";
    Some(format!("{columns} {are} {why}; remove {these}{}", setting(dataset, worst)))
}

fn counted_columns(dataset: &Dataset, counted: &[usize], without: &[usize]) -> Option<String> {
    if counted.is_empty() {
        return None;
    }
    let columns = list(counted.iter().map(|&at| dataset.column(at)));
    let hold = if counted.len() == 1 { "holds" } else { "hold" };
    let remedy = match dataset.columns_without(without) {
        Some(setting) => format!("; to leave them out: {setting}"),
        None => String::new(),
    };
    Some(format!(
        "{columns} {hold} whole numbers that repeat (counts, grades), on which a continuous density has no bound: its likelihood rests \
         on the floor of its deviations{remedy}"
    ))
}

fn repeated_rows(n: usize, n_rows: usize) -> Option<String> {
    let are = if n == 1 { "is" } else { "are" };
    (n > 0).then(|| {
        format!(
            "{n} of {n_rows} training rows {are} equal to an earlier one: a continuous density has no bound on repeated rows; if they \
             are no measurements of their own, remove them from the file"
        )
    })
}

fn test_rows(dataset: &Dataset, rows: &[u32]) -> Option<String> {
    let test = dataset.has_splits().then(|| dataset.rows(Split::Test).ok()).flatten()?;
    let n = dataset.rows_among(&test, rows).len();
    let are = if n == 1 { "is" } else { "are" };
    (n > 0).then(|| {
        format!(
            "{n} of {} test rows {are} equal to training rows, so the score on them says nothing of new rows; remove them from one of \
             the two",
            test.len()
        )
    })
}

fn lost_digits(dataset: &Dataset, lost: &[usize]) -> Option<String> {
    let columns = list(lost.iter().map(|&at| dataset.column(at)));
    (!lost.is_empty()).then(|| {
        format!(
            "different values of {columns} become equal in f32, for a few are very far from the rest; correct or remove those rows, or \
             leave the column out{}",
            setting(dataset, lost)
        )
    })
}

/// `: --set columns=…` that leaves columns out, where that is possible.
fn setting(dataset: &Dataset, without: &[usize]) -> String {
    dataset.columns_without(without).map_or(String::new(), |setting| format!(": {setting}"))
}

/// The first of them, and how many more there are.
fn list(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = match names.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!("{}{more}", names.take(MOST_NAMED).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use calotype_data::{Options, open};

    use super::*;

    fn said(text: &str, test_every: Option<u32>, is_likelihood: bool) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).expect("it is written");
        let options = Options { test_every, ..Options::default() };
        let data = open(path.to_str().expect("a name"), &options).expect("a table");
        troubles(&data, &data.rows(Split::Train).expect("rows"), is_likelihood)
    }

    #[test]
    fn every_trouble_is_one_line_with_a_remedy() {
        let x = |n: i32| f64::from(n * n % 101) / 7.0;
        let line = |n: i32| format!("{},{},5,{},{}\n", x(n), f64::from(n) / 3.0, 2.0 * x(n) - 1.0, n % 4);
        let rows: String = (0..40).map(line).chain([line(39)]).collect();
        let text = format!("x,y,unit,twice,grade\n{rows}");
        let [constant, copied, counted, repeated] = <[String; 4]>::try_from(said(&text, None, true)).expect("four");
        assert!(constant.contains("column 3 `unit` is constant") && constant.ends_with("--set columns=x,y,grade"), "{constant}");
        assert!(
            copied.contains("column 4 `twice` (of column 1 `x`) is a copy") && copied.ends_with("--set columns=x,y,grade"),
            "{copied}"
        );
        assert!(counted.contains("column 5 `grade` holds whole numbers") && counted.ends_with("--set columns=x,y"), "{counted}");
        assert!(repeated.contains("1 of 41 training rows is equal"), "{repeated}");
        // Without a likelihood only what standardising cannot mend is said.
        assert_eq!(said(&text, None, false), [constant]);
        // Line 41 is the test row now, and equal to line 40.
        let test = said(&text, Some(41), true);
        assert!(test.len() == 4 && test[3].contains("1 of 1 test rows is equal to training rows"), "{test:?}");
    }

    #[test]
    fn sound_columns_have_no_trouble_and_far_values_do() {
        let rows: String = (0..200).map(|n| format!("{},{}.5\n", f64::from(n).sqrt(), n * n)).collect();
        assert_eq!(said(&rows, Some(5), true), Vec::<String>::new());
        let far = said(&format!("{rows}1e12,1.25\n"), None, true);
        assert!(
            far.len() == 1 && far[0].contains("column 1 become equal in f32") && far[0].ends_with("--set columns=2"),
            "{far:?}"
        );
    }
}
