//! The tables of the README come from the code. `CLARKE_REWRITE=1 cargo test --test suite readme`
//! writes them anew.

use clarke::method::METHODS;
use clarke::method::row::{Proves, Scope};
use clarke::net::onnx::SUPPORTED;
use std::path::PathBuf;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

fn methods() -> String {
    let mut out = String::from("| method | proves | where | norms | cost | from |\n");
    out += "| --- | --- | --- | --- | --- | --- |\n";
    for row in METHODS {
        let proves = match row.proves {
            Proves::Upper => "upper",
            Proves::Lower => "lower",
            Proves::Both if row.scope == Scope::Layer => "both ends",
            Proves::Both if row.scope == Scope::Search => "both ends",
            Proves::Both => "upper; both ends at a point",
            Proves::Estimate => "nothing: an estimate",
        };
        let place = match row.scope {
            Scope::Layer => "one layer",
            Scope::Any | Scope::Search => "any region",
        };
        out += &format!(
            "| `{}` | {proves} | {place} | {} | {} | {} |\n",
            row.name,
            row.norms,
            row.cost,
            row.paper.replace('|', "\\|")
        );
    }
    out
}

/// Names in lines of a hundred characters.
fn operators() -> String {
    let mut out = String::new();
    let mut used = 0;
    for (k, name) in SUPPORTED.iter().enumerate() {
        let word = if k + 1 < SUPPORTED.len() { format!("`{name}`,") } else { format!("`{name}`.") };
        if k > 0 && used + 1 + word.len() > 100 {
            out.push('\n');
            used = 0;
        } else if k > 0 {
            out.push(' ');
            used += 1;
        }
        used += word.len();
        out += &word;
    }
    out + "\n"
}

/// The text with what stands between the markers of `name` replaced.
pub fn replaced(text: &str, name: &str, table: &str) -> String {
    let start = format!("<!-- {name}: generated, see tests/suite/readme.rs -->\n");
    let end = format!("<!-- end of {name} -->");
    let (head, rest) = text.split_once(&start).unwrap_or_else(|| panic!("the text lacks {start}"));
    let (_, tail) = rest.split_once(&end).unwrap_or_else(|| panic!("the text lacks {end}"));
    format!("{head}{start}\n{table}\n{end}{tail}")
}

#[test]
fn tables_are_those_of_the_code() {
    let text = std::fs::read_to_string(path()).expect("README.md");
    let wanted = replaced(&replaced(&text, "methods", &methods()), "operators", &operators());
    if text == wanted {
        return;
    }
    if std::env::var_os("CLARKE_REWRITE").is_some() {
        return std::fs::write(path(), wanted).expect("README.md can be written");
    }
    panic!("README.md is stale: run CLARKE_REWRITE=1 cargo test --test readme");
}

/// The result shown is the one that the command gives, times and threads apart.
#[test]
fn the_example_is_real() {
    let text = std::fs::read_to_string(path()).expect("README.md");
    let flags = ["bound", "tests/data/digits.onnx", "--input", "tests/data/digits.npy#0", "--eps", "0.02"];
    assert!(text.contains(&format!("cargo run --release -- {}", flags.join(" "))));
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_clarke")).args(flags).output().expect("it runs");
    assert_eq!(ran.status.code(), Some(0));
    let shown = String::from_utf8(ran.stdout).expect("UTF-8");
    for line in shown.lines().filter(|l| !l.contains(" s on ")) {
        assert!(text.lines().any(|l| l == line), "README.md does not show: {line}");
    }
}
