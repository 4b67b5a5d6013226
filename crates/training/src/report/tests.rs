//! Pages of folders that are whole, half written and damaged.

use std::fs;
use std::time::{Duration, Instant};

use super::*;
use crate::metrics::Line;
use crate::pictures::Kind;

/// What is no tag of the templates if it is escaped.
const HOSTILE: &str = "<script>alert(1)</script> & \"quoted\"";

fn folder(lines: &[Line]) -> (tempfile::TempDir, RunFolder) {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("samples")).expect("a folder");
    let text: String = lines.iter().map(Line::to_json).collect();
    fs::write(dir.path().join("metrics.jsonl"), text).expect("it is written");
    let folder = RunFolder::at(dir.path());
    (dir, folder)
}

fn line(step: u64) -> Line {
    let losses = [("loss_d", 1.0 / step as f32), ("loss_g", (step as f32).sin()), ("sliced_wasserstein", 30.0)];
    Line::of(step, step as f64 * 0.1, losses.iter().map(|(n, v)| ((*n).to_owned(), Some(*v))).collect())
}

fn page(folder: &RunFolder) -> String {
    fs::read_to_string(write_report(folder.path()).expect("a page")).expect("it is there")
}

#[test]
fn text_from_files_is_escaped() {
    let warned = Line { warning: Some(HOSTILE.into()), ..line(3) };
    let named = Line::of(2, 0.2, vec![(HOSTILE.into(), Some(1.0)), (HOSTILE.into(), Some(1.0))]);
    let (_dir, folder) = folder(&[line(1), named.clone(), Line { step: 4, ..named }, warned]);
    let page = page(&folder);
    assert!(!page.contains("<script>alert"), "it would run");
    assert!(page.contains("&lt;script&gt;alert(1)"), "it is shown");
    let data = page.split("id=\"charts\">").nth(1).and_then(|rest| rest.split("</script>").next()).expect("the curves");
    let charts: serde_json::Value = serde_json::from_str(data).expect("JSON");
    assert!(charts.to_string().contains("alert(1)"), "and is a curve's name");
}

#[test]
fn what_is_damaged_is_named_and_the_rest_is_shown() {
    let (dir, folder) = folder(&[line(1), line(2)]);
    let metrics = folder.metrics();
    let text = fs::read_to_string(&metrics).expect("it is there");
    fs::write(&metrics, format!("{text}no JSON\n{{\"step\":3,\"wal")).expect("it is written");
    fs::write(folder.config_path(), "format = 1\nversion = ").expect("it is written");
    fs::write(folder.evaluation(), "{").expect("it is written");
    fs::write(folder.picture(Kind::SAMPLES, 2), b"\x89PNG\r\n\x1a\nhalf").expect("it is written");
    fs::write(folder.nearest(), b"").expect("it is written");
    let page = page(&folder);
    for named in [
        "run.toml",
        "1 line of metrics.jsonl is no JSON",
        "evaluation.json cannot be read",
        "samples&#x2f;step-0000002.png is damaged",
    ] {
        assert!(page.contains(named), "{named}: {page}");
    }
    assert!(page.contains("loss_d") && page.contains("What went wrong"));
    drop(dir);
    assert!(matches!(write_report(folder.path()), Err(TrainingError::NoRun { .. })), "an empty folder is no run");
}

/// 50,000 steps with a line every 10, and pictures of 20 MB together: below 1 s and 5 MB.
#[test]
fn a_long_run_has_a_small_page_soon() {
    let (_dir, folder) = folder(&(1..=5000).map(|n| line(10 * n)).collect::<Vec<_>>());
    let picture = [&b"\x89PNG\r\n\x1a\n"[..], &[7; 200_000], b"IEND\xaeB`\x82"].concat();
    for step in 1..=100 {
        fs::write(folder.picture(Kind::SAMPLES, 500 * step), &picture).expect("it is written");
    }
    let begun = Instant::now();
    let page = page(&folder);
    let took = begun.elapsed();
    // Built for tests, beside other tests: by itself it takes a tenth.
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    let frames = page.matches("data:image/png").count();
    assert!((10..=16).contains(&frames), "{frames} of 100");
    assert!(page.contains("step 50000") && page.contains("of 100 in samples/"));
}

#[test]
fn runs_are_compared_by_their_folders_names() {
    let ((a, _), (b, _)) = (folder(&[line(1), line(2)]), folder(&[line(1), line(5)]));
    let page = comparison(&[a.path().to_owned(), b.path().to_owned()]).expect("a page");
    for path in [a.path(), b.path()] {
        assert!(page.contains(&*path.file_name().expect("a name").to_string_lossy()));
    }
    let twice = comparison(&[a.path().to_owned(), a.path().join("../").join(a.path().file_name().expect("a name"))]);
    let paths = twice.expect("a page").matches("..&#x2f;").count();
    assert!(paths > 0, "of one name, they are told apart by their paths");
    assert!(!page.contains("src=\"http") && !page.contains("@import"), "it needs nothing else");
}
