//! A method is its own file, the folder's list of modules and one line of the list: nothing else in the engine
//! knows its name.

use super::{none, sources};
use clarke::method::METHODS;
use clarke::method::row::Scope;

/// What selects by name on behalf of people: names that are typed, and those of other programs.
const BY_NAME: &str = "src/method/table.rs";

/// Where the row stands.
fn home<'s>(texts: &'s [(String, String)], name: &str) -> Vec<&'s str> {
    let row = format!("name: \"{name}\"");
    texts.iter().filter(|(_, code)| code.contains(&row)).map(|(path, _)| &path[..]).collect()
}

#[test]
fn a_method_is_a_file_and_a_line() {
    let folders = ["src/analysis", "src/method", "src/search", "src/engine", "src/certificate"];
    let texts: Vec<(String, String)> = sources(&folders).into_iter().map(|s| (s.path, s.code)).collect();
    let list = texts.iter().find(|(path, _)| path == "src/method/list.rs").expect("the list");
    let mut complaints = vec![];
    for row in METHODS.iter().filter(|r| r.scope != Scope::Search) {
        let home = home(&texts, row.name);
        if home.len() != 1 {
            complaints.push(format!("{}: its row stands in {} files", row.name, home.len()));
            continue;
        }
        let quoted = format!("\"{}\"", row.name);
        for (path, code) in texts.iter().filter(|(path, _)| path != home[0] && path != BY_NAME) {
            let tests = path.ends_with("tests.rs");
            let knows = code.lines().any(|l| l.contains(&quoted));
            if knows && !tests {
                complaints.push(format!("{path} knows the name of {}", row.name));
            }
        }
        // One line of the list, by the file's own name.
        let stem = home[0].trim_end_matches(".rs").rsplit('/').next().unwrap_or_default();
        let lines = list.1.lines().filter(|l| l.contains(&format!("::{stem}::"))).count();
        let rows = METHODS.iter().filter(|r| self::home(&texts, r.name) == home).count();
        if lines != rows {
            complaints.push(format!("{}: {lines} lines of the list for {rows} rows of its file", row.name));
        }
    }
    none(complaints);
}
