//! The shape of the source: which folder imports which, where text is printed, how long files
//! are, and what every method says about itself.

mod circles;
mod functions;
mod methods;
mod reached;
mod trusted;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A folder (or file) of `src` and what it may import. `error` is free for everyone but `num`,
/// `deadline` for everyone, and everything may import itself. The command line may import anything.
const ARROWS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("deadline", &[]),
    // Scalars, matrices, half-spaces, layers: each knows what stands before it.
    ("num", &[]),
    ("linalg", &["num"]),
    ("polytope", &["num"]),
    // Polynomials on a cube know neither matrices nor networks.
    ("polynomial", &["num"]),
    ("layer", &["linalg", "polytope", "num"]),
    // Files of numbers: a leaf that importers and reports read.
    ("data", &["num"]),
    ("net", &["layer", "data", "num"]),
    ("region", &["linalg", "num"]),
    ("problem", &["net", "region", "layer", "linalg", "num"]),
    // Neither networks nor regions: blocks of numbers only.
    ("backend", &["layer", "linalg", "num"]),
    ("sweep", &["backend", "net", "layer", "linalg", "num"]),
    ("rules", &["sweep", "backend", "net", "region", "layer", "polytope", "linalg", "num"]),
    (
        "certificate",
        &["rules", "sweep", "backend", "net", "region", "problem", "layer", "polytope", "linalg", "num"],
    ),
    ("analysis", &["rules", "sweep", "backend", "net", "region", "layer", "polytope", "linalg", "num"]),
    (
        "method",
        &[
            "analysis",
            "certificate",
            "rules",
            "sweep",
            "backend",
            "net",
            "region",
            "problem",
            "layer",
            "polytope",
            "polynomial",
            "linalg",
            "num",
        ],
    ),
    (
        "search",
        &[
            "method",
            "analysis",
            "certificate",
            "rules",
            "sweep",
            "backend",
            "net",
            "region",
            "problem",
            "layer",
            "polytope",
            "linalg",
            "num",
        ],
    ),
    // Networks of its own, on a backend.
    ("measure", &["sweep", "backend", "net", "layer", "linalg", "num"]),
    (
        "engine",
        &[
            "measure",
            "search",
            "method",
            "analysis",
            "certificate",
            "rules",
            "sweep",
            "backend",
            "net",
            "region",
            "problem",
            "layer",
            "polytope",
            "linalg",
            "num",
            "data",
            "report",
        ],
    ),
    (
        "job",
        &[
            "engine",
            "search",
            "method",
            "certificate",
            "backend",
            "net",
            "region",
            "problem",
            "layer",
            "polytope",
            "linalg",
            "num",
            "data",
            "report",
        ],
    ),
    // The commands once more, for another language.
    (
        "python",
        &["cli", "job", "engine", "search", "certificate", "problem", "region", "report", "data", "num"],
    ),
    // Plain data in, text out.
    ("report", &["data", "num"]),
];

/// Folders where a match on an enum names every variant, so that a new operator or function does
/// not compile before each of them has said what it means there.
const EXHAUSTIVE: &[&str] =
    &["src/net", "src/layer", "src/polytope", "src/sweep", "src/rules", "src/certificate", "src/search"];

/// Files of method folders that hold no method: helpers and lists of modules.
const NO_METHOD: &[&str] = &["src/method/lower/points.rs", "src/method/margin/statement.rs"];

/// What the head of a method says.
const HEAD: &[&[&str]] =
    &[&["Proves:"], &["From:"], &["Rounding:"], &["Cost:"], &["Loose when", "Exact when"]];

struct Source {
    /// From the package's root, with forward slashes.
    path: String,
    /// As it stands.
    text: String,
    /// Without comments.
    code: String,
}

impl Source {
    /// The folder, or the file's stem, directly below `src`.
    fn folder(&self) -> &str {
        let rest = self.path.strip_prefix("src/").unwrap_or(&self.path);
        rest.split('/').next().unwrap_or(rest).trim_end_matches(".rs")
    }

    /// How many `super` lead to the crate's root.
    fn depth(&self) -> usize {
        let parts = self.path.matches('/').count();
        if self.path.ends_with("/mod.rs") { parts - 1 } else { parts }
    }

    /// Paths that start at the crate's root: the first segment after it.
    fn imports(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let root = "super::".repeat(self.depth());
        for prefix in ["crate::", root.as_str()] {
            for (at, _) in self.code.match_indices(prefix) {
                let before = self.code[..at].chars().next_back();
                if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$' || c == ':') {
                    continue;
                }
                let rest = &self.code[at + prefix.len()..];
                match rest.strip_prefix('{') {
                    Some(group) => found.extend(heads(group)),
                    None => found.extend([word(rest)]),
                }
            }
        }
        found.retain(|name| ARROWS.iter().any(|(folder, _)| folder == name) || name == "cli");
        found
    }
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first segments of the members of a group of imports.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut found, mut fresh) = (0, vec![], true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if depth == 0 && fresh && !c.is_whitespace() => {
                found.push(word(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    found
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true if path.ends_with("target") => {}
            true => collect(&path, into),
            false if path.extension().is_some_and(|e| e == "rs" || e == "wgsl") => into.push(path),
            false => {}
        }
    }
}

/// All source files below these folders; folders that do not exist hold none.
fn sources(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![];
    for folder in folders.iter().map(|f| root.join(f)).filter(|f| f.is_dir()) {
        collect(&folder, &mut paths);
    }
    paths.sort();
    let source = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("readable text");
        let code = text.lines().map(|l| l.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n");
        let path = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
        Source { path, text, code }
    };
    paths.into_iter().map(source).collect()
}

fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn arrows() {
    let mut complaints = vec![];
    for source in sources(&["src"]) {
        let folder = source.folder();
        if matches!(folder, "cli" | "main" | "lib") {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == folder) else {
            complaints.push(format!("{}: {folder} has no row in ARROWS", source.path));
            continue;
        };
        for import in source.imports() {
            let free = import == folder || import == "deadline" || (import == "error" && folder != "num");
            if !free && !allowed.contains(&import.as_str()) {
                complaints.push(format!("{}: {folder} must not import {import}", source.path));
            }
        }
    }
    none(complaints);
}

#[test]
fn the_checker_knows_no_method() {
    let check = sources(&["src/certificate"]).into_iter().filter(|s| s.path.contains("check"));
    let bad = check.flat_map(|s| {
        let gpu = s.code.contains("backend::gpu").then(|| format!("{} knows the GPU", s.path));
        let imports = s.imports();
        gpu.into_iter().chain(
            ["method", "search"]
                .into_iter()
                .filter(move |n| imports.contains(*n))
                .map(move |n| format!("{} imports {n}", s.path)),
        )
    });
    none(bad.collect());
}

#[test]
fn only_the_command_line_prints() {
    let loud =
        ["println!", "eprintln!", "print!(", "eprint!(", "dbg!", "io::stdout", "io::stderr", "process::exit"];
    let mut complaints = vec![];
    for source in sources(&["src"]).iter().filter(|s| !matches!(s.folder(), "cli" | "main")) {
        for word in loud.iter().filter(|w| source.code.contains(**w)) {
            complaints.push(format!("{}: {word}", source.path));
        }
    }
    none(complaints);
}

#[test]
fn only_the_backend_knows_the_gpu_library() {
    let outside = sources(&["src"]).into_iter().filter(|s| s.folder() != "backend");
    none(outside.filter(|s| s.code.contains("wgpu")).map(|s| format!("{}: wgpu", s.path)).collect());
}

#[test]
fn files_are_short() {
    let long = |s: Source| {
        let lines = s.text.lines().count();
        (lines > 500).then(|| format!("{}: {lines} lines", s.path))
    };
    none(sources(&["src", "shaders", "tests", "benches"]).into_iter().filter_map(long).collect());
}

#[test]
fn matches_name_every_variant() {
    let lint = "#![deny(clippy::wildcard_enum_match_arm)]";
    let mut complaints = vec![];
    for source in sources(EXHAUSTIVE) {
        let head = EXHAUSTIVE.iter().any(|folder| source.path == format!("{folder}/mod.rs"));
        if head && !source.code.contains(lint) {
            complaints.push(format!("{}: the head lacks {lint}", source.path));
        }
        if source.code.contains("allow(clippy::wildcard_enum_match_arm") {
            complaints.push(format!("{}: allows arms for the rest", source.path));
        }
    }
    none(complaints);
}

#[test]
fn nothing_is_unsafe_or_unfinished() {
    let this = "tests/suite/architecture.rs";
    let mut complaints = vec![];
    for source in sources(&["src", "tests", "benches"]).iter().filter(|s| s.path != this) {
        for word in ["unsafe {", "unsafe fn", "unsafe impl", "allow(unsafe_code", "todo!(", "unimplemented!("]
        {
            if source.code.contains(word) {
                complaints.push(format!("{}: {word}", source.path));
            }
        }
    }
    none(complaints);
}

#[test]
fn methods_say_what_they_prove() {
    let folders = ["src/method/global", "src/method/local", "src/method/lower", "src/method/layer"];
    let mut complaints = vec![];
    for source in sources(&folders) {
        if source.path.ends_with("/mod.rs") || NO_METHOD.contains(&source.path.as_str()) {
            continue;
        }
        let head: Vec<&str> = source.text.lines().map_while(|l| l.strip_prefix("//!")).collect();
        for words in HEAD {
            if !head.iter().any(|l| words.iter().any(|w| l.trim().starts_with(w))) {
                complaints.push(format!("{}: the head lacks {:?}", source.path, words[0]));
            }
        }
    }
    none(complaints);
    let gone = |p: &&&str| !Path::new(env!("CARGO_MANIFEST_DIR")).join(p).is_file();
    none(NO_METHOD.iter().filter(gone).map(|p| format!("{p} is exempt, but does not exist")).collect());
}

/// The scanner itself: what it sees and what it leaves alone.
#[test]
fn imports_are_found() {
    let source =
        |path: &str, code: &str| Source { path: path.into(), text: String::new(), code: code.into() };
    let found = |path: &str, code: &str| source(path, code).imports().into_iter().collect::<Vec<_>>();
    assert_eq!(found("src/num/a.rs", "use crate::net::Net;\nlet y = crate::rules::f();"), ["net", "rules"]);
    assert_eq!(
        found("src/num/a.rs", "use crate::{\n    net::{Net, Op},\n    region,\n};"),
        ["net", "region"]
    );
    assert_eq!(found("src/num/a.rs", "use super::super::net::Net;\nuse super::region;"), ["net"]);
    assert_eq!(found("src/num/mod.rs", "use super::net::Net;"), ["net"]);
    assert_eq!(found("src/region.rs", "use super::net::Net; $crate::ops"), ["net"]);
    assert!(found("src/num/a.rs", "use super::round::U; mycrate::net::x(); crate::VERSION").is_empty());
}
