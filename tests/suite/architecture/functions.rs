//! No function is longer than a screen or takes more than five parameters.

use super::{none, sources, word};

/// Lines from the name to the closing brace.
const LINES: usize = 60;
/// Without `self`.
const PARAMETERS: usize = 5;

#[derive(Debug, PartialEq)]
struct Function {
    name: String,
    parameters: usize,
    lines: usize,
}

/// The code with comments and the content of texts and characters blanked.
fn blanked(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let at = |i: usize| bytes.get(i).copied().unwrap_or('\0');
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < bytes.len() {
        let word = i > 0 && (at(i - 1).is_alphanumeric() || at(i - 1) == '_');
        let hashes = (i + 1..).take_while(|&k| at(k) == '#').count();
        let end = match at(i) {
            '/' if at(i + 1) == '/' => (i..bytes.len()).find(|&k| at(k) == '\n').unwrap_or(bytes.len()),
            'r' if !word && at(i + 1 + hashes) == '"' => {
                let closes = |k: &usize| at(*k) == '"' && (1..=hashes).all(|h| at(k + h) == '#');
                (i + 2 + hashes..bytes.len()).find(closes).map_or(bytes.len(), |k| k + 1 + hashes)
            }
            '"' => closing(&bytes, i, '"'),
            // Not a lifetime.
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => closing(&bytes, i, '\''),
            c => {
                out.push(c);
                i += 1;
                continue;
            }
        };
        out.extend(bytes[i..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        i = end;
    }
    out
}

/// The place behind the end of a text that starts at `start`.
fn closing(bytes: &[char], start: usize, quote: char) -> usize {
    let mut k = start + 1;
    while k < bytes.len() && bytes[k] != quote {
        k += if bytes[k] == '\\' { 2 } else { 1 };
    }
    (k + 1).min(bytes.len())
}

/// What stands between the bracket at the start and its partner, split at commas outside of brackets.
fn items(code: &str) -> (Vec<&str>, usize) {
    let (mut depth, mut start, mut list, mut last) = (0, 1, vec![], ' ');
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            '>' if matches!(last, '-' | '=') => {}
            ')' | ']' | '}' | '>' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            let item = code[start..at].trim();
            list.extend((!item.is_empty()).then_some(item));
            start = at + 1;
        }
        if depth == 0 {
            return (list, at + 1);
        }
        last = c;
    }
    (list, code.len())
}

/// All functions with a body.
fn functions(text: &str) -> Vec<Function> {
    let code = blanked(text);
    let mut found = vec![];
    for (at, _) in code.match_indices("fn ") {
        let name = word(&code[at + 3..]);
        let before = code[..at].chars().next_back();
        if name.is_empty() || before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let mut rest = &code[at + 3 + name.len()..];
        if rest.starts_with('<') {
            rest = &rest[items(rest).1..];
        }
        if !rest.starts_with('(') {
            continue;
        }
        let (list, end) = items(rest);
        let own = |p: &&str| {
            let p = p.trim_start_matches('&').split(':').next().unwrap_or_default();
            p.split_whitespace().next_back() == Some("self")
        };
        let parameters = list.iter().filter(|p| !own(p)).count();
        rest = &rest[end..];
        let mut depth = 0;
        let body = rest.char_indices().find(|(_, c)| {
            depth += matches!(c, '(' | '[') as i32 - matches!(c, ')' | ']') as i32;
            depth == 0 && matches!(c, '{' | ';')
        });
        let Some((start, '{')) = body else { continue };
        let end = start + block(&rest[start..]);
        let whole = code.len() - rest.len() + end;
        found.push(Function { name, parameters, lines: code[at..whole].matches('\n').count() + 1 });
    }
    found
}

/// The length of a block of code.
fn block(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        depth += (c == '{') as i32 - (c == '}') as i32;
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

#[test]
fn functions_are_short_and_take_few_parameters() {
    let mut complaints = vec![];
    for source in sources(&["src"]) {
        let bad =
            functions(&source.text).into_iter().filter(|f| f.lines > LINES || f.parameters > PARAMETERS);
        complaints.extend(bad.map(|f| {
            format!("{}: {} has {} lines and {} parameters", source.path, f.name, f.lines, f.parameters)
        }));
    }
    none(complaints);
}

/// The scanner itself.
#[test]
fn functions_are_found() {
    let text = r##"
        impl<'a> A<'a> {
            fn one<T: Fn(u8, u8) -> u8>(&'a mut self, (a, b): (u8, u8), c: [u8; 2]) -> [u8; 2] {
                let s = "fn no(a, b) {"; // }
                let t = r#"}"}"#;
                match '}' { '{' => c, _ => [b'"', 0] }
            }
            fn declared(&self, x: u8);
        }
        fn two(a: impl Fn(u8) -> u8, f: fn(u8, u8) -> u8, m: Map<u8, u8>) {}
    "##;
    let function = |name: &str, parameters, lines| Function { name: name.into(), parameters, lines };
    assert_eq!(functions(text), [function("one", 2, 5), function("two", 3, 1)]);
}
