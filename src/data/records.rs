//! Tables of text: records of cells, separated by commas, cells in quotes where they hold commas themselves.

use crate::error::{Error, Result};

/// The records of a text with the lines on which they begin; blank lines and lines that start with `#` are skipped.
pub fn parse(text: &str) -> Result<Vec<(usize, Vec<String>)>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = vec![];
    let mut lines = text.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut whole = line.to_string();
        // A cell in quotes may go on in the next line.
        while whole.matches('"').count() % 2 == 1 {
            let Some((more, _)) = lines.next() else {
                return Err(Error::input("a quote is not closed").at(format!("line {number}")));
            };
            whole = format!("{whole}\n{more}");
        }
        records.push((number, cells(&whole)));
    }
    Ok(records)
}

fn cells(line: &str) -> Vec<String> {
    let (mut all, mut cell, mut quoted) = (vec![], String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                cell.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(std::mem::take(&mut cell).trim().to_string()),
            c => cell.push(c),
        }
    }
    all.push(cell.trim().to_string());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_as_spreadsheets_write_them() {
        let text = "\u{feff}key,clip\r\n# a comment\r\n\r\na,\"0,1\"\r\nb,\"say \"\"x\"\"\nhere\"\r\nc,\r\n";
        let cells = |list: &[&str]| list.iter().map(|c| c.to_string()).collect::<Vec<_>>();
        let wanted = [
            (1, cells(&["key", "clip"])),
            (4, cells(&["a", "0,1"])),
            (5, cells(&["b", "say \"x\"\nhere"])),
            (7, cells(&["c", ""])),
        ];
        assert_eq!(parse(text).expect("records"), wanted);
        assert!(parse("a,\"b\n").is_err());
    }
}
