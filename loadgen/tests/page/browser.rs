//! A browser without a window: what it makes of a page, and what it complains of.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ovsdb_harness::Scratch;

/// Debian's chromium, with a profile of its own.
pub(crate) struct Browser {
    profile: PathBuf,
}

/// A page as the browser has it in the end.
pub(crate) struct Shown {
    /// Messages on the console; a page without fault has none.
    pub(crate) console: Vec<String>,
    document: Element,
}

/// An element, as text with all that is in it.
pub(crate) struct Element {
    markup: String,
}

const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--dump-dom",
];

impl Browser {
    pub(crate) fn new(scratch: &Scratch) -> Browser {
        Browser {
            profile: scratch.join("profile"),
        }
    }

    /// Opens a file, waits until it is shown, and ends the browser, which has two minutes.
    pub(crate) fn open(&self, page: &Path) -> Shown {
        let output = Command::new("timeout")
            .args(["120", "chromium"])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", self.profile.display()))
            .arg(format!("file://{}", page.display()))
            .stdin(Stdio::null())
            .output()
            .expect("chromium can be run");
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "chromium: {}: {log}", output.status);
        Shown {
            console: log
                .lines()
                .filter(|line| line.contains("CONSOLE"))
                .map(str::to_owned)
                .collect(),
            document: Element {
                markup: String::from_utf8_lossy(&output.stdout).into_owned(),
            },
        }
    }
}

impl Shown {
    pub(crate) fn elements(&self, name: &str) -> Vec<Element> {
        self.document.elements(name)
    }
}

impl Element {
    /// All elements of that name inside, none of which is inside another of them.
    pub(crate) fn elements(&self, name: &str) -> Vec<Element> {
        let (opening, closing) = (format!("<{name}"), format!("</{name}>"));
        let mut found = Vec::new();
        let mut rest = &self.markup[1.min(self.markup.len())..];
        while let Some(start) = rest.find(&opening) {
            let after = &rest[start + opening.len()..];
            if after.starts_with([' ', '>']) {
                let end = after.find(&closing).expect("every element is closed");
                found.push(Element {
                    markup: rest[start..start + opening.len() + end].to_owned(),
                });
                rest = &after[end..];
            } else {
                rest = after;
            }
        }
        found
    }

    /// The value of an attribute, empty if there is none.
    pub(crate) fn attribute(&self, name: &str) -> &str {
        let tag = self.markup.split('>').next().unwrap_or("");
        let value = tag.split_once(&format!(" {name}=\""));
        value.map_or("", |(_, rest)| rest.split('"').next().unwrap_or(""))
    }

    /// The text of an element without others inside.
    pub(crate) fn text(&self) -> String {
        self.markup
            .split_once('>')
            .map_or("", |(_, text)| text)
            .to_owned()
    }
}
