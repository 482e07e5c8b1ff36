//! Tells the program which commit it is built from, where its sources are a checkout or a package made of one.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CLARKE_COMMIT");
    // Builds for development would be made anew with every commit.
    let release = std::env::var("PROFILE").is_ok_and(|p| p == "release");
    if !release || std::env::var_os("CLARKE_COMMIT").is_some() {
        return;
    }
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    if let Some(commit) = packaged(&root).or_else(|| checked_out(&root)).filter(|c| is_hash(c)) {
        println!("cargo::rustc-env=CLARKE_COMMIT={commit}");
    }
}

fn is_hash(text: &str) -> bool {
    text.len() >= 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Packages carry the commit that they were made of.
fn packaged(root: &Path) -> Option<String> {
    let text = watched(&root.join(".cargo_vcs_info.json"))?;
    let rest = text.split("\"sha1\"").nth(1)?;
    rest.split('"').nth(1).map(String::from)
}

/// What HEAD of the repository points to.
fn checked_out(root: &Path) -> Option<String> {
    let git = root.join(".git");
    let folder = match read_to_string(&git) {
        // Of a second working tree.
        Ok(text) => root.join(text.trim().strip_prefix("gitdir: ")?),
        Err(_) => git,
    };
    let head = watched(&folder.join("HEAD"))?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return Some(head.trim().into()) };
    let shared = read_to_string(folder.join("commondir")).map_or(folder.clone(), |c| folder.join(c.trim()));
    if let Some(commit) = watched(&shared.join(name)) {
        return Some(commit.trim().into());
    }
    let packed = watched(&shared.join("packed-refs"))?;
    packed.lines().find_map(|l| l.strip_suffix(name)).map(|c| c.trim().into())
}

/// A file's text; where there is one, a change of it makes a new build.
fn watched(path: &Path) -> Option<String> {
    let text = read_to_string(path).ok()?;
    println!("cargo::rerun-if-changed={}", path.display());
    Some(text)
}
