//! Where text goes: results to stdout or a file, talk and errors to stderr.

use super::flags::{Color, Format, PrintFlags};
use crate::error::{Error, Kind, Result};
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::PathBuf;

/// Form and destination of a result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Print {
    pub format: Format,
    pub out: Option<PathBuf>,
    pub quiet: bool,
    pub verbose: bool,
    /// Whether results are coloured.
    pub color: bool,
}

impl Print {
    pub fn new(flags: PrintFlags) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let color = match flags.color.unwrap_or_default() {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => !plain && flags.out.is_none() && std::io::stdout().is_terminal(),
        };
        let format = flags.format.unwrap_or_default();
        Print { format, out: flags.out, quiet: flags.quiet, verbose: flags.verbose, color }
    }

    /// The result of a command, whole.
    pub fn result(&self, text: &str) -> Result<()> {
        match &self.out {
            None => stdout(text),
            Some(path) => std::fs::write(path, text).map_err(|e| {
                Error::new(Kind::Device, format!("the result cannot be written: {e}"))
                    .at(path.display().to_string())
                    .next("check the folder of --out, its permissions and free space")
            }),
        }
    }

    /// A line of talk.
    pub fn talk(&self, line: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }

    /// A line of talk for those who asked for more.
    pub fn detail(&self, line: &str) {
        if self.verbose {
            self.talk(line);
        }
    }
}

/// A reader that has gone away (`| head`) is no failure.
pub fn stdout(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(Kind::Device, format!("cannot write to stdout: {e}"))
                .at("stdout")
                .next("use --out FILE"))
        }
        _ => Ok(()),
    }
}

pub fn error(e: &Error) {
    let _ = writeln!(std::io::stderr(), "{e}");
}

/// Rows under a header, columns aligned, the last column wrapped to `width` and at line ends.
pub fn columns(header: &[&str], rows: &[Vec<String>], width: usize) -> String {
    let count = header.len();
    let size = |t: &str| t.chars().count();
    let widths: Vec<usize> = (0..count)
        .map(|k| {
            rows.iter().filter_map(|r| r.get(k)).map(|t| size(t)).chain([size(header[k])]).max().unwrap_or(0)
        })
        .collect();
    let indent: usize = widths[..count - 1].iter().map(|w| w + 2).sum();
    let mut out = String::new();
    let head: Vec<String> = header.iter().map(|h| h.to_string()).collect();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (k, cell) in row.iter().enumerate().take(count - 1) {
            line += cell;
            line += &" ".repeat(widths[k] + 2 - size(cell));
        }
        let last = row.get(count - 1).map_or("", String::as_str);
        for (k, part) in last.split('\n').enumerate() {
            let mut used = indent;
            for (j, word) in part.split(' ').enumerate() {
                if (k > 0 && j == 0) || (j > 0 && used + 1 + size(word) > width) {
                    out += line.trim_end();
                    out.push('\n');
                    line = " ".repeat(indent);
                    used = indent;
                } else if j > 0 {
                    line.push(' ');
                    used += 1;
                }
                line += word;
                used += size(word);
            }
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}
