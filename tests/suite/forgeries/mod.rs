//! Certificates forged by hand: every field of the file and every rule of proof, each with a claim that is
//! false for the reason that stands beside it. `clarke check` accepts none of them, and accepts the honest
//! certificate that each was made of.

mod draft;
mod leaves;
mod networks;
mod numbers;
mod places;
mod size;
mod trees;
mod witnesses;

use draft::{Draft, Lie};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// One false certificate, and the honest one that it was made of.
struct Forgery {
    name: &'static str,
    /// Why the claim is false.
    why: &'static str,
    honest: Draft,
    forged: Draft,
    lie: Lie,
}

fn forgery(name: &'static str, why: &'static str, honest: Draft, forged: Draft, lie: Lie) -> Forgery {
    Forgery { name, why, honest, forged, lie }
}

fn all() -> Vec<Forgery> {
    let lists =
        [places::all(), numbers::all(), networks::all(), leaves::all(), trees::all(), witnesses::all()];
    lists.into_iter().flatten().collect()
}

/// A folder for certificates, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("clarke-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a writable folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The exit code of `clarke check`, and what it says.
fn checked(folder: &Path, text: &str) -> (i32, String) {
    let file = folder.join("certificate.json");
    std::fs::write(&file, text).expect("a writable file");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_clarke"));
    let run = command.arg("check").arg(&file).args(["--format", "json"]).output().expect("a program");
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    let accepted = serde_json::from_slice::<Value>(&run.stdout).is_ok_and(|v| v["accepted"] == true);
    let code = run.status.code().expect("an exit code");
    assert_eq!(accepted, code == 0, "{said}");
    (code, said)
}

#[test]
fn no_forgery_is_accepted() {
    let folder = Folder::new("forgeries");
    let mut honest: HashMap<String, (i32, String)> = HashMap::new();
    let (mut names, mut complaints) = (vec![], vec![]);
    for f in all() {
        assert!(!f.why.is_empty() && !names.contains(&f.name), "{} is there twice", f.name);
        names.push(f.name);
        f.lie.holds(&f.forged).unwrap_or_else(|e| panic!("{}: the claim is not false: {e}", f.name));
        let control = f.honest.text();
        let (code, said) =
            honest.entry(control.clone()).or_insert_with(|| checked(&folder.0, &control)).clone();
        if code != 0 {
            complaints.push(format!("{}: the honest certificate is refused: {said}", f.name));
        }
        let (code, said) = checked(&folder.0, &f.forged.text());
        if code == 0 {
            complaints.push(format!("{}: accepted, though {}", f.name, f.why));
        } else if !(1..=5).contains(&code) || said.contains("panicked") {
            complaints.push(format!("{}: code {code}: {said}", f.name));
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
    println!("{} forgeries refused, {} honest certificates accepted", names.len(), honest.len());
    assert!(names.len() >= 60 && honest.len() >= 25, "{} forgeries, {} controls", names.len(), honest.len());
}
