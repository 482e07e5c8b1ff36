//! Where text goes: results to stdout or a file, talk and errors to stderr.

use super::files::Target;
use super::flags::{Color, Format, PrintFlags};
use crate::error::{Error, Kind, Result};
use crate::report::human;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::PathBuf;

/// Columns of a page where no terminal says how many there are.
pub const PAGE: usize = 80;
/// Fewer are not filled sensibly.
const NARROW: usize = 30;

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

    /// The result of a command, whole. What `--out` cannot take goes to stdout, and is an error.
    pub fn result(&self, text: &str) -> Result<()> {
        let Some(path) = &self.out else { return stdout(text) };
        Target::new("--out", path).and_then(|t| t.write(text)).or_else(|e| stdout(text).and(Err(e)))
    }

    /// Columns for sentences: those of the terminal, at most a page.
    pub fn page(&self) -> usize {
        self.terminal().map_or(PAGE, |w| w.min(PAGE))
    }

    /// Columns for tables: those of the terminal; in files and pipes lines are as long as they are.
    pub fn wide(&self) -> usize {
        self.terminal().unwrap_or(usize::MAX)
    }

    /// Columns of the terminal, where results go to one.
    fn terminal(&self) -> Option<usize> {
        match &self.out {
            Some(_) => None,
            None => width_of(&std::io::stdout()),
        }
    }

    /// Rows under a header, as wide as what is printed to.
    pub fn table(&self, header: &[&str], rows: &[Vec<String>]) -> String {
        columns(header, rows, self.wide())
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

/// Columns of a stream that is a terminal.
#[cfg(any(unix, windows))]
pub fn width_of(stream: &(impl IsTerminal + Handle)) -> Option<usize> {
    let size = stream.is_terminal().then(|| terminal_size::terminal_size_of(stream)).flatten()?;
    Some((size.0.0 as usize).max(NARROW))
}

#[cfg(unix)]
pub use std::os::fd::AsFd as Handle;
#[cfg(windows)]
pub use std::os::windows::io::AsHandle as Handle;

/// Help, on narrow terminals in shorter lines than it is written in.
pub fn help(text: &str) -> Result<()> {
    stdout(&width_of(&std::io::stdout()).map_or_else(|| text.to_string(), |width| wrapped(text, width)))
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

/// An error in three lines; on a narrow terminal they go on below.
pub fn error(e: &Error) {
    let mut err = std::io::stderr();
    let text = format!("{e}\n");
    let text = width_of(&err).map_or_else(|| text.clone(), |width| wrapped(&text, width));
    let _ = err.write_all(text.as_bytes());
}

/// Lines that are longer than `width` broken between words; what goes on below starts where the line's last
/// column starts, a word and two blanks or a label and its colon before it. Other lines stay as they are.
pub fn wrapped(text: &str, width: usize) -> String {
    let start = |line: &str| column(line, width * 3 / 5);
    let long = |line: &str| line.chars().count() > width;
    let plain = |line: &str| {
        let words = line.trim_start();
        !words.is_empty() && !words.starts_with("clarke ") && start(line) == line.len() - words.len()
    };
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    while let Some(first) = lines.next() {
        let mut all = first.to_string();
        let mut last = first;
        // Sentences run on in the next line.
        while let Some(next) =
            lines.next_if(|next| long(last) && plain(last) && plain(next) && start(next) == start(first))
        {
            all = format!("{all} {}", next.trim_start());
            last = next;
        }
        match long(&all) {
            true => human::fill(&mut out, &all[..start(&all)], &all[start(&all)..], width),
            false => out += &format!("{all}\n"),
        }
    }
    out
}

/// The byte where the last column of a line starts, up to `most` characters from its start.
fn column(line: &str, most: usize) -> usize {
    let indent = line.len() - line.trim_start().len();
    let gaps = line.match_indices("  ").map(|(at, _)| at + line[at..].len() - line[at..].trim_start().len());
    let label = ["error: ", "where: ", "next:  "].iter().find(|l| line.starts_with(**l)).map(|l| l.len());
    let starts = gaps.chain(label).filter(|&at| at > indent && line[..at].chars().count() <= most);
    starts.max().unwrap_or(indent)
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
