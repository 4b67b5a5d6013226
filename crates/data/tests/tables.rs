//! Tables of numbers and of words: what a person may write, and errors that name the line and the column.

mod common;

use calotype_data::{DataError, Missing, Options, Split, open, read_records};
use proptest::prelude::*;

use common::{Folder, continuous, fails, open_path};

#[test]
fn tables_are_read_with_and_without_a_header() {
    let folder = Folder::new();
    let rows = |text: &str| continuous(&open_path(&folder.write("t.csv", text)).unwrap());
    assert_eq!(rows("a,b\n1,2\n\n3,-4.5e1\n"), [1.0, 2.0, 3.0, -45.0]);
    assert_eq!(rows("1;2\r\n3;4"), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(rows("\u{feff}x\ty\n1\t2"), [1.0, 2.0]);
    let path = folder.write("s.csv", "1\n2\n3\n4\n5\n6\n");
    let every = |k| open(path.to_str().unwrap(), &Options { test_every: Some(k), ..Options::default() });
    assert_eq!(every(5).unwrap().rows(Split::Test).unwrap(), [4]);
    assert!(matches!(every(1).unwrap_err(), DataError::Setting { key: "test_every", .. }));
}

proptest! {
    #[test]
    fn no_table_panics(text in "[\"\r\n,;\t .#?ab01=é\u{feff}-]{0,60}") {
        let folder = Folder::new();
        let path = folder.write("t.csv", text);
        let _ = open_path(&path).map_err(|e| e.to_string());
        let _ = read_records(&path).map_err(|e| e.to_string());
        for header in [None, Some(true), Some(false)] {
            for (label, columns) in [(None, vec!["1".to_owned()]), (Some("1".to_owned()), vec![]), (Some("none".to_owned()), vec![])] {
                let options = Options { header, label, columns, missing: Missing::Drop, ..Options::default() };
                let _ = open(path.to_str().unwrap(), &options).map_err(|e| e.to_string());
            }
        }
    }
}

#[test]
fn numbers_may_stand_in_quotes() {
    let folder = Folder::new();
    let rows = |text: &str| continuous(&open_path(&folder.write("t.csv", text)).unwrap());
    assert_eq!(rows("\"height, cm\",\"b\"\n\"1.5\",\"2\"\n"), [1.5, 2.0]);
    assert_eq!(rows("\"1.5\",2\r\n3, \"-4\" \r\n \r\n"), [1.5, 2.0, 3.0, -4.0]);
    assert_eq!(rows("1;\"2\""), [1.0, 2.0]);
    let message = fails(&folder.write("t.csv", "1,\"2\n3,4\n")).to_string();
    assert!(message.contains("double quotes that begin and end a field") && message.contains("line 1"), "{message}");
}

#[test]
fn tables_with_holes_are_errors_that_name_the_cell() {
    let folder = Folder::new();
    let error = |text: &[u8]| fails(&folder.write("t.csv", text)).to_string();
    let says = |text: &str, says: &[&str]| {
        let message = error(text.as_bytes());
        for part in says.iter().chain(&["t.csv"]) {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    };
    // Lines are those that an editor shows: with the header, blank ones and either line break.
    says("1,2\n3,four\n", &["line 2, column 2: expected a finite number, found `four`", "remove its line or its column"]);
    says("a,b\r\n1,2\r\n\r\n \r\n3,four\r\n", &["line 5, column 2 `b`", "`four`"]);
    says("\n\na,b\n1,2\n1,NaN\n", &["line 5, column 2 `b`: `NaN`", "--set missing=drop"]);
    says("\u{feff}a,\n1,2\n3,\n", &["1 missing value (line 3, column 2: nothing)"]);
    says("1,2\ninf,4\n", &["line 2, column 1:", "`inf`", "--set columns=2"]);
    says("1,2\n1e400,4\n", &["line 2, column 1:", "`1e400`"]);
    says("1,2\n3\n", &["line 2 has 1 values, the first line has 2"]);
    says("a,b\n1,2,3\n1,5,6\n", &["line 2 has 3 values, the first line has 2"]);
    says("a,b\n1,2\n3\n", &["line 3 has 1 values, the first line has 2"]);
    assert!(matches!(fails(&folder.write("t.csv", "")), DataError::Empty { .. }));
    assert!(matches!(fails(&folder.write("t.csv", "only,a,header\n")), DataError::Empty { .. }));
    let message = error(b"a\n1\n\x81\n");
    assert!(message.contains("not UTF-8 text (line 3)") && !message.contains("damaged"), "{message}");
}

#[test]
fn lines_are_split_as_a_person_means_them() {
    let folder = Folder::new();
    let split = |line: &str| {
        let n = line.matches(',').count();
        let header = (0..=n).map(|c| format!("c{c}")).collect::<Vec<_>>();
        // A header of as many columns as the line has; quoted commas make it one less.
        (0..=n).find_map(|n| read_records(&folder.write("t.csv", format!("{}\n{line}\n", header[..=n].join(",")))).ok())
    };
    for (line, words) in [
        ("a, b ,,d", &["a", "b", "", "d"][..]),
        ("a,", &["a", ""]),
        (r#""x, y" , "say",z"#, &["x, y", "say", "z"]),
        (r#""say ""no""","""yes""",b"#, &["say \"no\"", "\"yes\"", "b"]),
        (r#"a,"",c"#, &["a", "", "c"]),
        (r#"a"b,c"#, &["a\"b", "c"]),
    ] {
        assert_eq!(split(line).unwrap_or_else(|| panic!("{line}")).rows, [words], "{line}");
    }
    let tabs = read_records(&folder.write("t.tsv", "x\ty\tz\na\t\tb\n")).unwrap();
    assert_eq!(tabs.rows, [["a", "", "b"]]);
}

#[test]
fn tables_of_words_are_checked() {
    let folder = Folder::new();
    let read = |text: &[u8]| read_records(&folder.write("t.csv", text));
    let table = read(b"\xef\xbb\xbfcolour;n\nred; 3\n\n\"dark; blue\";4\n").unwrap();
    assert_eq!(
        (table.header, table.rows, table.lines),
        (
            vec!["colour".into(), "n".into()],
            vec![vec!["red".to_owned(), "3".into()], vec!["dark; blue".into(), "4".into()]],
            vec![2, 4]
        )
    );
    assert!(matches!(read(b"a,b\n1,2\n3\n"), Err(DataError::LineLength { line: 3, expected: 2, found: 1, .. })));
    assert!(matches!(read(b"\n \n"), Err(DataError::Empty { .. })));
    assert!(matches!(read(b"a,b\n"), Err(DataError::Empty { .. })));
    assert!(matches!(read(b"a\n\xff\n"), Err(DataError::NotText { line: 2, .. })));
    for (text, says) in [
        ("a,,c\n1,2,3\n", "none for column 2"),
        ("a,b,a\n1,2,3\n", "`a` twice"),
        ("a\n\"open\n", "double quotes"),
        ("a\n\n\"open", "line 3: `\"open`"),
        ("a\n\"\"\"\"\"\nb\n", "double quotes"),
        ("a\n \"open\n", "double quotes"),
    ] {
        let message = read(text.as_bytes()).unwrap_err().to_string();
        assert!(message.contains(says) && message.contains("t.csv"), "{message}");
    }
    assert!(matches!(read_records(&folder.path("none.csv")), Err(DataError::NotFound { .. })));
}
