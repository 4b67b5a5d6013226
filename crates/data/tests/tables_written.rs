//! Tables as programs write them: pandas, NumPy, R, spreadsheets, the UCI archive. What stands in quotes here is what they wrote.

mod common;

use std::io::Write;

use calotype_data::{DataError, Dataset, Options, open, read_records};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use common::{Folder, continuous, fails, open_path};

fn table(name: &str, bytes: impl AsRef<[u8]>) -> Dataset {
    open_path(&Folder::new().write(name, bytes)).unwrap_or_else(|e| panic!("{e}"))
}

/// One note holds all of `words`.
fn notes(data: &Dataset, words: &[&str]) {
    let found = data.notes().iter().any(|note| words.iter().all(|word| note.contains(word)));
    assert!(found, "{words:?} are in none of {:?}", data.notes());
}

fn refused(name: &str, text: &str, words: &[&str]) {
    let message = fails(&Folder::new().write(name, text)).to_string();
    words.iter().for_each(|word| assert!(message.contains(word), "`{word}` is not in: {message}"));
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(unit).collect()
}

// ---- Text

#[test]
fn text_is_utf8_or_marked_utf16_plain_or_zipped() {
    let text = "größe,b\r\n1.5,2\r\n3,4\r\n";
    for bytes in [
        text.as_bytes().to_vec(),
        format!("\u{feff}{text}").into_bytes(),
        utf16(text, u16::to_le_bytes),
        utf16(text, u16::to_be_bytes),
        gz(text.as_bytes()),
        gz(&utf16(text, u16::to_le_bytes)),
    ] {
        let data = table("t.csv", bytes);
        assert_eq!((continuous(&data), data.column(0).as_str()), (vec![1.5, 2.0, 3.0, 4.0], "column 1 `größe`"));
        assert!(data.notes().is_empty(), "{:?}", data.notes());
    }
    let words = Folder::new();
    let records = read_records(&words.write("t.csv", utf16("colour,n\nrot,1\n", u16::to_le_bytes))).unwrap();
    assert_eq!((records.header, records.rows), (vec!["colour".into(), "n".into()], vec![vec!["rot".to_owned(), "1".into()]]));
    let records = read_records(&words.write("t.csv.gz", gz(b"# from a friend\ncolour,n\n#ff0000,1\n"))).unwrap();
    assert_eq!((records.rows, records.lines), (vec![vec!["#ff0000".to_owned(), "1".into()]], vec![3]));

    let folder = Folder::new();
    let unmarked = utf16("a,b\n1,2\n", u16::to_le_bytes)[2..].to_vec();
    let odd = utf16("a,b\n1,2\n", u16::to_le_bytes)[..11].to_vec();
    for (bytes, words) in [
        (unmarked, &["a zero byte on line 1", "UTF-16 without a byte order mark", "save it as UTF-8"][..]),
        (odd, &["an even number of bytes", "found 11"]),
        (vec![0xff, 0xfe, b'1', 0, b'\n', 0, 0x00, 0xd8, b'2', 0], &["half a character on line 2"]),
    ] {
        let message = fails(&folder.write("t.csv", bytes)).to_string();
        words.iter().for_each(|word| assert!(message.contains(word), "{message}"));
    }
}

#[test]
fn tables_are_known_by_their_names_or_by_what_is_in_them() {
    let text = "a b\n1 2\n3 4.5\n";
    for name in ["t.csv", "t.tsv", "t.tab", "t.TXT", "t.data", "t.dat", "t", "t.asc", "t.2024"] {
        assert_eq!(continuous(&table(name, text)), [1.0, 2.0, 3.0, 4.5], "{name}");
    }
    for name in ["t.csv.gz", "t.tsv.gz", "t.txt.gz", "t.gz", "t"] {
        assert_eq!(continuous(&table(name, gz(text.as_bytes()))), [1.0, 2.0, 3.0, 4.5], "{name}");
    }
    // A large one is known by its beginning, and read whole.
    let many: String = (0..30_000).map(|n| format!("{n},{}\n", n * 7 % 11)).collect();
    assert_eq!(table("many", &many).n_rows(), 30_000);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab\nsize 12345\n";
    for text in [
        "<!DOCTYPE html>\n<html>\n<p>1 2</p>\n</html>\n",
        pointer,
        "Read me\n\n1 file\n",
        "x = 1\nprint(x)\n",
        "1\n",
        "",
        "{\n  \"a\": 1\n}\n",
    ] {
        let error = fails(&Folder::new().write("t", text));
        assert!(error.to_string().contains("none of them"), "{text}: {error}");
    }
    refused("t.csv", "<!DOCTYPE html>\n<html>\n", &["t.csv", "a web page"]);
    refused("t.csv", pointer, &["git lfs pull"]);
}

// ---- pandas

#[test]
fn the_index_of_pandas_is_left_out_and_said() {
    // pandas.DataFrame({'x': [.5, .25], 'y': [1, 3]}).to_csv()
    let data = table("t.csv", ",x,y\n0,0.5,1\n1,0.25,3\n");
    assert_eq!((continuous(&data), data.shape()), (vec![0.5, 1.0, 0.25, 3.0], [2].as_slice()));
    assert_eq!(data.column(0), "column 2 `x`");
    notes(&data, &["column 1 counts the rows from 0", "pandas", "left out", "--set columns=1,x,y"]);
    // The same, saved once more with its index; and to_csv(sep=';', decimal=',').
    assert_eq!(continuous(&table("t.csv", "Unnamed: 0,x\n0,0.5\n1,0.25\n")), [0.5, 0.25]);
    let german = table("t.csv", ";x;y\n0;0,5;1\n1;0,25;3\n");
    assert_eq!(continuous(&german), [0.5, 1.0, 0.25, 3.0]);
    notes(&german, &["commas are decimal points", "`0,5` on line 2 is 0.5"]);
    // df.sample(frac=1).to_csv(), and an index of words.
    for text in [",x\n7,0.5\n3,0.25\n", ",x\nb,0.5\na,0.25\n"] {
        let data = table("t.csv", text);
        assert_eq!(continuous(&data), [0.5, 0.25]);
        notes(&data, &["column 1 has no name", "names of the rows", "left out"]);
    }
    // pandas.DataFrame([[.5, .25], [1, 2]]).to_csv(): names that are numbers.
    let data = table("t.csv", ",0,1\n0,0.5,0.25\n1,1.0,2.0\n");
    assert_eq!((continuous(&data), data.column(0).as_str()), (vec![0.5, 0.25, 1.0, 2.0], "column 2 `0`"));
    // What only looks so is read: an index under a name, and one without a header.
    let named = table("t.csv", format!("n,x\n{}", (0..9).map(|n| format!("{n},{}\n", n * n)).collect::<String>()));
    assert_eq!(named.shape(), [2]);
    notes(&named, &["one more than the line before in column 1 `n`", "--set columns=x"]);
    assert_eq!(table("t.csv", "0,0.5\n1,0.25\n").shape(), [2]);
    assert_eq!(continuous(&table("t.csv", ",\n1,2\n3,4\n")), [1.0, 2.0, 3.0, 4.0], "no name is no header");
}

#[test]
fn the_setting_that_a_note_offers_reads_what_was_left_out() {
    let folder = Folder::new();
    for (text, expected) in [(",x,y\n0,0.5,1\n1,0.25,3\n", 3), (",0,1\n0,0.5,0.25\n1,1.0,2.0\n", 3)] {
        let path = folder.write("t.csv", text);
        let note = open_path(&path).unwrap().notes()[0].clone();
        let (_, columns) = note.split_once("--set columns=").unwrap();
        let columns = columns.split(',').map(str::to_owned).collect();
        let data = open(path.to_str().unwrap(), &Options { columns, ..Options::default() }).unwrap();
        assert_eq!(data.n_values(), expected, "{note}");
        assert_eq!(&continuous(&data)[..2], [0.0, 0.5]);
    }
}

// ---- NumPy

#[test]
fn numpy_savetxt_is_read() {
    // numpy.savetxt(f, [[.1, 2], [-3, 4e10]]), and with header='a b', with delimiter='\t' and two lines of header.
    let rows = "1.000000000000000056e-01 2.000000000000000000e+00\n-3.000000000000000000e+00 4.000000000000000000e+10\n";
    let expected = [0.1, 2.0, -3.0, 4e10];
    let plain = table("t.txt", rows);
    assert_eq!(continuous(&plain), expected);
    assert!(plain.notes().is_empty(), "all digits are kept: {:?}", plain.notes());
    let named = table("t.txt", format!("# a b\n{rows}"));
    assert_eq!((continuous(&named), named.column(1).as_str()), (expected.to_vec(), "column 2 `b`"));
    let tabs = table("t.dat", format!("# made by me\n# a\tb\n{}", rows.replace(' ', "\t")));
    assert_eq!((continuous(&tabs), tabs.column(0).as_str()), (expected.to_vec(), "column 1 `a`"));
    let prose = table("t.txt", format!("# the measurements of May\n{rows}"));
    assert_eq!((continuous(&prose), prose.column(0).as_str()), (expected.to_vec(), "column 1"));
    // A header below a comment is the header.
    let both = table("t.csv", "# x,y\na,b\n1,2\n");
    assert_eq!(both.column(0), "column 1 `a`");
    assert!(both.left_out().is_empty());
}

#[test]
fn comments_among_the_rows_are_left_out_and_counted() {
    let data = table("t.csv", "# x,y\n#0,0\n1,2\n# a pause\n3,4\n #5,6\n");
    assert_eq!(continuous(&data), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(data.left_out()[0].to_string(), "3 comment lines: line 2, line 4, line 6");
    refused("t.csv", "#N/A,1\n2,3\n", &["line 1, column 1: `#N/A`"]);
    assert!(matches!(fails(&Folder::new().write("t.csv", "# 1,2\n# 3,4\n")), DataError::Empty { .. }));
}

// ---- R

#[test]
fn names_of_rows_of_r_are_left_out_and_said() {
    // write.table(d, f): the header is one name short; write.csv(d, f): its first name is empty.
    let short = table("t.txt", "\"mpg\" \"cyl\"\n\"Mazda RX4\" 21 6\n\"Datsun 710\" 22.8 4\n");
    assert_eq!((continuous(&short), short.column(1).as_str()), (vec![21.0, 6.0, 22.8, 4.0], "column 3 `cyl`"));
    notes(&short, &["column 1 has no name in the header", "R", "left out"]);
    let comma = table("t.csv", "a,b\n1,2,3\n4,5,6\n");
    assert_eq!(continuous(&comma), [2.0, 3.0, 5.0, 6.0]);
    let csv = table("t.csv", "\"\",\"mpg\"\n\"Mazda RX4\",21\n\"Datsun 710\",22.8\n");
    assert_eq!(continuous(&csv), [21.0, 22.8]);
    refused("t.csv", "a,b\n1,2,3\n1,5,6\n", &["line 2 has 3 values, the first line has 2"]);
}

// ---- Spreadsheets

#[test]
fn spreadsheets_of_any_country_are_read() {
    let excel = table("t.csv", "\u{feff}sep=;\r\na;b\r\n1,5;2\r\n-0,25;1e3\r\n");
    assert_eq!(continuous(&excel), [1.5, 2.0, -0.25, 1000.0]);
    notes(&excel, &["`1,5` on line 3 is 1.5"]);
    assert_eq!(continuous(&table("t.csv", "sep=|\n1|2\n")), [1.0, 2.0]);
    assert_eq!(continuous(&table("t.txt", "1,5 2,5\n3,5 4\n")), [1.5, 2.5, 3.5, 4.0]);
    assert_eq!(continuous(&table("t.tsv", "1,5\t2,5\n3,5\t4\n")), [1.5, 2.5, 3.5, 4.0]);
    assert_eq!(continuous(&table("t.csv", "a,b\n\"1,5\",2\n\"2,25\",3\n")), [1.5, 2.0, 2.25, 3.0]);
    assert_eq!(continuous(&table("t.csv", "a;b\n1.5;2\n2.5;3\n")), [1.5, 2.0, 2.5, 3.0]);
    let thousands = table("t.csv", "a;b\n1,234;2\n2,345;3\n");
    notes(&thousands, &["`1,234` on line 2 is 1.234", "between thousands"]);
    let grouped = &["line 2, column 1 `a`", "without separators between thousands", "1234.5"][..];
    refused("t.csv", "a;b\n1.234,5;2\n2.345,5;3\n", grouped);
    refused("t.csv", "a,b\n\"1,234,567\",2\n3,4\n", grouped);
    refused("t.csv", "a,b\n5 %,2\n10 %,4\n", &["line 2, column 1 `a`", "or a unit", "`5 %`"]);
    refused("t.csv", "a,b\n\"1,234\",2\n\"2,345\",3\n", &["line 2, column 1 `a`", "cannot be thousands", "`1,234`"]);
    refused("t.csv", "a;b\n1,5;2\n2,5;3.5\n", &["line 2, column 1 `a`", "as line 3, column 2 `b` has (`3.5`)", "`1,5`"]);
    refused("t.csv", "a,b\n1,5,2,5\n2,5,3,5\n", &["2 fields on every line, found 4 on line 2", "semicolons"]);
}

#[test]
fn separators_at_the_ends_of_lines_are_left_out_and_said() {
    for text in ["a,b,\n1,2,\n3,4,\n", "a,b\n1,2,\n3,4,\n", "1,2,\n3,4,\n", "1\t2\t\n3\t4\t\n"] {
        let data = table("t.csv", text);
        assert_eq!(continuous(&data), [1.0, 2.0, 3.0, 4.0], "{text}");
        notes(&data, &["every line ends with a separator"]);
    }
    assert_eq!(continuous(&table("t.csv", "a,b,\n1,2\n3,4\n")), [1.0, 2.0, 3.0, 4.0]);
    let excel = table("t.csv", "a,b,,\n1,2,,\n3,4,,\n,,,\n,,,\n");
    assert_eq!(continuous(&excel), [1.0, 2.0, 3.0, 4.0]);
    notes(&excel, &["nothing is in them: column 3, column 4"]);
    assert_eq!(excel.left_out()[0].to_string(), "2 lines without a value: line 4, line 5");
    refused("t.csv", "a,b,c\n1,2,\n3,4,\n", &["column 3 `c` missing on all 2 lines", "--set columns=a,b"]);
}

// ---- UCI

#[test]
fn lines_of_separators_are_counted_whatever_separates() {
    for separator in [',', ';', '\t', '|'] {
        let data = table("t.tsv", "1,2\n,\n3,4\n , \n\n \n".replace(',', &separator.to_string()));
        assert_eq!(continuous(&data), [1.0, 2.0, 3.0, 4.0], "{separator:?}");
        assert_eq!(data.left_out()[0].to_string(), "2 lines without a value: line 2, line 4", "{separator:?}");
    }
    let folder = Folder::new();
    let words = read_records(&folder.write("t.tsv", "a\tb\n\t\nx\ty\n")).unwrap();
    assert_eq!((words.rows.len(), words.lines), (2, vec![2, 3]));
}

#[test]
fn fields_of_any_number_of_digits_are_read() {
    let data = table("t.csv", format!("x,y\n0.{},2\n3,4\n", "1234567".repeat(10_000)));
    assert_eq!(data.n_rows(), 2);
    notes(&data, &["more digits", "column 1 `x`"]);
}

/// More columns than a table may have are refused before anything is kept of each; many are named in no time.
#[test]
fn columns_are_bounded_and_counted_once() {
    let folder = Folder::new();
    for line in [",".repeat(1_000_000), "1 ".repeat(1_000_001)] {
        let path = folder.write("t.csv.gz", gz(format!("{line}\n{line}\n{line}\n").as_bytes()));
        let message = fails(&path).to_string();
        assert!(message.contains("expected at most 1000000 columns, found more on line 1"), "{message}");
        let message = read_records(&path).err().map(|e| e.to_string());
        assert!(line.starts_with('1') || message.is_some_and(|m| m.contains("at most 1000000 columns")));
    }
    // Nor does a line of tabs, or of blanks behind its fields, take the square of its length.
    let start = std::time::Instant::now();
    for (line, found) in
        [("\t".repeat(20_000_000), "more on line 2"), (format!(",3{}", " ".repeat(3_000_000)).repeat(2), "line 2 has 3 values")]
    {
        let first = if line.starts_with('\t') { "1\t2" } else { "1,2" };
        let message = fails(&folder.write("t.csv", format!("{first}\n{line}\n"))).to_string();
        assert!(message.contains(found), "{message}");
    }
    let blanks = " ".repeat(300_000);
    let wide = table("t.csv", format!("{0}{blanks}\n{0}{blanks}\n", "1,".repeat(30_000)));
    assert_eq!(wide.n_values(), 30_000);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    let n = 60_000;
    let line = |word: &str| (0..n).map(|at| format!("{word}{at}")).collect::<Vec<_>>().join(",");
    let path = folder.write("wide.csv", format!("{}\n{}\n{}\n", line("c"), line("1"), line("2")));
    let start = std::time::Instant::now();
    let data = open_path(&path).unwrap();
    assert_eq!((data.n_values(), data.column(n - 1).as_str()), (n, "column 60000 `c59999`"));
    let columns = vec![format!("1-{n}")];
    let chosen = open(path.to_str().unwrap(), &Options { columns, ..Options::default() }).unwrap();
    assert_eq!(chosen.n_values(), n);
    // With a search among all names for each it takes a minute.
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn files_of_the_uci_archive_are_read() {
    let iris = table("iris.data", "5.1,3.5,Iris-setosa\n4.9,3.0,Iris-setosa\n7.0,3.2,Iris-versicolor\n\n");
    assert_eq!(continuous(&iris), [5.1, 3.5, 4.9, 3.0, 7.0, 3.2]);
    assert_eq!((iris.labels(), iris.factors()[0].name.as_str()), (Some([0, 0, 1].as_slice()), "class"));
    let seeds = table("seeds_dataset.txt", "15.26\t14.84\t1\n14.88\t14.57\t\t1\n14.29\t\t14.09\t1\n");
    assert_eq!(continuous(&seeds)[3..6], [14.88, 14.57, 1.0]);
    let wine = table("winequality.csv", "\"fixed acidity\";\"quality\"\n7.4;5\n7.8;5\n");
    assert_eq!((continuous(&wine), wine.column(0).as_str()), (vec![7.4, 5.0, 7.8, 5.0], "column 1 `fixed acidity`"));
    let mpg = "18.0   8   307.0\t\"chevrolet chevelle\"\n15.0   8   350.0\t\"buick skylark\"\n";
    assert_eq!(continuous(&table("auto-mpg.data", mpg)), [18.0, 8.0, 307.0, 15.0, 8.0, 350.0]);
    refused("breast-cancer.data", "1,5,2\n2,?,4\n3,?,4\n4,1,2\n", &["2 missing values", "line 2, column 2: `?`", "2 of 4 lines"]);
}

// ---- Properties

/// How a program writes a number and a line of numbers.
#[derive(Clone, Copy, Debug)]
struct Style {
    separator: &'static str,
    comma: bool,
    quotes: bool,
    header: bool,
    line_break: &'static str,
    trailing: bool,
}

fn styles() -> impl Strategy<Value = Style> {
    let separator = prop_oneof![Just(","), Just(";"), Just("\t"), Just(" "), Just(", "), Just("  "), Just("|")];
    let line_break = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    let flags = any::<[bool; 4]>();
    (separator, line_break, flags).prop_map(|(separator, line_break, [comma, quotes, header, trailing])| Style {
        separator,
        line_break,
        // Between commas, decimals with commas stand in quotes.
        quotes: quotes || (comma && separator.starts_with(',')),
        comma,
        header,
        trailing: trailing && !separator.starts_with(' '),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// However numbers are written, the same f64 are read.
    #[test]
    fn any_style_gives_the_same_numbers(
        style in styles(),
        n_columns in 2..5_usize,
        values in proptest::collection::vec(prop_oneof![-1e3..1e3_f64, -1e-300..1e-300_f64, Just(1_700_000_000.125)], 20),
    ) {
        let Style { separator, comma, quotes, header, line_break, trailing } = style;
        let mut values: Vec<f64> = values[..20 / n_columns * n_columns].to_vec();
        // A number whose comma is surely a decimal one.
        values[0] = 0.5;
        let quoted = |text: String| if quotes { format!("\"{text}\"") } else { text };
        let field = |v: &f64| quoted(if comma { format!("{v:?}").replace('.', ",") } else { format!("{v:?}") });
        let end = if trailing { separator } else { "" };
        let mut text = String::new();
        if header {
            let names: Vec<String> = (0..n_columns).map(|n| quoted(format!("c{n}"))).collect();
            text += &format!("{}{end}{line_break}", names.join(separator));
        }
        for row in values.chunks(n_columns) {
            text += &format!("{}{end}{line_break}", row.iter().map(field).collect::<Vec<_>>().join(separator));
        }
        let folder = Folder::new();
        let data = open_path(&folder.write("t.csv", &text));
        let data = data.map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        prop_assert_eq!(continuous(&data), values, "{}", text);
    }

    /// Words come back as the csv crate has written them.
    #[test]
    fn words_are_read_as_the_csv_crate_writes_them(
        rows in proptest::collection::vec(proptest::collection::vec("[a-z,;\"|é ]{0,6}", 3), 1..6),
    ) {
        let mut writer = csv::Writer::from_writer(vec![]);
        writer.write_record(["a", "b", "c"]).unwrap();
        rows.iter().for_each(|row| writer.write_record(row).unwrap());
        let folder = Folder::new();
        let path = folder.write("t.csv", writer.into_inner().unwrap());
        let expected: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|w| w.trim().to_owned()).collect()).collect();
        let records = read_records(&path).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(records.rows, expected);
    }
}

/// What a spreadsheet writes on Windows where nobody asked for UTF-8.
#[test]
fn windows_1252_is_read_and_said() {
    let folder = Folder::new();
    let data =
        open_path(&folder.write("t.csv", b"Gr\xf6\xdfe;Preis \x80;Ort\r\n1,5;2;K\xf6ln\r\n3,25;4;Bonn\r\n1,5;9;K\xf6ln\r\n"))
            .unwrap();
    assert_eq!(continuous(&data), [1.5, 2.0, 3.25, 4.0, 1.5, 9.0]);
    assert_eq!((data.column(0).as_str(), data.column(1).as_str()), ("column 1 `Größe`", "column 2 `Preis €`"));
    assert_eq!(data.class_names(), ["Bonn", "Köln"]);
    assert!(data.notes().iter().any(|note| note.contains("read as Windows-1252")), "{:?}", data.notes());
}
