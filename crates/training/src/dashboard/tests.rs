//! What a browser gets, and what nobody does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::*;
use crate::live::{Live, Status};
use crate::metrics::{Line, Log};
use crate::pictures::Kind;

/// Pages that are served until the test ends.
struct Served {
    over: Interrupt,
    port: u16,
    token: String,
    thread: Option<thread::JoinHandle<()>>,
}

impl Served {
    fn of(path: &Path) -> Self {
        let over = Interrupt::default();
        let dashboard = Dashboard::open(path, 0, &over).expect("it is served");
        let (port, token) = (dashboard.port, dashboard.site.token.clone());
        assert_eq!(dashboard.url(), format!("http://127.0.0.1:{port}/{token}/"));
        let thread = Some(thread::spawn(move || dashboard.serve().expect("it serves")));
        Served { over, port, token, thread }
    }

    /// Status, headers and body.
    fn asked(&self, method: &str, path: &str, headers: &[&str]) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let host = if headers.iter().any(|h| h.starts_with("Host")) {
            String::new()
        } else {
            format!("Host: 127.0.0.1:{}\r\n", self.port)
        };
        let more: String = headers.iter().map(|h| format!("{h}\r\n")).collect();
        write!(stream, "{method} {path} HTTP/1.1\r\n{host}{more}Connection: close\r\nContent-Length: 0\r\n\r\n")
            .expect("it is sent");
        let mut bytes = vec![];
        stream.read_to_end(&mut bytes).expect("an answer");
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        (status, head, bytes[end + 4..].to_vec())
    }

    fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = self.asked("GET", &format!("/{}/{path}", self.token), &[]);
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    /// Lines of a stream of events.
    fn events(&self, path: &str) -> impl Iterator<Item = String> + use<> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        write!(stream, "GET /{}/{path} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", self.token, self.port).expect("it is sent");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
        BufReader::new(stream).lines().map(|line| line.expect("a line"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.over.ask();
        let ended = self.thread.take().map(thread::JoinHandle::join);
        assert!(thread::panicking() || ended.is_some_and(|e| e.is_ok()));
    }
}

/// A folder of runs, `one` and `two & more`, and something else.
fn runs() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for name in ["one", "two & more"] {
        let folder = RunFolder::at(&dir.path().join(name));
        fs::create_dir_all(folder.samples()).expect("a folder");
        let mut log = Log::open(&folder.metrics(), 0).expect("a new file");
        for step in 1..=4 {
            let losses = vec![("loss".into(), Some(1.0 / step as f32)), ("<script>".into(), Some(1.0))];
            log.write(Line::of(step, step as f64, losses)).expect("it writes");
        }
        fs::write(folder.picture(Kind::SAMPLES, 4), b"\x89PNG a picture").expect("it is written");
        fs::write(folder.config_path(), "format = 1\nsecret = ").expect("it is written");
    }
    fs::create_dir(dir.path().join("no run")).expect("a folder");
    fs::write(dir.path().join("secret.png"), b"secret").expect("it is written");
    dir
}

#[test]
fn pages_and_pictures_are_served() {
    let dir = runs();
    let served = Served::of(dir.path());
    let (status, table) = served.get("");
    assert_eq!(status, 200);
    for part in [
        "href=\"run&#x2f;one&#x2f;\"",
        "href=\"run&#x2f;two%20%26%20more&#x2f;\"",
        "two &amp; more",
        "samples&#x2f;step-0000004.png",
    ] {
        assert!(table.contains(part), "no {part}");
    }
    assert!(!table.contains("no run"));
    let (status, page) = served.get("run/two%20%26%20more/");
    assert!(status == 200 && page.contains("events?from=") && page.contains("src=\"samples&#x2f;step-0000004.png\""));
    assert!(page.contains("\"loss\"") && !page.contains("<script>\""), "names are escaped");
    let (status, head, body) = served.asked("GET", &format!("/{}/run/one/samples/step-0000004.png", served.token), &[]);
    assert_eq!((status, body.as_slice()), (200, &b"\x89PNG a picture"[..]));
    assert!(head.contains("Content-Type: image/png") && head.contains("Content-Security-Policy: default-src 'none'"), "{head}");
    let (status, compared) = served.get("compare?run=one&run=two+%26+more");
    assert!(status == 200 && compared.contains("2 runs"), "{status}");
    assert_eq!(served.get("compare").0, 400);
    let (status, head, _) = served.asked("GET", &format!("/{}/run/one", served.token), &[]);
    assert!(status == 303 && head.contains(&format!("Location: /{}/run/one/", served.token)), "{head}");
}

#[test]
fn one_run_is_served_alone() {
    let dir = runs();
    let served = Served::of(&dir.path().join("one"));
    let (status, head, _) = served.asked("GET", &format!("/{}/", served.token), &[]);
    assert!(status == 303 && head.contains("/run/one/"), "{head}");
    assert_eq!(served.get("run/one/").0, 200);
    for path in ["run/two%20%26%20more/", "compare?run=one", "events"] {
        assert_eq!(served.get(path).0, 404, "{path}");
    }
}

#[test]
fn nothing_else_is_served() {
    let dir = runs();
    let served = Served::of(dir.path());
    let t = &served.token;
    for path in [
        "/".to_owned(),
        "/wrong/".into(),
        format!("/{}/", t.to_uppercase() + "0"),
        "//".into(),
        format!("/{t}x/"),
        "/favicon.ico".into(),
    ] {
        assert_eq!(served.asked("GET", &path, &[]).0, 404, "{path}");
    }
    for path in [
        "run/one/run.toml",
        "run/one/metrics.jsonl",
        "run/one/samples/../run.toml",
        "run/one/samples/..%2f..%2fsecret.png",
        "run/one/samples/%2e%2e/%2e%2e/secret.png",
        "run/one/samples/",
        "run/one/samples/none.png",
        "run/../secret.png",
        "run/..%2fone/",
        "run/%2e/",
        "run/no%20run/",
        "run//",
        "secret.png",
    ] {
        assert_eq!(served.get(path).0, 404, "{path}");
    }
    for (method, path) in
        [("POST", ""), ("PUT", "run/one/"), ("DELETE", "run/one/samples/step-0000004.png"), ("POST", "run/one/")]
    {
        assert_eq!(served.asked(method, &format!("/{t}/{path}"), &[]).0, 405, "{method} {path}");
    }
    let page = format!("/{t}/");
    assert_eq!(served.asked("GET", &page, &["Host: evil.example"]).0, 403);
    assert_eq!(served.asked("GET", &page, &["Host: localhost:8080"]).0, 200, "as through a tunnel");
}

/// Links lead to nothing outside: neither a run nor a picture.
#[cfg(unix)]
#[test]
fn links_out_are_refused() {
    use std::os::unix::fs::symlink;
    let (dir, other) = (runs(), runs());
    symlink(other.path().join("one"), dir.path().join("linked")).expect("a link");
    let samples = dir.path().join("one/samples");
    symlink(other.path().join("secret.png"), samples.join("step-0000009.png")).expect("a link");
    symlink("step-0000004.png", samples.join("step-0000008.png")).expect("a link");
    let served = Served::of(dir.path());
    assert_eq!(served.get("run/linked/").0, 404);
    assert!(!served.get("").1.contains("linked"));
    assert_eq!(served.get("run/one/samples/step-0000009.png").0, 404);
    assert_eq!(served.get("run/one/samples/step-0000008.png").0, 200, "a link within the run");
    fs::remove_dir_all(&samples).expect("it was there");
    symlink(other.path().join("one/samples"), &samples).expect("a link");
    assert_eq!(served.get("run/one/samples/step-0000004.png").0, 404);
}

#[test]
fn a_run_is_asked_from_its_page_alone() {
    let dir = runs();
    let folder = RunFolder::at(&dir.path().join("one"));
    let served = Served::of(dir.path());
    let ask =
        |what: &str, headers: &[&str]| served.asked("POST", &format!("/{}/run/one/control/{what}", served.token), headers).0;
    assert_eq!(ask("pause", &[]), 409, "it does not train");
    assert!(!folder.control().exists());
    let interrupt = Interrupt::default();
    let live = Live::begin(&folder, &interrupt, Status { steps: 9, ..Status::default() });
    while !folder.status().exists() {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(ask("stop", &["Origin: http://evil.example"]), 403);
    assert_eq!(ask("explode", &[]), 404);
    let own = format!("Origin: http://127.0.0.1:{}", served.port);
    assert_eq!((ask("pause", &[&own]), folder.control().join("pause").exists()), (200, true));
    assert_eq!((ask("resume", &[&own]), folder.control().join("pause").exists()), (200, false));
    assert!(!interrupt.asked());
    assert_eq!(ask("stop", &[&own]), 200);
    while !interrupt.asked() {
        thread::sleep(Duration::from_millis(5));
    }
    drop(live);
}

/// A step is seen on the page within two seconds.
#[test]
fn steps_are_told_soon() {
    let dir = runs();
    let folder = RunFolder::at(&dir.path().join("one"));
    let live = Live::begin(&folder, &Interrupt::default(), Status { steps: 100, ..Status::default() });
    while !folder.status().exists() {
        thread::sleep(Duration::from_millis(5));
    }
    let served = Served::of(dir.path());
    let mut lines = served.events("run/one/events?from=0");
    assert!(lines.by_ref().take_while(|line| !line.is_empty()).any(|line| line == "Content-Type: text/event-stream"));
    assert!(lines.any(|line| line.starts_with("data: ") && line.contains("\"alive\":true")));
    for step in [7, 8, 50] {
        let done = Instant::now();
        live.tell(|status| status.step = step);
        assert!(lines.any(|line| line.contains(&format!("\"step\":{step},"))), "step {step}");
        assert!(done.elapsed() < Duration::from_secs(2), "{:?}", done.elapsed());
    }
    let mut table = served.events("events");
    assert!(table.any(|line| line.contains("\"id\":\"rows\"") && line.contains("50")));
    drop(live);
    assert!(lines.any(|line| line == "event: reload"), "it has ended");
}

#[test]
fn what_cannot_be_served_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let over = Interrupt::default();
    assert!(Dashboard::open(&dir.path().join("none"), 0, &over).is_err());
    fs::write(dir.path().join("file"), b"").expect("it is written");
    assert!(Dashboard::open(&dir.path().join("file"), 0, &over).is_err());
    let first = Dashboard::open(dir.path(), 0, &over).expect("an empty folder may fill");
    let message = Dashboard::open(dir.path(), first.port, &over).err().expect("the port is taken").to_string();
    assert!(message.contains("--port"), "{message}");
    assert_ne!(first.site.token, Dashboard::open(dir.path(), 0, &over).expect("another").site.token);
}
