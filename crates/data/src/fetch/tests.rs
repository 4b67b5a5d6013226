//! Downloads from a server on this machine's loopback.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use super::*;

/// What "the quick brown fox jumps over the lazy dog" hashes to, from outside.
const FOX: &[u8] = b"the quick brown fox jumps over the lazy dog";
const OFFICIAL: Official =
    Official { file: "fox.txt", n_bytes: 43, sha256: "05c6e08f1d9fdafa03147fcb8f82f124c76d2f70e3d989dc8aadb5e7d7450bec" };

/// Answers one request with `reply`; gives its URL and, later, the Range header that came.
fn serve(reply: impl Fn(Option<&str>) -> Vec<u8> + Send + 'static) -> (String, mpsc::Receiver<Option<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let head: Vec<String> = lines.map(|l| l.unwrap()).take_while(|l| !l.is_empty()).collect();
        let range = head.iter().find_map(|l| l.to_ascii_lowercase().strip_prefix("range: ").map(str::to_owned));
        stream.write_all(&reply(range.as_deref())).unwrap();
        sender.send(range).unwrap();
    });
    (url, asked)
}

/// An answer that promises `claimed` bytes and sends `body`.
fn answer(status: &str, headers: &str, claimed: usize, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {claimed}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn get(url: &str, folder: &Path) -> Result<()> {
    download(url, &OFFICIAL, folder, &mut |_, _, _| {})
}

#[test]
fn a_file_arrives_whole_and_is_not_asked_for_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (url, asked) = serve(|_| answer("200 OK", "", FOX.len(), FOX));
    let mut seen = vec![];
    download(&url, &OFFICIAL, folder.path(), &mut |file, have, of| seen.push((file.to_owned(), have, of))).unwrap();
    assert_eq!(asked.recv().unwrap(), None);
    assert_eq!(fs::read(folder.path().join("fox.txt")).unwrap(), FOX);
    assert!(!folder.path().join("fox.txt.part").exists());
    assert_eq!(seen.last(), Some(&("fox.txt".to_owned(), 43, 43)));
    // Nobody listens any more.
    get(&url, folder.path()).unwrap();
}

#[test]
fn an_interrupted_download_is_continued() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _) = serve(|_| answer("200 OK", "", FOX.len(), &FOX[..20]));
    let error = get(&url, folder.path()).unwrap_err();
    assert!(matches!(&error, DataError::Fetch { reason, .. } if reason.contains("run it again to continue")), "{error}");
    assert_eq!(fs::read(folder.path().join("fox.txt.part")).unwrap(), FOX[..20]);
    let (url, asked) = serve(|_| answer("206 Partial Content", "Content-Range: bytes 20-42/43\r\n", 23, &FOX[20..]));
    get(&url, folder.path()).unwrap();
    assert_eq!(asked.recv().unwrap().as_deref(), Some("bytes=20-"));
    assert_eq!(fs::read(folder.path().join("fox.txt")).unwrap(), FOX);
}

#[test]
fn a_server_that_does_not_continue_is_read_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("fox.txt.part"), b"the quick").unwrap();
    let (url, _) = serve(|_| answer("200 OK", "", FOX.len(), FOX));
    get(&url, folder.path()).unwrap();
    assert_eq!(fs::read(folder.path().join("fox.txt")).unwrap(), FOX);
}

#[test]
fn another_file_is_refused_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _) = serve(|_| answer("200 OK", "", 43, &[b'x'; 43]));
    let error = get(&url, folder.path()).unwrap_err();
    assert!(matches!(&error, DataError::Hash { expected, .. } if expected == OFFICIAL.sha256), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // A file that was damaged on this disk is found too.
    fs::write(folder.path().join("fox.txt"), b"other").unwrap();
    assert!(matches!(get(&url, folder.path()).unwrap_err(), DataError::Hash { .. }));
}

#[test]
fn no_more_is_taken_than_the_official_length() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _) = serve(|_| answer("200 OK", "", 60, &[b'x'; 60]));
    let error = get(&url, folder.path()).unwrap_err();
    assert!(matches!(&error, DataError::Fetch { reason, .. } if reason.contains("more than the official 43")), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_answer_that_is_no_file_is_an_error_with_its_status() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _) = serve(|_| answer("404 Not Found", "", 4, b"gone"));
    let error = get(&url, folder.path()).unwrap_err();
    assert!(matches!(&error, DataError::Fetch { reason, .. } if reason.contains("404")), "{error}");
}

#[test]
fn only_fetched_data_can_be_fetched() {
    let error = fetch("digits", &Options::default(), &mut |_, _, _| {}).unwrap_err();
    assert!(matches!(&error, DataError::NotFetchable { valid, .. } if valid == FASHION_60K), "{error}");
}
