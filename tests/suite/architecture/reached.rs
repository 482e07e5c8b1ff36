//! What a file rests on: where the names lead that it imports or writes out, re-exports followed to the file
//! that defines them, and files with methods that it calls of types that it has.

use super::circles::{members, module};
use super::{Source, word};
use std::collections::{BTreeMap, BTreeSet};

type Path = Vec<String>;

/// One name of a `use`.
struct Use {
    public: bool,
    path: Path,
    /// Under which it is known here; a star for all that there is.
    name: String,
}

struct File<'s> {
    source: &'s Source,
    own: Path,
    uses: Vec<Use>,
    /// The code without its imports and tests.
    body: String,
}

/// A block of methods: of which type, by which trait if by one.
struct Methods {
    of: Path,
    by: Option<Path>,
    names: Vec<String>,
}

/// Re-exports of re-exports up to here.
const DEEP: usize = 8;

fn names(text: &str) -> Path {
    text.split("::").map(str::trim).filter(|s| !s.is_empty()).map(String::from).collect()
}

/// The leaves of a tree of imports.
fn leaves(text: &str, head: &[String], public: bool, found: &mut Vec<Use>) {
    if let Some((path, group)) = text.split_once('{') {
        let head = [head, &names(path)].concat();
        let members = members(group).into_iter().filter(|m| !m.is_empty());
        return members.for_each(|m| leaves(m, &head, public, found));
    }
    let (path, alias) = text.split_once(" as ").unwrap_or((text, ""));
    let mut path = [head, &names(path)].concat();
    path.pop_if(|last| last == "self");
    let last = path.last().cloned().unwrap_or_default();
    let name = if alias.is_empty() { last } else { alias.trim().into() };
    path.pop_if(|last| last == "*");
    found.push(Use { public, path, name });
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn has_word(text: &str, name: &str) -> bool {
    let free = |c: Option<char>| !c.is_some_and(is_word);
    let alone =
        |at: usize| free(text[..at].chars().next_back()) && free(text[at + name.len()..].chars().next());
    text.match_indices(name).any(|(at, _)| alone(at))
}

impl<'s> File<'s> {
    fn new(source: &'s Source) -> File<'s> {
        let own = module(&source.path);
        let own = if own == ["lib"] { vec![] } else { own };
        let code = source.code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let (mut uses, mut body, mut rest) = (vec![], String::new(), code);
        while let Some(at) = rest.find("use ") {
            let before = rest[..at].trim_end();
            let public = before.ends_with("pub") || before.ends_with("pub(crate)");
            let statement = public || before.is_empty() || before.ends_with([';', '{', '}', ']']);
            let end = rest[at..].find(';').map_or(rest.len(), |k| at + k);
            body += &rest[..at];
            if statement {
                leaves(rest[at + 4..end].trim(), &[], public, &mut uses);
                rest = &rest[end..];
            } else {
                rest = &rest[at + 4..];
            }
        }
        File { source, own, uses, body: body + rest }
    }

    /// All paths of two names and more in the body.
    fn written_out(&self) -> BTreeSet<Path> {
        let runs = self.body.split(|c| !is_word(c) && c != ':').map(|run| run.trim_end_matches(':'));
        runs.filter(|run| run.contains("::") && !run.starts_with(':')).map(names).collect()
    }

    fn methods(&self) -> Vec<Methods> {
        let blocks = self.body.split("\nimpl").skip(1);
        blocks
            .map(|block| {
                let (head, rest) = block.split_once('{').unwrap_or((block, ""));
                let rest = rest.split("\n}").next().unwrap_or_default();
                let head = behind_generics(head);
                let (of, by) = head.split_once(" for ").map_or((head, None), |(by, of)| (of, Some(by)));
                let names = rest.split("fn ").skip(1).map(word).collect();
                Methods { of: bare(of), by: by.map(bare), names }
            })
            .collect()
    }
}

/// A type or trait without its parameters.
fn bare(text: &str) -> Path {
    names(text.trim().trim_start_matches('&').split(['<', ' ']).next().unwrap_or_default())
}

/// A head of an `impl` without the list that may begin it.
fn behind_generics(head: &str) -> &str {
    let mut depth = 0;
    let end = head.char_indices().find(|(_, c)| {
        depth += (*c == '<') as i32 - (*c == '>') as i32;
        depth == 0
    });
    end.map_or(head, |(at, _)| if head.starts_with('<') { &head[at + 1..] } else { head })
}

struct Crate<'s>(BTreeMap<Path, File<'s>>);

impl<'s> Crate<'s> {
    /// A path from the crate's root; None for names of other crates and of the file itself.
    fn absolute(&self, file: &File, path: &[String], deep: usize) -> Option<Path> {
        let (first, rest) = path.split_first().filter(|_| deep < DEEP)?;
        let mut base = file.own.clone();
        match &first[..] {
            "crate" => return Some(rest.to_vec()),
            "self" => return Some([base, rest.to_vec()].concat()),
            "super" => {
                let up = path.iter().take_while(|s| *s == "super").count();
                base.truncate(base.len().checked_sub(up)?);
                return Some([&base, &path[up..]].concat());
            }
            _ => base.push(first.clone()),
        }
        if self.0.contains_key(&base) {
            return Some([&base, rest].concat());
        }
        let known = file.uses.iter().find(|u| u.name == *first && u.path != path)?;
        self.absolute(file, &[&known.path, rest].concat(), deep + 1)
    }

    /// The files that define what a path names.
    fn homes(&self, path: &[String], deep: usize) -> BTreeSet<&'s str> {
        let head = (0..=path.len()).rev().find_map(|k| Some((k, self.0.get(&path[..k])?)));
        let Some((k, file)) = head.filter(|_| deep < DEEP) else { return BTreeSet::new() };
        let Some(item) = path.get(k) else { return BTreeSet::from([&file.source.path[..]]) };
        let mut found = BTreeSet::new();
        for known in file.uses.iter().filter(|u| u.name == *item) {
            let behind = [&known.path, &path[k + 1..]].concat();
            let behind = self.absolute(file, &behind, deep);
            found.extend(behind.into_iter().flat_map(|p| self.homes(&p, deep + 1)));
        }
        if found.is_empty() {
            found.insert(&file.source.path[..]);
            for all in file.uses.iter().filter(|u| u.name == "*") {
                let behind = self.absolute(file, &all.path, deep).map(|p| [&p[..], &path[k..]].concat());
                found.extend(behind.into_iter().flat_map(|p| self.homes(&p, deep + 1)));
            }
        }
        found
    }

    /// What a file names.
    fn named(&self, file: &File) -> BTreeSet<&'s str> {
        let used = |u: &&Use| !u.public || u.name == "*" || has_word(&file.body, &u.name);
        let imported = file.uses.iter().filter(used).map(|u| u.path.clone());
        let all = imported.chain(file.written_out());
        all.filter_map(|p| self.absolute(file, &p, 0)).flat_map(|p| self.homes(&p, 0)).collect()
    }

    /// Does a file hold methods of what is reached that something reached calls?
    fn is_called(&self, file: &File, reached: &BTreeSet<&'s str>) -> bool {
        let bodies = || self.0.values().filter(|f| reached.contains(&f.source.path[..])).map(|f| &f.body);
        let own = |name: &String| {
            ["struct", "enum", "trait"].iter().any(|kind| has_word(&file.body, &format!("{kind} {name}")))
        };
        // None for what is of another crate.
        let has = |path: &Path| {
            let path = self.absolute(file, path, 0).filter(|_| !path.first().is_some_and(own))?;
            Some(self.homes(&path, 0).iter().any(|home| reached.contains(home)))
        };
        let called = |of: &String, name: &String| {
            let ways = [format!(".{name}("), format!("{of}::{name}"), format!("Self::{name}")];
            bodies().any(|body| ways.iter().any(|way| body.contains(way)))
        };
        file.methods().iter().any(|Methods { of, by, names }| {
            let known = has(of) == Some(true) && by.as_ref().and_then(has) != Some(false);
            known && of.last().is_some_and(|of| names.iter().any(|name| called(of, name)))
        })
    }
}

/// All files that can be reached from those whose paths begin so.
pub fn reached<'s>(sources: &'s [Source], start: &str) -> BTreeSet<&'s str> {
    let files = sources.iter().map(File::new).map(|f| (f.own.clone(), f));
    let all = Crate(files.collect());
    let mut open: BTreeSet<&str> =
        sources.iter().map(|s| &s.path[..]).filter(|p| p.starts_with(start)).collect();
    let mut found = BTreeSet::new();
    while !open.is_empty() {
        found.extend(open.iter().copied());
        let files = || all.0.values();
        let fresh = files().filter(|f| open.contains(&f.source.path[..])).flat_map(|f| all.named(f));
        let called = files().filter(|f| all.is_called(f, &found)).map(|f| &f.source.path[..]);
        open = fresh.chain(called).filter(|path| !found.contains(path)).collect();
    }
    found
}

/// The scanner itself.
#[test]
fn what_a_file_rests_on_is_found() {
    let source =
        |path: &str, code: &str| Source { path: path.into(), text: String::new(), code: code.into() };
    let sources = [
        source("src/lib.rs", "pub mod a; pub mod b; pub use a::deep::Deep;"),
        source("src/a/mod.rs", "pub mod deep;\nmod more;\nmod unused;\npub use more::More as Other;"),
        source("src/a/deep.rs", "use super::{Other, super::b::{self, one}};\nfn f() { b::two::g() }"),
        source("src/a/more.rs", "pub use crate::e::E;\npub struct More;"),
        source("src/a/unused.rs", "use super::More;\nimpl More { fn idle(&self) {} }"),
        source("src/b/mod.rs", "pub mod one; pub mod two; pub mod three; mod four;"),
        source("src/b/one.rs", "pub struct One;"),
        source("src/b/two.rs", "use std::io;\nfn g() { self::h(); super::three::i().move_on() }"),
        source("src/b/three.rs", "pub struct Three;\n#[cfg(test)]\nmod tests { use crate::d; }"),
        source("src/b/four.rs", "use super::three::Three;\nimpl<T: A<B>> Three {\n fn move_on(self) {}\n}\n"),
        source("src/c.rs", "use crate::Deep;"),
        source("src/d.rs", "use crate::c;"),
        source("src/e.rs", "pub struct E;"),
    ];
    let found: Vec<&str> = reached(&sources, "src/c.rs").into_iter().collect();
    let expected = ["a/deep", "a/more", "b/four", "b/mod", "b/one", "b/three", "b/two", "c"];
    assert_eq!(found, expected.map(|name| format!("src/{name}.rs")));
}
