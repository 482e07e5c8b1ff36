//! Methods by name: what `--method` accepts, and what comes near.

use super::list::METHODS;
use super::row::{Row, Scope};
use crate::error::Error;

/// A method of `bound` by name.
pub fn find(name: &str) -> Option<&'static Row> {
    METHODS.iter().find(|r| r.name == name && r.scope != Scope::Layer)
}

/// That no method has this name, and which ones come near.
pub fn unknown(name: &str) -> Error {
    if METHODS.iter().any(|r| r.name == name && r.scope == Scope::Layer) {
        return Error::input(format!("{name} bounds single layers, not networks"))
            .at("--method")
            .next("`clarke layers NET` runs it; leave --method out here, or see `clarke methods`");
    }
    let near = near(name);
    let error = Error::input(format!("there is no method {name:?}")).at("--method");
    match near.as_slice() {
        [] => error.next("use auto, or a name that `clarke methods` lists"),
        near => error.next(format!("near it: {}; `clarke methods` lists all", near.join(", "))),
    }
}

/// Names for which others know methods.
const KNOWN_AS: &[(&str, &str)] = &[
    ("crown", "jacobian-linear"),
    ("lirpa", "jacobian-linear"),
    ("fastlip", "jacobian-ibp"),
    ("interval", "jacobian-interval"),
    ("lipbab", "exact"),
    ("branch-and-bound", "exact"),
    ("bab", "exact"),
    ("naive", "product"),
    ("spectral", "product"),
    ("k1", "combettes-pesquet"),
    ("k4", "absolute-product"),
    ("liplt", "combettes-pesquet"),
    ("eclipse", "eclipse-fast"),
    ("geolip", "scaled-gain"),
    ("sdp", "lipsdp"),
    ("polynomial", "lipopt"),
    ("krivine", "lipopt"),
    ("handelman", "lipopt"),
    ("pgd", "ascent"),
    ("sampling", "ascent"),
];

/// Methods of networks whose names contain the text, are contained in it, differ by little, or that others
/// know by it.
fn near(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase().replace(['_', ' '], "-");
    let known = KNOWN_AS.iter().filter(|(theirs, _)| text.contains(theirs)).map(|(_, ours)| *ours);
    let alike = |name: &str| {
        let contained = text.len() > 2 && (name.contains(&text) || text.contains(name));
        contained || distance(&text, name) <= 1 + name.len() / 5
    };
    let own = METHODS.iter().filter(|r| r.scope != Scope::Layer && alike(r.name)).map(|r| r.name);
    let mut list: Vec<&'static str> = own.chain(known).collect();
    let mut seen = std::collections::BTreeSet::new();
    list.retain(|name| seen.insert(*name));
    list
}

/// Insertions, deletions and substitutions between two texts.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let least = (row[j] + 1).min(row[j + 1] + 1).min(corner + (x != *y) as usize);
            corner = std::mem::replace(&mut row[j + 1], least);
        }
    }
    row[b.len()]
}
