//! `clarke methods`: the method table.

use super::flags::{Format, ListFlags};
use super::print::Print;
use crate::error::Result;
use crate::method::table::{METHODS, Proves, Row, Scope};
use crate::report::csv::quote;
use serde_json::json;

const HEADER: [&str; 6] = ["name", "norms", "scope", "proves", "cost", "paper"];

fn cells(row: &Row) -> [&'static str; 6] {
    let scope = match row.scope {
        Scope::Layer => "layer",
        Scope::Local => "local",
        Scope::Any | Scope::Search => "any",
    };
    let proves = match row.proves {
        Proves::Upper => "upper",
        Proves::Lower => "lower",
        Proves::Both => "both",
    };
    [row.name, row.norms, scope, proves, row.cost, row.paper]
}

pub fn run(flags: ListFlags) -> Result<i32> {
    let print = Print::new(flags.print);
    let rows: Vec<[&str; 6]> = METHODS.iter().map(cells).collect();
    let text = match print.format {
        Format::Human => {
            let rows: Vec<Vec<String>> = rows
                .iter()
                .map(|&[name, norms, scope, proves, cost, paper]| {
                    [name, norms, scope, proves, &format!("{cost}\n{paper}")].map(str::to_string).to_vec()
                })
                .collect();
            print.table(&["name", "norms", "scope", "proves", "cost, paper"], &rows)
        }
        Format::Json => {
            let rows: Vec<_> = rows
                .iter()
                .map(|r| {
                    HEADER
                        .iter()
                        .zip(r)
                        .map(|(k, v)| (k.to_string(), json!(v)))
                        .collect::<serde_json::Map<_, _>>()
                })
                .collect();
            format!("{:#}\n", json!({"schema": "clarke.methods/1", "methods": rows}))
        }
        Format::Csv => std::iter::once(&HEADER)
            .chain(&rows)
            .map(|r| r.iter().map(|c| quote(c)).collect::<Vec<_>>().join(",") + "\n")
            .collect(),
    };
    print.result(&text)?;
    Ok(0)
}
