//! The one error type: what went wrong, where, and what to do next.

use std::fmt;

/// Which part of the work failed; decides the exit code of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A network file could not be read.
    Import,
    /// A construct is understood but not supported.
    Unsupported,
    /// Arguments, regions or data that make no sense.
    Input,
    /// A device, a disk or memory failed.
    Device,
    /// Time or memory ran out before any result existed.
    Budget,
    /// Two proven statements contradict each other.
    Check,
}

/// An error with its place and the next step for the person who sees it.
#[derive(Clone, Debug)]
pub struct Error {
    /// For programs.
    pub kind: Kind,
    /// What went wrong.
    pub what: String,
    /// Where: a file, a node, a flag.
    pub place: String,
    /// What the reader can do about it.
    pub next: String,
}

/// What most functions give.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Without a place and a next step yet.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Error { kind, what: what.into(), place: String::new(), next: String::new() }
    }

    /// A network file could not be read.
    pub fn import(what: impl Into<String>) -> Self {
        Self::new(Kind::Import, what)
    }

    /// A construct is not supported.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, what)
    }

    /// What was given makes no sense.
    pub fn input(what: impl Into<String>) -> Self {
        Self::new(Kind::Input, what)
    }

    /// Where it happened: a file, a node, a flag. The innermost place is kept.
    pub fn at(mut self, place: impl Into<String>) -> Self {
        if self.place.is_empty() {
            self.place = place.into();
        }
        self
    }

    /// What the reader can do about it.
    pub fn next(mut self, next: impl Into<String>) -> Self {
        if self.next.is_empty() {
            self.next = next.into();
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.place.is_empty() { "command line" } else { &self.place };
        let next = if self.next.is_empty() { "see `clarke --help`" } else { &self.next };
        write!(f, "error: {}\nwhere: {}\nnext:  {}", one_line(&self.what), one_line(place), one_line(next))
    }
}

/// Characters of one line at most; names in hostile files can be megabytes.
const LINE: usize = 4000;

/// Text as one line: names of nodes and files may hold line ends and terminal codes.
fn one_line(text: &str) -> String {
    let mut parts = text.split(['\n', '\r']).map(str::trim).filter(|p| !p.is_empty());
    let mut line: String = parts.next().unwrap_or_default().into();
    for (k, part) in parts.enumerate() {
        line += if k == 0 { ": " } else { "; " };
        line += part;
    }
    let visible = line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut line: String = visible.clone().take(LINE).collect();
    if visible.count() > LINE {
        line.push('…');
    }
    line
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_lines_whatever_is_in_them() {
        let e = Error::input("bad\n  Foo: why\n  Bar: why\n").at("a\x1b[31mb\r\nc").next("x".repeat(9999));
        let text = e.to_string();
        assert_eq!(text.lines().count(), 3);
        assert!(text.starts_with("error: bad: Foo: why; Bar: why\nwhere: a\u{fffd}[31mb: c\n"), "{text}");
        assert!(text.len() < 4100 && text.ends_with("x…"));
    }
}
