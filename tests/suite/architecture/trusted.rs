//! What an accepted certificate rests on: the checker's files and everything that they import, directly or by
//! others. The README lists them; `CLARKE_REWRITE=1 cargo test --test suite trusted` writes the list anew.

use super::reached::reached;
use super::sources;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const CHECKER: &str = "src/certificate/check";
const START: &str = "<!-- trusted: generated, see tests/suite/architecture/trusted.rs -->\n";
const END: &str = "<!-- end of trusted -->";

/// Folder by folder.
fn list(paths: &BTreeSet<&str>) -> String {
    let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in paths {
        let path = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        folders.entry(folder).or_default().push(name);
    }
    let line = |(folder, names): (&str, Vec<&str>)| match folder {
        "" => format!("* {}\n", names.join(", ")),
        folder => format!("* `{folder}`: {}\n", names.join(", ")),
    };
    folders.into_iter().map(line).collect()
}

#[test]
fn the_readme_lists_what_the_checker_trusts() {
    let sources = sources(&["src"]);
    let paths = reached(&sources, CHECKER);
    let forbidden =
        ["src/method/", "src/search/", "src/engine/", "src/analysis/", "src/backend/gpu", "src/cli/"];
    let bad: Vec<&&str> = paths.iter().filter(|p| forbidden.iter().any(|f| p.starts_with(f))).collect();
    assert!(bad.is_empty(), "the checker rests on {bad:?}");
    let now = list(&paths);
    println!("{now}");
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(&readme).expect("README.md");
    let (head, rest) = text.split_once(START).expect("the list's beginning");
    let (kept, tail) = rest.split_once(END).expect("the list's end");
    if kept.trim() == now.trim() {
        return;
    }
    if std::env::var_os("CLARKE_REWRITE").is_some() {
        return std::fs::write(readme, format!("{head}{START}\n{now}\n{END}{tail}")).expect("README.md");
    }
    panic!("README.md is stale: run CLARKE_REWRITE=1 cargo test --test suite trusted");
}
