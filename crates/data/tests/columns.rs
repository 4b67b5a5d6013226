//! Columns of tables: names, classes, choices, missing values, digits; and what a continuous density has no bound on.

mod common;

use std::sync::Arc;

use calotype_data::{Batches, Dataset, Encoding, KINDS, Missing, Options, Preparation, Prepared, Result, Split, Values, open};

use common::{Folder, continuous, fails};

/// Settings by key.
type Set<'a> = &'a [(&'a str, &'a str)];

/// Opens a text with `label=…`, `columns=…`, `header=…`, `missing=drop`, as `--set` has them.
fn read(text: &str, set: Set) -> Result<Dataset> {
    let mut options = Options::default();
    for &(key, value) in set {
        match key {
            "label" => options.label = Some(value.to_owned()),
            "columns" => options.columns = value.split(',').map(str::to_owned).collect(),
            "header" => options.header = Some(value == "yes"),
            "missing" => options.missing = if value == "drop" { Missing::Drop } else { Missing::Error },
            "test_every" => options.test_every = value.parse().ok(),
            "max_bytes" => options.max_bytes = value.parse().unwrap(),
            _ => panic!("{key}"),
        }
    }
    open(Folder::new().write("t.csv", text).to_str().unwrap(), &options)
}

fn table(text: &str, set: Set) -> Dataset {
    read(text, set).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn refused(text: &str, set: Set, words: &[&str]) -> String {
    let message = match read(text, set) {
        Ok(data) => panic!("{}", data.summary()),
        Err(e) => e.to_string(),
    };
    words.iter().for_each(|word| assert!(message.contains(word), "`{word}` is not in: {message}"));
    message
}

fn notes(data: &Dataset, words: &[&str]) {
    let found = data.notes().iter().any(|note| words.iter().all(|word| note.contains(word)));
    assert!(found, "{words:?} are in none of {:?}", data.notes());
}

/// The settings that a message offers in this form.
fn offered(message: &str, key: &str) -> String {
    let (_, rest) = message.split_once(&format!("--set {key}=")).unwrap_or_else(|| panic!("no {key} in: {message}"));
    rest.split([' ', ';', ')']).next().unwrap().to_owned()
}

// ---- Headers

#[test]
fn a_row_is_never_taken_for_a_header() {
    let message = refused("1.0,,3.0\n4,5,6\n", &[], &["1 missing value (line 1, column 2: nothing)", "--set header=yes"]);
    assert!(message.contains("keeps 1"), "{message}");
    let dropped = table("1.0,,3.0\n4,5,6\n", &[("missing", "drop")]);
    assert_eq!(
        (continuous(&dropped), dropped.left_out()[0].to_string()),
        (vec![4.0, 5.0, 6.0], "1 lines with missing values: line 1".into())
    );
    refused("?,2\n3,4\n", &[], &["line 1, column 1: `?`"]);
    refused("?,?\n3,4\n", &[], &["2 missing values", "on 1 of 2 lines"]);
    // A class that stands in its column again is none of the names; nor is anything beside a `?`.
    assert_eq!(table(",,b\n1,2,a\n3,4,b\n", &[("missing", "drop")]).n_rows(), 2);
    refused(",,b\n1,2,a\n3,4,b\n", &[], &["line 1, column 1: nothing"]);
    refused("?,?,b\n1,2,a\n3,4,a\n", &[], &["line 1, column 1: `?`"]);
    // Names with a hole, which may be a row, are said.
    let holed = table("x,,z\n1,2,3\n", &[]);
    assert_eq!((continuous(&holed), holed.column(1).as_str()), (vec![1.0, 2.0, 3.0], "column 2"));
    notes(&holed, &["line 1", "header=no"]);
    // Elements: Na is a name here.
    assert_eq!(table("RI,Na,Mg\n1.5,13,4\n", &[]).column(1), "column 2 `Na`");
}

#[test]
fn names_that_look_like_numbers_are_said_and_can_be_set() {
    let years = "1990,1991,1992\n0.1,0.2,0.3\n0.4,0.5,0.6\n";
    let data = table(years, &[]);
    assert_eq!(data.n_rows(), 3, "no row is lost");
    notes(&data, &["1990, 1991, …", "--set header=yes"]);
    let named = table(years, &[("header", "yes")]);
    assert_eq!((named.n_rows(), named.column(0).as_str()), (2, "column 1 `1990`"));
    assert!(named.notes().is_empty());
    assert_eq!(continuous(&table(years, &[("header", "yes"), ("columns", "1992,1990")])), [0.3, 0.1, 0.6, 0.4]);
    notes(&table("0,1\n0.5,0.25\n", &[]), &["0, 1, …", "--set header=yes"]);
    notes(&table("country,1990,1991\nDE,1,2\nFR,3,4\n", &[]), &["--set header=yes"]);
    for text in ["1990,1991\n1992,1993\n", "1990,1980\n1,2\n", "0,1\n1,0\n", "1,2\n0.5,3\n", "1990.5,1991\n1,2\n"] {
        assert!(table(text, &[]).notes().is_empty(), "{text}: {:?}", table(text, &[]).notes());
    }
    // A line of names is data if it is said so, and then it is a word in a column of numbers.
    refused("a,b\n1,2\n3,4\n", &[("header", "no")], &["line 1, column 1", "`a`"]);
    assert_eq!(table("# a,b\n1,2\n", &[("header", "no")]).column(0), "column 1");
    assert_eq!(table("# a,b\n1,2\n", &[("header", "yes")]).column(0), "column 1 `a`");
    let below = table("# made by A,B\n1990,1991\n1,2\n", &[("header", "yes")]);
    assert_eq!((continuous(&below), below.column(0).as_str()), (vec![1.0, 2.0], "column 1 `1990`"));
    notes(&below, &["line 2", "header=yes", "made by A, B"]);
}

// ---- Classes

const IRIS: &str = "length,width,species\n5.1,3.5,setosa\n7.0,3.2,versicolor\n4.9,3.0,setosa\n";

#[test]
fn the_only_column_of_words_is_the_class() {
    let iris = table(IRIS, &[]);
    assert_eq!((iris.shape(), continuous(&iris)), ([2].as_slice(), vec![5.1, 3.5, 7.0, 3.2, 4.9, 3.0]));
    assert_eq!(
        (iris.labels(), iris.class_names()),
        (Some([0, 1, 0].as_slice()), ["setosa".to_owned(), "versicolor".into()].as_slice())
    );
    assert_eq!(iris.factors()[0].name, "species");
    notes(&iris, &["column 3 `species`", "2 words are the classes", "--set label=none"]);
    let none = table(IRIS, &[("label", "none")]);
    assert_eq!((none.labels(), continuous(&none)), (None, continuous(&iris)));
    notes(&none, &["column 3 `species` (`setosa`)", "left out"]);
    assert_ne!(none.content_hash(), iris.content_hash());
    let flags = table("x,flag\n1,True\n2,False\n3,True\n", &[]);
    assert_eq!(flags.class_names(), ["False", "True"]);
    // It stays the class when columns are chosen.
    let chosen = table(IRIS, &[("columns", "width")]);
    assert_eq!((continuous(&chosen), chosen.labels()), (vec![3.5, 3.2, 3.0], Some([0, 1, 0].as_slice())));
}

#[test]
fn a_column_is_made_the_class_in_natural_order() {
    let text = "x,site,grade\n0.5,a10,10\n0.25,a9,2\n0.75,b,1\n1.5,b,2.0\n";
    let grades = table(text, &[("label", "grade")]);
    assert_eq!(continuous(&grades), [0.5, 0.25, 0.75, 1.5]);
    assert_eq!(
        (grades.class_names(), grades.labels()),
        (["1", "2", "10"].map(String::from).as_slice(), Some([2, 1, 0, 1].as_slice()))
    );
    assert_eq!(grades.factors()[0].name, "grade");
    notes(&grades, &["column 2 `site` (`a10`)", "left out"]);
    let sites = table(text, &[("label", "2")]);
    assert_eq!((sites.class_names(), sites.shape()), (["a9", "a10", "b"].map(String::from).as_slice(), [2].as_slice()));
    // The label need not be among the columns, and is no data if it is.
    for columns in ["x", "x,grade"] {
        let data = table(text, &[("label", "grade"), ("columns", columns)]);
        assert_eq!((data.shape(), data.class_names().len()), ([1].as_slice(), 3));
    }
    let german = table("x;k\n0,5;1,5\n1,5;2\n", &[("label", "k")]);
    assert_eq!(german.class_names(), ["1.5", "2"]);
}

#[test]
fn measurements_are_no_classes() {
    let rows: String = (0..60).map(|n| format!("{},{},{}\n", n * n, f64::from(n) / 8.0, n % 30)).collect();
    let text = format!("a,fare,k\n{rows}");
    refused(
        &text,
        &[("label", "fare")],
        &["`label` = fare", "60 different numbers on 60 lines of column 2 `fare`", "label=none"],
    );
    refused(&text, &[("label", "a")], &["60 different numbers"]);
    assert_eq!(table(&text, &[("label", "k")]).class_names().len(), 30);
}

#[test]
fn words_that_differ_on_each_line_are_names_of_rows() {
    let rows: String = (1..=12).map(|n| format!("2024-01-{n:02},{}.5,{}\n", n * n, ["up", "down"][n % 2])).collect();
    let data = table(&format!("date,price,trend\n{rows}"), &[]);
    assert_eq!((data.shape(), data.class_names()), ([1].as_slice(), ["down", "up"].map(String::from).as_slice()));
    notes(&data, &["column 1 `date` holds 12 different words on 12 lines", "left out", "--set label=date"]);
    let dates = table(&format!("date,price,trend\n{rows}"), &[("label", "date")]);
    assert_eq!(dates.class_names().len(), 12);
}

#[test]
fn several_columns_of_words_are_listed_with_what_to_do() {
    let text = "x,species,site,unit\n1,setosa,\"Bonn\",cm\n2,virginica,Kiel,cm\n3,setosa,Kiel,cm\n";
    let message =
        refused(text, &[], &["column 2 `species` (`setosa`), column 3 `site` (`Bonn`)", "--set label=species", "label=none"]);
    assert!(!message.contains("`unit`"), "one word on all lines is no choice: {message}");
    for key in ["label", "columns"] {
        let data = table(text, &[(key, &offered(&message, key))]);
        assert_eq!(continuous(&data), [1.0, 2.0, 3.0], "{key}");
    }
    assert_eq!(continuous(&table(text, &[("label", "none")])), [1.0, 2.0, 3.0]);
    refused("a,b\nx,y\nz,w\n", &[], &["a column of numbers", "calotype table"]);
    let message =
        refused("a,code,k\n1,7,u\n2,A5,v\n3,8,u\n", &[], &["line 3, column 2 `code`: expected a finite number, found `A5`"]);
    let data = table("a,code,k\n1,7,u\n2,A5,v\n3,8,u\n", &[("columns", &offered(&message, "columns"))]);
    assert_eq!((continuous(&data), data.class_names().len()), (vec![1.0, 2.0, 3.0], 2));
}

// ---- Choices

#[test]
fn columns_are_chosen_by_name_number_and_range() {
    let text = "a,b,2,d e\n1,2,3,4\n5,6,7,8\n";
    for (columns, expected) in [
        ("b", &[2.0, 6.0][..]),
        ("d e,a", &[4.0, 1.0, 8.0, 5.0]),
        ("2", &[3.0, 7.0]),
        ("2-2", &[2.0, 6.0]),
        ("3-4", &[3.0, 4.0, 7.0, 8.0]),
        (" a , 4 ,", &[1.0, 4.0, 5.0, 8.0]),
    ] {
        assert_eq!(continuous(&table(text, &[("columns", columns), ("header", "yes")])), expected, "{columns}");
    }
    assert_eq!(table(text, &[("columns", "d e,a"), ("header", "yes")]).column(0), "column 4 `d e`");
    // A name that is left out or not there.
    let iris = |columns| refused(IRIS, &[("columns", columns)], &["`columns` = "]);
    assert!(
        iris("lenght").contains("did you mean `length`?")
            && iris("lenght").contains("length, width, species, or a number from 1 to 3")
    );
    assert!(iris("4").contains("number from 1 to 3") && iris("width,2").contains("column 2 `width` twice"));
    refused("1,2\n3,4\n", &[("label", "x")], &["`label` = x", "a number from 1 to 2; they have no names"]);
    refused("a,a\n3,4\n", &[("columns", "a")], &["1 and 2 are named so: say its number"]);
    assert_eq!(continuous(&table("a,a\n3,4\n", &[("columns", "2")])), [4.0]);
    // What is not chosen may hold anything.
    assert_eq!(continuous(&table("a,b,c\n1,x,inf\n2,3,\n", &[("columns", "a")])), [1.0, 2.0]);
}

// ---- Missing values

#[test]
fn missing_values_are_counted_and_dropped_when_asked() {
    let text = "x,y,k\n1,2,a\n?,3,b\n4,NA,a\nnan,,b\n5,6,\n7,.,a\n8,none,b\n9,10,b\n";
    let message = refused(
        text,
        &[],
        &[
            "7 missing values (line 3, column 1 `x`: `?`; line 4, column 2 `y`: `NA`; line 5, column 1 `x`: `nan`; ",
            "column 2 `y`: nothing",
            "on 6 of 8 lines, in 3 columns",
            "--set missing=drop leaves these lines out and keeps 2",
        ],
    );
    assert!(!message.contains("--set columns"), "every column has some: {message}");
    let data = table(text, &[("missing", "drop")]);
    assert_eq!((continuous(&data), data.labels()), (vec![1.0, 2.0, 9.0, 10.0], Some([0, 1].as_slice())));
    let left_out = &data.left_out()[0];
    assert_eq!((left_out.n, left_out.names.len()), (6, 6));
    assert_eq!(left_out.to_string(), "6 lines with missing values: line 3, line 4, line 5, line 6, line 7, line 8");
    notes(&data, &["6 of 8 lines have missing values"]);
    for missing in ["", "?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None", "-", ".", "na", "<NA>"] {
        let text = format!("x,y\n1,2\n3,{missing}\n");
        refused(&text, &[], &["1 missing value (line 3, column 2 `y`"]);
        assert_eq!(continuous(&table(&text, &[("missing", "drop")])), [1.0, 2.0]);
    }
    // The other remedy leaves the columns out.
    let message = refused("x,y,k\n1,?,a\n2,3,b\n", &[], &[]);
    let data = table("x,y,k\n1,?,a\n2,3,b\n", &[("columns", &offered(&message, "columns"))]);
    assert_eq!((continuous(&data), data.class_names().len()), (vec![1.0, 2.0], 2));
    // The class among them stays the class beside chosen columns: both settings together.
    let text = "height,weight,age,city\n1,,3,a\n4,5,6,\n7,?,9,b\n1,,2,a\n";
    let message = refused(text, &[], &["--set columns=height,age --set label=none leaves these columns out"]);
    let set = [("columns", offered(&message, "columns")), ("label", offered(&message, "label"))];
    let set: Vec<(&str, &str)> = set.iter().map(|(key, value)| (*key, value.as_str())).collect();
    assert_eq!(continuous(&table(text, &set)), [1.0, 3.0, 4.0, 6.0, 7.0, 9.0, 1.0, 2.0]);
    // None and - are words among words.
    assert_eq!(table("x,k\n1,None\n2,b\n3,-\n4,b\n5,c\n", &[]).class_names(), ["-", "None", "b", "c"]);
}

#[test]
fn what_dropping_cannot_mend_is_said() {
    for set in [&[][..], &[("missing", "drop")]] {
        let message = refused("a,b,c\n1,NA,2\n2,,3\n", set, &["column 2 `b` missing on all 2 lines"]);
        assert_eq!(
            continuous(&table("a,b,c\n1,NA,2\n2,,3\n", &[("columns", &offered(&message, "columns"))])),
            [1.0, 2.0, 2.0, 3.0]
        );
        refused("a,b\n1,inf\n2,3\n", set, &["line 2, column 2 `b`", "found `inf`", "--set columns=a"]);
        let message = refused("a,b,c\n1,NA,2\n,2,3\n", set, &["2 missing values", "--set columns=c"]);
        assert!(!message.contains("missing=drop"), "nothing would be left: {message}");
    }
    let text: String = (0..1000).map(|n| format!("{n},1\n")).collect();
    refused(&text, &[("max_bytes", "10000")], &["1000 rows of 16 bytes", "10000"]);
}

#[test]
fn test_rows_are_counted_among_the_rows_that_are_left() {
    let data = table("x\n1\n?\n3\n4\n5\n", &[("missing", "drop"), ("test_every", "2")]);
    assert_eq!((continuous(&data), data.rows(Split::Test).unwrap()), (vec![1.0, 3.0, 4.0, 5.0], vec![1, 3]));
}

// ---- Digits

/// Seconds since 1970 with three decimals, a northing, and normal numbers (a sum of uniform ones).
fn surveyed(shift: [f64; 3]) -> (String, Vec<[f64; 3]>) {
    let mut state = 1_u64;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let rows: Vec<[f64; 3]> = (0..1000)
        .map(|i| {
            let normal = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
            [1.7e9 + f64::from(i) + f64::from(i % 7) / 1000.0, 5_123_456.0 + (uniform() - 0.5) * 0.4, normal]
        })
        .collect();
    let line = |row: &[f64; 3]| format!("{:.3},{:.4},{:.6}\n", row[0] - shift[0], row[1] - shift[1], row[2] - shift[2]);
    (rows.iter().map(line).collect(), rows)
}

fn standardised(data: &Dataset) -> Vec<f32> {
    let prepared =
        Arc::new(Prepared::new(data, &Preparation { encoding: Encoding::Standard, ..Preparation::default() }).unwrap());
    let rows: Vec<u32> = (0..data.n_rows() as u32).collect();
    rows.iter().flat_map(|&row| Batches::new(Arc::clone(&prepared), vec![row], 1, 0).unwrap().batch(0).images).collect()
}

#[test]
fn numbers_far_from_0_keep_their_digits() {
    let (text, rows) = surveyed([0.0; 3]);
    let data = table(&text, &[]);
    let read = continuous(&data);
    let seconds = |n: usize| format!("{:.3}", rows[n][0]).parse::<f64>().unwrap();
    (0..1000).for_each(|n| assert_eq!(read[3 * n], seconds(n), "row {n}"));
    let shifted = table(&surveyed([1.7e9, 5_123_456.0, 100.0]).0, &[]);
    let (here, there) = (standardised(&data), standardised(&shifted));
    let different = |column: usize, of: &[f32]| {
        let mut bits: Vec<u32> = of.iter().skip(column).step_by(3).map(|v| v.to_bits()).collect();
        bits.sort_unstable();
        bits.dedup();
        bits.len()
    };
    for (n, (a, b)) in here.iter().zip(&there).enumerate() {
        assert!((a - b).abs() <= 2e-6 * (1.0 + b.abs()), "value {n}: {a}, shifted {b}");
    }
    assert_eq!(different(0, &here), 1000, "every second");
    (0..3).for_each(|column| assert_eq!(different(column, &here), different(column, &there), "column {column}"));
    assert!(data.lost_digits(&data.rows(Split::All).unwrap()).is_empty());
}

#[test]
fn digits_that_cannot_be_kept_are_named() {
    let long = table("id,x\n12345678901234567891,1\n12345678901234567892,2\n", &[]);
    notes(&long, &["column 1 `id`", "line 2", "12345678901234567891", "about 16"]);
    assert!(table("id,x\n9007199254740992,0.1234567890123456\n", &[]).notes().is_empty());
    // An outlier makes all other values one f32.
    let outlier = |far: &str| -> Dataset {
        let rows: String = (0..200).map(|n| format!("{}.25,{}\n", n % 9, 1.0 + f64::from(n) / 1000.0)).collect();
        table(&format!("a,b\n{rows}1.5,{far}\n"), &[])
    };
    let (far, near) = (outlier("1e12"), outlier("100"));
    let rows: Vec<u32> = (0..201).collect();
    assert_eq!((far.lost_digits(&rows), near.lost_digits(&rows)), (vec![1], vec![]));
    assert!(far.lost_digits(&rows[..200]).is_empty(), "without that row");
}

// ---- What a density has no bound on

#[test]
fn columns_that_a_density_has_no_bound_on_are_found() {
    // normal-like, constant, 3 x + 7 of the first, counts, a near copy, -x
    let rows: String = (0..40)
        .map(|n| {
            let x = f64::from(n * n % 101) / 7.0;
            format!("{x},5,{},{},{},{}\n", 3.0 * x + 7.0, n % 4, x + f64::from(n % 3) / 100.0, -x)
        })
        .collect();
    let data = table(&rows, &[]);
    let all: Vec<u32> = (0..40).collect();
    assert_eq!(data.constant_columns(&all), [1]);
    assert_eq!(data.copied_columns(&all), [(2, 0), (5, 0)]);
    assert_eq!(data.counted_columns(&all), [3]);
    assert_eq!(data.n_repeated(&all), 0);
    assert_eq!(data.columns_without(&[1, 2, 5]).unwrap(), "--set columns=1,4,5");
    assert_eq!(data.columns_without(&[0, 1, 2, 3, 4, 5]), None);
    assert!(data.copied_columns(&[]).is_empty() && data.counted_columns(&[]).is_empty() && data.lost_digits(&[]).is_empty());
    // Numbers are those of the file, also where its first column is left out.
    let named = table(&format!(",x y,b\n{}", (0..4).map(|n| format!("{n},{n}.5,{}\n", n * n)).collect::<String>()), &[]);
    assert_eq!(named.columns_without(&[1]).unwrap(), "--set columns=2");
}

#[test]
fn rows_that_repeat_are_counted() {
    let data = table("1,2\n3,4\n1,2\n-0,5\n0,5\n1,2\n", &[("test_every", "3")]);
    let (train, test) = (data.rows(Split::Train).unwrap(), data.rows(Split::Test).unwrap());
    assert_eq!((train.clone(), test.clone()), (vec![0, 1, 3, 4], vec![2, 5]));
    assert_eq!((data.n_repeated(&train), data.n_repeated(&[0, 1, 2, 3, 4, 5])), (1, 3));
    assert_eq!(data.rows_among(&test, &train), [2, 5]);
    assert_eq!(data.rows_among(&test, &[1, 3]), [0_u32; 0]);
}

#[test]
fn a_table_is_what_its_kind_says() {
    let kind = KINDS.iter().find(|kind| kind.name == "a table of numbers").unwrap();
    let rows: String = (0..30).map(|n| format!("{}.5,{}\n", n * n, n % 2)).collect();
    let fares = format!("fare,k\n{rows}");
    let made: Vec<(&str, &[u8], Set)> = vec![
        ("missing values (", b"a,b\n1,?\n2,3\n", &[]),
        ("a column that is missing", b"a,b\n1,?\n2,NA\n", &[("missing", "drop")]),
        ("a word in a column", b"a,b\n1,2\n3,x\n4,5\n", &[]),
        ("an infinite value", b"a\n1\ninf\n", &[]),
        ("several columns of words", b"a,b,c\n1,x,y\n2,z,w\n", &[]),
        ("no column of numbers", b"a,b\nx,y\n", &[]),
        ("a column that is not there", b"length\n1\n", &[("columns", "lenght")]),
        ("measurements as classes", fares.as_bytes(), &[("label", "fare")]),
        ("lines of unequal length", b"1,2\n3\n", &[]),
        ("separators between thousands", b"1.234,5;2\n1.234,5;2\n", &[]),
        ("decimal points beside", b"1,5;2\n1.5;2\n", &[]),
        ("decimal commas between", b"a,b\n1,5,2,5\n", &[]),
        ("quotes that do not end", b"1,\"2\n", &[]),
        ("text of no known characters", b"a\n\x81\n", &[]),
        ("no row", b"a,b\n", &[]),
        ("a web page", b"<html>\n", &[]),
    ];
    assert_eq!(made.len(), kind.refused.len());
    for refusal in kind.refused {
        let (_, bytes, set) =
            made.iter().find(|(what, ..)| refusal.what.starts_with(what)).unwrap_or_else(|| panic!("{}", refusal.what));
        let folder = Folder::new();
        let path = folder.write("t.csv", bytes);
        let message = match std::str::from_utf8(bytes) {
            Ok(text) => read(text, set).unwrap_err().to_string(),
            Err(_) => fails(&path).to_string(),
        };
        assert!(message.contains(refusal.words), "{}: `{}` is not in: {message}", refusal.what, refusal.words);
    }
    assert!(matches!(table("1\n", &[]).values(), Values::Double(_)), "{}", kind.becomes);
}
