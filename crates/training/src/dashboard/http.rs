//! Requests and responses of the local page: who may ask, and what every answer carries.

use std::borrow::Cow;
use std::io::{self, Cursor, Write};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tiny_http::{Header, Method, Request, Response, StatusCode};

/// What is written as it is in a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What pages may do: nothing from elsewhere, and nothing sent elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// An answer that is all there.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub status: u16,
    pub kind: &'static str,
    pub body: Vec<u8>,
    /// Where to go instead.
    pub location: Option<String>,
}

impl Answer {
    pub fn new(kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Answer { status: 200, kind, body: body.into(), location: None }
    }

    pub fn error(status: u16, text: &str) -> Self {
        Answer { status, ..Answer::new(TEXT, format!("{text}\n")) }
    }

    pub fn not_found() -> Self {
        Answer::error(404, "There is no such page.")
    }

    pub fn redirect(to: String) -> Self {
        Answer { status: 303, location: Some(to), ..Answer::new(TEXT, vec![]) }
    }

    /// Sends it. Whoever does not wait for it any more is no trouble.
    pub fn send(self, to: Request) {
        let mut headers = fixed_headers(self.kind);
        headers.extend(self.location.iter().filter_map(|to| header("Location", to)));
        let length = self.body.len();
        let response = Response::new(StatusCode(self.status), headers, Cursor::new(self.body), Some(length), None);
        if let Err(e) = to.respond(response) {
            log::debug!("{e}");
        }
    }
}

fn header(name: &str, value: &str) -> Option<Header> {
    Header::from_bytes(name, value).ok()
}

fn fixed(kind: &str) -> [(&'static str, &str); 5] {
    [
        ("Content-Type", kind),
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
    ]
}

fn fixed_headers(kind: &str) -> Vec<Header> {
    fixed(kind).iter().filter_map(|(name, value)| header(name, value)).collect()
}

/// Begins an answer of server-sent events, which ends when the connection does: each is to reach the browser at once, which the
/// buffers of an ordinary answer prevent.
pub(super) fn event_stream(request: Request) -> io::Result<Box<dyn Write + Send>> {
    let mut to = request.into_writer();
    write!(to, "HTTP/1.1 200 OK\r\nConnection: close\r\n")?;
    for (name, value) in fixed("text/event-stream") {
        write!(to, "{name}: {value}\r\n")?;
    }
    write!(to, "\r\n")?;
    to.flush()?;
    Ok(to)
}

/// The value of a header.
pub(super) fn value<'a>(request: &'a Request, name: &'static str) -> Option<&'a str> {
    request.headers().iter().find(|h| h.field.equiv(name)).map(|h| h.value.as_str())
}

/// Whether a request comes from a page of this machine: a name that somebody points here is no such page's (DNS rebinding), and what asks
/// for something to be done is asked by our own page. The port may differ, as through a tunnel.
pub(super) fn is_local(host: Option<&str>, origin: Option<&str>, method: &Method) -> bool {
    let Some(host) = host else { return false };
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(name, _)| name);
    let own = matches!(name, "127.0.0.1" | "localhost" | "[::1]");
    let same = origin.is_none_or(|origin| origin.strip_prefix("http://") == Some(host));
    own && (*method != Method::Post || same)
}

/// What is asked for with a page: names and values, in their order.
pub(super) type Query = Vec<(String, String)>;

/// The parts of a path, decoded, and its query; none of one that is no text.
pub(super) fn parts(url: &str) -> Option<(Vec<String>, Query)> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned);
    let parts = path.strip_prefix('/')?.split('/').map(decoded).collect::<Option<_>>()?;
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decoded(key)?, decoded(&value.replace('+', " "))?))
    };
    let query = query.split('&').filter(|p| !p.is_empty()).map(pair).collect::<Option<_>>()?;
    Some((parts, query))
}

/// A name as a part of a path.
pub(super) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_answered() {
        let (get, post) = (Method::Get, Method::Post);
        for host in ["127.0.0.1:5000", "localhost:80", "localhost", "[::1]:9"] {
            assert!(is_local(Some(host), None, &get) && is_local(Some(host), Some(&format!("http://{host}")), &post), "{host}");
        }
        for host in ["evil.example:5000", "evil.example", "127.0.0.1.evil.example:5000", "localhost.evil", "", "192.168.0.2:5000"]
        {
            assert!(!is_local(Some(host), None, &get), "{host}");
        }
        assert!(!is_local(None, None, &get));
        assert!(!is_local(Some("localhost:5000"), Some("http://evil.example"), &post));
        assert!(!is_local(Some("localhost:5000"), Some("http://localhost:5001"), &post));
        assert!(!is_local(Some("localhost:5000"), Some("null"), &post));
    }

    #[test]
    fn names_survive_a_path() {
        for name in ["vae-digits-001", "my run", "a/b?c#d%20", "Bäume", "..", "+&="] {
            let (path, _) = parts(&format!("/token/run/{}/", encoded(name))).expect("a path");
            assert_eq!(path, ["token", "run", name, ""]);
            let (_, query) = parts(&format!("/?run={}&run=two", encoded(name))).expect("a path");
            assert_eq!(query, [("run".to_owned(), name.to_owned()), ("run".to_owned(), "two".to_owned())]);
        }
        assert_eq!(parts("/%ff"), None);
        assert_eq!(parts("http://elsewhere/"), None);
        assert_eq!(parts("/?a=b+c").expect("a path").1[0].1, "b c");
    }
}
