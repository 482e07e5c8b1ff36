//! No circles among the files of one folder.

use super::{Source, none, sources, word};
use std::collections::{BTreeMap, BTreeSet};

/// Who imports whom among the files and folders of one folder.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// The names of a tree of imports, cut after `depth` segments.
fn paths(text: &str, depth: usize) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    let first = word(text);
    let rest = &text[first.len()..];
    if first.is_empty() {
        if let Some(group) = text.strip_prefix('{') {
            members(group).into_iter().for_each(|m| found.extend(paths(m, depth)));
        }
        return found;
    }
    let inner = match rest.strip_prefix("::").filter(|_| depth > 1) {
        Some(rest) => paths(rest.trim_start(), depth - 1),
        None => BTreeSet::new(),
    };
    let longer = |tail: Vec<String>| [vec![first.clone()], tail].concat();
    match inner.is_empty() {
        true => BTreeSet::from([vec![first]]),
        false => inner.into_iter().map(longer).collect(),
    }
}

/// The members of a group of imports, from behind its brace on.
pub fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut list) = (0, 0, vec![]);
    for (at, c) in group.char_indices() {
        let ends = depth == 0 && matches!(c, ',' | '}');
        if ends {
            list.push(group[start..at].trim());
            start = at + 1;
        }
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
    }
    list
}

/// A file as a module: `src/net/onnx/conv.rs` is net, onnx, conv.
pub fn module(path: &str) -> Vec<String> {
    let stem = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    stem.split('/').map(String::from).collect()
}

/// Everything that a file names by a path from the crate's root or from its own place.
fn named(source: &Source) -> BTreeSet<Vec<String>> {
    let own = module(&source.path);
    let code = source.code.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = BTreeSet::new();
    for (prefix, relative) in [("crate::", false), ("super::", true)] {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | ':')) {
                continue;
            }
            let mut rest = &code[at..];
            let mut base = own.clone();
            while let Some(tail) = rest.strip_prefix("super::").filter(|_| relative) {
                base.pop();
                rest = tail;
            }
            if !relative {
                base.clear();
                rest = &rest[prefix.len()..];
            }
            found.extend(paths(rest, own.len() + 1).into_iter().map(|p| [base.clone(), p].concat()));
        }
    }
    found
}

/// The graphs of all folders below `src`, by their paths.
fn graphs(sources: &[Source]) -> BTreeMap<String, Graph> {
    let modules: BTreeSet<Vec<String>> = sources
        .iter()
        .map(|s| module(&s.path))
        .flat_map(|m| (1..=m.len()).map(move |k| m[..k].to_vec()).collect::<Vec<_>>())
        .collect();
    let mut graphs: BTreeMap<String, Graph> = BTreeMap::new();
    for source in sources {
        let own = module(&source.path);
        for path in named(source) {
            let shared = own.iter().zip(&path).take_while(|(a, b)| a == b).count();
            if shared == 0 || shared >= own.len() || !modules.contains(&path[..path.len().min(shared + 1)]) {
                continue;
            }
            let Some(other) = path.get(shared) else { continue };
            let graph = graphs.entry(own[..shared].join("/")).or_default();
            graph.entry(own[shared].clone()).or_default().insert(other.clone());
        }
    }
    graphs
}

/// Everything that can be reached from a file.
fn reached<'g>(graph: &'g Graph, from: &str) -> BTreeSet<&'g str> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(name) = open.pop() {
        for next in graph.get(name).into_iter().flatten() {
            if found.insert(&next[..]) {
                open.push(next);
            }
        }
    }
    found
}

/// The files that reach this one and are reached by it.
fn circle<'g>(graph: &'g Graph, from: &str) -> Vec<&'g str> {
    reached(graph, from).into_iter().filter(|to| reached(graph, to).contains(from)).collect()
}

/// Groups of files that reach each other.
fn circles(graph: &Graph) -> BTreeSet<Vec<&str>> {
    graph.keys().map(|name| circle(graph, name)).filter(|c| !c.is_empty()).collect()
}

#[test]
fn no_circles_among_the_files_of_one_folder() {
    let sources = sources(&["src"]);
    let graphs = graphs(&sources);
    let found: BTreeSet<(&str, Vec<&str>)> =
        graphs.iter().flat_map(|(folder, g)| circles(g).into_iter().map(move |c| (&folder[..], c))).collect();
    none(found.iter().map(|(f, c)| format!("{f}: {} import each other", c.join(", "))).collect());
}

/// The scanner itself.
#[test]
fn circles_are_found() {
    let source =
        |path: &str, code: &str| Source { path: path.into(), text: String::new(), code: code.into() };
    let sources = [
        source("src/a/mod.rs", "mod b; pub use b::B;"),
        source("src/a/b.rs", "use super::{B, c::{self, C}};"),
        source("src/a/c.rs", "use crate::{e, a::d::x::Y};\n#[cfg(test)]\nuse super::b;"),
        source("src/a/d/x.rs", "fn f() { super::super::b::g() }"),
        source("src/e.rs", "use crate::a::b;"),
    ];
    let graphs = graphs(&sources);
    let names: Vec<&str> = graphs.keys().map(|k| &k[..]).collect();
    assert_eq!(names, ["a"]);
    assert_eq!(circles(&graphs["a"]), BTreeSet::from([vec!["b", "c", "d"]]));
}
