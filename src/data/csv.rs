//! Tables of numbers: one sample a line, separated by `,`, `;` or blanks.

use super::{Array, Cells, Values};
use crate::error::{Error, Result};

fn bad(what: impl Into<String>, line: usize) -> Error {
    Error::input(what)
        .at(format!("line {line}"))
        .next("one sample a line, numbers only, separated by ',', ';' or blanks")
}

/// A rows × columns array. The first line is a header when none of its cells is a number;
/// blank lines and lines that start with `#` are skipped.
pub fn parse(text: &str) -> Result<Array> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text
        .lines()
        .zip(1..)
        .map(|(l, k)| (l.trim(), k))
        .filter(|(l, _)| !l.is_empty() && !l.starts_with('#'));
    let mut values = Cells::of(text);
    let (mut rows, mut columns) = (0, 0);
    let mut separator = None;
    let mut first = true;
    for (line, number) in lines {
        let separator = *separator.get_or_insert_with(|| [';', ','].into_iter().find(|&s| line.contains(s)));
        let before = values.len();
        let header = std::mem::take(&mut first) && cells(line, separator).all(|c| c.parse::<f64>().is_err());
        if header {
            continue;
        }
        for (k, cell) in cells(line, separator).enumerate() {
            if cell.parse::<f64>().is_err() {
                return Err(bad(format!("column {} is {cell:?}, not a number", k + 1), number));
            }
            values.push(cell, text);
        }
        let found = values.len() - before;
        if rows > 0 && found != columns {
            return Err(bad(format!("{found} values, the lines before have {columns}"), number));
        }
        columns = found;
        rows += 1;
    }
    if rows == 0 {
        return Err(bad("the table holds no numbers", 1));
    }
    Ok(Array { shape: vec![rows, columns], values: Values::Decimal(values) })
}

/// Trimmed cells without quotes; one separator at the end of the line is no empty cell.
fn cells(line: &str, separator: Option<char>) -> Box<dyn Iterator<Item = &str> + '_> {
    match separator {
        Some(s) => {
            let line = line.strip_suffix(s).unwrap_or(line);
            Box::new(line.split(s).map(|c| c.trim().trim_matches('"')))
        }
        None => Box::new(line.split_whitespace()),
    }
}
