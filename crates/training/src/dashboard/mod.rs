//! `calotype watch`: pages of runs in a browser of this machine, live. They are served to this machine only, under a secret token, and
//! besides pages and pictures of runs there is nothing to get. From a page a run can be paused, saved and stopped: by files in its
//! folder, which the process that trains it looks for ([`crate::live`]).

mod follow;
mod http;
mod runs;

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tiny_http::{Method, Request as Asked, Server};

use crate::error::{Result, TrainingError};
use crate::folder::RunFolder;
use crate::interrupt::Interrupt;
use crate::live::Request;
use crate::report::comparison;

use follow::{Event, Follow, Pulse};
use http::{Answer, HTML, TEXT};
use runs::{Runs, is_file_name};

/// Between two looks for what is new.
const LOOK: Duration = Duration::from_millis(500);
/// The same of a whole folder.
const LOOK_AT_ALL: Duration = Duration::from_secs(1);
/// Without anything new, something is sent so often: a browser that has gone is noticed by it.
const QUIET: Duration = Duration::from_secs(10);
/// Pages that hear what is new, at most.
const MOST_LISTENERS: usize = 64;
/// Bytes of a picture that is sent.
const MOST_OF_PICTURE: u64 = 256 << 20;

/// Pages of runs, ready to be asked for.
pub struct Dashboard {
    server: Server,
    site: Arc<Site>,
    port: u16,
}

/// What is served.
struct Site {
    token: String,
    runs: Runs,
    listeners: AtomicUsize,
    over: Interrupt,
}

impl Dashboard {
    /// Of a run folder, or a folder of run folders; on a port of this machine, 0 for any.
    ///
    /// # Errors
    /// There is no such folder; the port is taken; the system has no random numbers.
    pub fn open(path: &Path, port: u16, interrupt: &Interrupt) -> Result<Self> {
        let runs = Runs::open(path)?;
        let mut token = [0_u8; 16];
        getrandom::fill(&mut token).map_err(|e| TrainingError::Report(format!("no random numbers from the system: {e}")))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let server = Server::http(address).map_err(|e| {
            TrainingError::Report(format!(
                "cannot serve pages on {address}: {e}; give another port: --port N, or none for any that is free"
            ))
        })?;
        let port = server.server_addr().to_ip().map_or(port, |a| a.port());
        let token = token.iter().map(|byte| format!("{byte:02x}")).collect();
        let site = Site { token, runs, listeners: AtomicUsize::new(0), over: interrupt.clone() };
        Ok(Dashboard { server, site: Arc::new(site), port })
    }

    /// Where a browser of this machine finds it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.port, self.site.token)
    }

    /// Answers until Ctrl-C.
    ///
    /// # Errors
    /// The system no longer lets it listen.
    pub fn serve(&self) -> Result<()> {
        while !self.site.over.asked() {
            let asked = self.server.recv_timeout(Duration::from_millis(100));
            let Some(asked) = asked.map_err(|e| TrainingError::Report(format!("cannot serve pages any more: {e}")))? else {
                continue;
            };
            let site = Arc::clone(&self.site);
            let answered = thread::Builder::new().name("page".into()).spawn(move || site.answer(asked));
            if let Err(e) = answered {
                log::warn!("a page could not be served: {e}");
            }
        }
        Ok(())
    }
}

impl Site {
    fn answer(&self, asked: Asked) {
        let origin = http::value(&asked, "Origin");
        if !http::is_local(http::value(&asked, "Host"), origin, asked.method()) {
            return Answer::error(403, "Pages are for browsers of this machine only.").send(asked);
        }
        let Some((path, query)) = http::parts(asked.url()) else { return Answer::not_found().send(asked) };
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let Some(path) = path.strip_prefix(&[self.token.as_str()]) else { return Answer::not_found().send(asked) };
        let value = |key: &str| query.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
        match (asked.method().clone(), path) {
            (Method::Get, ["events"]) if self.runs.only().is_none() => {
                self.tell(asked, |site| Ok(Box::new(Table { site, rows: None })))
            }
            (Method::Get, ["run", name, "events"]) => {
                // A browser that lost its connection says what it heard last.
                let heard = http::value(&asked, "Last-Event-ID").or(value("from")).and_then(|from| from.parse().ok());
                let Some(folder) = self.runs.find(name) else { return Answer::not_found().send(asked) };
                self.tell(asked, |_| Ok(Box::new(Run { follow: Follow::open(folder, heard)? })));
            }
            (Method::Get, path) => self.get(path, &query).send(asked),
            (Method::Post, ["run", name, "control", what]) => self.ask(name, what).send(asked),
            _ => Answer::error(405, "This is not to be done here.").send(asked),
        }
    }

    /// Pages and pictures.
    fn get(&self, path: &[&str], query: &[(String, String)]) -> Answer {
        let page =
            |page: Result<String>| page.map_or_else(|e| Answer::error(500, &e.to_string()), |page| Answer::new(HTML, page));
        match (path, self.runs.only()) {
            // Paths of a page are from its folder.
            ([], _) => Answer::redirect(format!("/{}/", self.token)),
            ([""], Some(name)) => Answer::redirect(format!("/{}/run/{}/", self.token, http::encoded(name))),
            ([""], None) => page(self.runs.page()),
            (["compare"], None) => {
                let names = query.iter().filter(|(key, _)| key == "run").map(|(_, name)| self.runs.find(name));
                let Some(folders) = names.collect::<Option<Vec<RunFolder>>>() else { return Answer::not_found() };
                match folders.len() {
                    0 => Answer::error(400, "Tick the runs that are to be compared first."),
                    _ => page(comparison(&folders.iter().map(|f| f.path().to_owned()).collect::<Vec<PathBuf>>())),
                }
            }
            (["run", name, rest @ ..], only) => {
                let Some(folder) = self.runs.find(name) else { return Answer::not_found() };
                match rest {
                    [] => Answer::redirect(format!("/{}/run/{}/", self.token, http::encoded(name))),
                    [""] => page(
                        Follow::open(folder, None).and_then(|mut run| run.page("events", only.is_none().then_some("../../"))),
                    ),
                    ["samples", file] => picture(&folder, &folder.samples(), file),
                    [file @ "nearest.png"] => picture(&folder, folder.path(), file),
                    _ => Answer::not_found(),
                }
            }
            _ => Answer::not_found(),
        }
    }

    /// Asks something of a run that trains.
    fn ask(&self, name: &str, what: &str) -> Answer {
        let Some(folder) = self.runs.find(name) else { return Answer::not_found() };
        if Pulse::default().feel(&folder).is_none() {
            return Answer::error(409, "The run does not train now.");
        }
        let done = match what {
            "pause" => Request::Pause.ask(&folder).map(|()| "It will wait after this step."),
            "resume" => {
                Request::Pause.withdraw(&folder);
                Ok("It goes on.")
            }
            "save" => Request::Save.ask(&folder).map(|()| "It will save after this step."),
            "stop" => Request::Stop.ask(&folder).map(|()| "It will finish this step, save and end."),
            _ => return Answer::not_found(),
        };
        done.map_or_else(|e| Answer::error(500, &e.to_string()), |text| Answer::new(TEXT, text))
    }

    /// Sends events until the browser is gone or the program ends.
    fn tell<'a>(&'a self, asked: Asked, open: impl FnOnce(&'a Self) -> Result<Box<dyn News + 'a>>) {
        let listeners = Listening::of(&self.listeners);
        if listeners.n > MOST_LISTENERS {
            return Answer::error(503, "Too many pages are open; close some.").send(asked);
        }
        let mut news = match open(self) {
            Ok(news) => news,
            Err(e) => return Answer::error(500, &e.to_string()).send(asked),
        };
        let told = http::event_stream(asked).and_then(|mut to| {
            let mut sent = Instant::now();
            while !self.over.asked() {
                let events = news.news().map_err(io::Error::other)?;
                for Event { kind, data } in &events {
                    news.id().map_or(Ok(()), |id| writeln!(to, "id: {id}"))?;
                    write!(to, "event: {kind}\ndata: {data}\n\n")?;
                }
                if events.is_empty() && sent.elapsed() >= QUIET {
                    write!(to, ":\n\n")?;
                }
                if !events.is_empty() || sent.elapsed() >= QUIET {
                    to.flush()?;
                    sent = Instant::now();
                }
                thread::sleep(news.pause());
            }
            Ok(())
        });
        // As every page that is closed ends.
        if let Err(e) = told {
            log::debug!("a page hears no more: {e}");
        }
    }
}

/// One of those that hear what is new.
struct Listening<'a> {
    all: &'a AtomicUsize,
    /// With this one.
    n: usize,
}

impl<'a> Listening<'a> {
    fn of(all: &'a AtomicUsize) -> Self {
        Listening { all, n: all.fetch_add(1, Ordering::SeqCst) + 1 }
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Where events come from.
trait News {
    fn news(&mut self) -> Result<Vec<Event>>;
    /// How far was told.
    fn id(&self) -> Option<u64>;
    fn pause(&self) -> Duration;
}

struct Run {
    follow: Follow,
}

impl News for Run {
    fn news(&mut self) -> Result<Vec<Event>> {
        self.follow.news()
    }

    fn id(&self) -> Option<u64> {
        Some(self.follow.at())
    }

    fn pause(&self) -> Duration {
        LOOK
    }
}

struct Table<'a> {
    site: &'a Site,
    /// As they were told last.
    rows: Option<String>,
}

impl News for Table<'_> {
    fn news(&mut self) -> Result<Vec<Event>> {
        let rows = self.site.runs.rows_html()?;
        let told = self.rows.as_ref() == Some(&rows);
        let event = (!told).then(|| Event::part("rows", &rows));
        self.rows = Some(rows);
        Ok(event.into_iter().collect())
    }

    fn id(&self) -> Option<u64> {
        None
    }

    fn pause(&self) -> Duration {
        LOOK_AT_ALL
    }
}

/// A picture of a run: a file of `folder`, which links do not lead out of.
fn picture(run: &RunFolder, folder: &Path, file: &str) -> Answer {
    let kind = match Path::new(file).extension().and_then(|e| e.to_str()) {
        Some("png") => "image/png",
        Some("gif") => "image/gif",
        _ => return Answer::not_found(),
    };
    let inside = |path: PathBuf| {
        let (root, path) = (run.path().canonicalize().ok()?, path.canonicalize().ok()?);
        let meta = fs::metadata(&path).ok()?;
        (path.starts_with(root) && meta.is_file() && meta.len() <= MOST_OF_PICTURE).then_some(path)
    };
    match is_file_name(file).then(|| inside(folder.join(file))).flatten().and_then(|path| fs::read(path).ok()) {
        Some(bytes) => Answer::new(kind, bytes),
        None => Answer::not_found(),
    }
}

#[cfg(test)]
mod tests;
