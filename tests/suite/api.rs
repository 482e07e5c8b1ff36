//! The door: every public name of it is documented, and the list of them is looked at before it changes.
//! `CLARKE_REWRITE=1 cargo test --test suite api` writes `tests/data/api.txt` anew.

use std::path::Path;

/// Files whose public items can be met from the names that `lib.rs` exports.
const DOOR: &[&str] = &[
    "src/deadline.rs",
    "src/engine/certify.rs",
    "src/engine/device.rs",
    "src/engine/mod.rs",
    "src/engine/model.rs",
    "src/engine/options.rs",
    "src/error.rs",
    "src/method/goal.rs",
    "src/problem.rs",
    "src/problem/output.rs",
    "src/region/mod.rs",
];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A public item: its words up to the body, whether it is documented, and whether the documentation hides it.
struct Item {
    signature: String,
    documented: bool,
    hidden: bool,
}

fn items(text: &str) -> Vec<Item> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = vec![];
    for (at, line) in lines.iter().enumerate() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            break;
        }
        let item = line.trim_start();
        if !item.starts_with("pub ") || item.starts_with("pub use") || item.starts_with("pub mod") {
            continue;
        }
        let above: Vec<&str> = lines[..at]
            .iter()
            .rev()
            .map(|l| l.trim_start())
            .take_while(|l| l.starts_with("///") || l.starts_with("#["))
            .collect();
        let rest = lines[at..].iter().take_while(|l| !l.trim().is_empty());
        let whole = rest.map(|l| l.trim()).collect::<Vec<_>>().join(" ");
        let end = whole.find(['{', ';']).unwrap_or(whole.len());
        let field = !["pub fn", "pub struct", "pub enum", "pub const", "pub trait", "pub type"]
            .iter()
            .any(|word| item.starts_with(word));
        let signature = if field { item } else { whole[..end].trim() };
        found.push(Item {
            signature: signature.trim_end_matches(',').into(),
            documented: above.iter().any(|l| l.starts_with("///")),
            hidden: above.iter().any(|l| l.contains("doc(hidden)")),
        });
    }
    found
}

#[test]
fn every_public_item_is_documented() {
    let bad = DOOR.iter().flat_map(|path| {
        let lacking = items(&read(path)).into_iter().filter(|i| !i.hidden && !i.documented);
        lacking.map(|i| format!("{path}: {}", i.signature)).collect::<Vec<_>>()
    });
    let bad: Vec<String> = bad.collect();
    assert!(bad.is_empty(), "\n{}\n", bad.join("\n"));
}

#[test]
fn the_list_of_public_names_is_the_kept_one() {
    let mut now = String::new();
    for line in read("src/lib.rs").lines().filter(|l| l.starts_with("pub use")) {
        now += &format!("{line}\n");
    }
    for path in DOOR {
        now += &format!("\n{path}\n");
        let shown = items(&read(path)).into_iter().filter(|i| !i.hidden);
        shown.for_each(|i| now += &format!("    {}\n", i.signature));
    }
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/api.txt");
    if std::env::var_os("CLARKE_REWRITE").is_some() {
        std::fs::write(&kept, &now).expect("a writable file");
    }
    assert!(read("tests/data/api.txt") == now, "the public names have changed: see the head of this file");
}
