//! The tables of README.md come from the code. `CLARKE_REWRITE=1 cargo test
//! --test readme` writes them; otherwise a stale table is a failure.

use clarke::method::METHODS;
use clarke::method::table::{Proves, Scope};
use clarke::net::onnx::SUPPORTED;

fn methods() -> String {
    let mut out = String::from(
        "| method | of | region | proves | norms | cost | from |\n|---|---|---|---|---|---|---|\n",
    );
    for m in METHODS {
        let (of, region) = match m.scope {
            Scope::Layer => ("one layer", "—"),
            Scope::Local => ("network", "bounded"),
            Scope::Any => ("network", "any"),
        };
        let proves = match m.proves {
            Proves::Upper => "upper",
            Proves::Lower => "lower",
            Proves::Both if m.scope == Scope::Layer => "both ends",
            Proves::Both => "upper; both ends at a point",
        };
        out += &format!(
            "| `{}` | {of} | {region} | {proves} | {} | {} | {} |\n",
            m.name, m.norms, m.cost, m.paper
        );
    }
    out
}

fn operators() -> String {
    let list: Vec<String> = SUPPORTED.iter().map(|o| o.to_string()).collect();
    format!("{}\n", list.join(", "))
}

fn replace(text: &str, mark: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {mark}:begin -->\n"), format!("<!-- {mark}:end -->"));
    let from = text.find(&begin).expect("README.md has the marker") + begin.len();
    let to = from + text[from..].find(&end).expect("README.md has the end marker");
    format!("{}{table}{}", &text[..from], &text[to..])
}

#[test]
fn tables_are_those_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let text = std::fs::read_to_string(path).expect("README.md");
    let fresh = replace(&replace(&text, "methods", &methods()), "operators", &operators());
    if std::env::var("CLARKE_REWRITE").is_ok_and(|v| v == "1") {
        std::fs::write(path, &fresh).expect("README.md can be written");
        return;
    }
    assert!(text == fresh, "README.md is stale: run CLARKE_REWRITE=1 cargo test --test readme");
}
