//! `clarke methods`: the method table, and one method explained.

use super::flags::{Format, MethodsFlags};
use super::print::Print;
use crate::error::{Error, Result};
use crate::method::METHODS;
use crate::method::row::{Proves, Row, Scope};
use crate::method::table;
use crate::report::csv::quote;
use crate::report::human::put;
use serde_json::{Map, Value, json};

const HEADER: [&str; 6] = ["name", "norms", "scope", "proves", "cost", "paper"];

fn cells(row: &Row) -> [&'static str; 6] {
    let scope = match row.scope {
        Scope::Layer => "layer",
        Scope::Any | Scope::Search => "any",
    };
    let proves = match row.proves {
        Proves::Upper => "upper",
        Proves::Lower => "lower",
        Proves::Both => "both",
    };
    [row.name, row.norms, scope, proves, row.cost, row.paper]
}

pub fn run(flags: MethodsFlags) -> Result<i32> {
    let print = Print::new(flags.print);
    let text = match &flags.name {
        None => list(print.format),
        Some(name) => {
            let row = METHODS.iter().find(|r| r.name == name);
            let row = row.ok_or_else(|| Error { place: "clarke methods".into(), ..table::unknown(name) })?;
            one(row, print.format)
        }
    };
    print.result(&text)?;
    Ok(0)
}

fn object(row: &Row) -> Map<String, Value> {
    HEADER.iter().zip(cells(row)).map(|(k, v)| (k.to_string(), json!(v))).collect()
}

fn list(format: Format) -> String {
    match format {
        Format::Human => {
            METHODS.iter().map(two_lines).collect::<String>()
                + "\nclarke methods NAME explains one of them.\n"
        }
        Format::Json => {
            let rows: Vec<_> = METHODS.iter().map(object).collect();
            format!("{:#}\n", json!({"schema": "clarke.methods/1", "methods": rows}))
        }
        Format::Csv => {
            let line = |r: [&str; 6]| r.map(quote).join(",") + "\n";
            line(HEADER) + &METHODS.iter().map(|r| line(cells(r))).collect::<String>()
        }
    }
}

/// What it bounds and at what cost; below, from where it is.
fn two_lines(row: &Row) -> String {
    let [name, norms, scope, proves, cost, paper] = cells(row);
    let what = match (scope, proves) {
        ("layer", "both") => "one layer, both ends",
        ("layer", "upper") => "one layer, upper",
        ("layer", _) => "one layer, lower",
        (_, proves) => proves,
    };
    format!("{name:<17} {what}; {norms}; {cost}\n{:<17} {paper}\n", "")
}

fn one(row: &Row, format: Format) -> String {
    let [name, norms, scope, proves, cost, paper] = cells(row);
    let facts = [
        ("method", name),
        ("proves", row.formula),
        ("ends", proves),
        ("norms", norms),
        ("scope", if scope == "layer" { "one linear layer" } else { "a network, on any region" }),
        ("slopes", row.slopes),
        ("cost", cost),
        ("loose", row.loose),
        ("from", paper),
    ];
    match format {
        Format::Human => {
            let mut out = String::new();
            facts.iter().for_each(|(label, text)| put(&mut out, label, text));
            put(&mut out, "try", &row.example());
            out
        }
        Format::Json => {
            let more = [("formula", row.formula), ("slopes", row.slopes), ("loose", row.loose)];
            let mut all = object(row);
            all.insert("schema".into(), json!("clarke.method/1"));
            all.extend(more.map(|(k, v)| (k.to_string(), json!(v))));
            all.insert("example".into(), json!(row.example()));
            format!("{:#}\n", Value::Object(all))
        }
        Format::Csv => facts.iter().map(|(label, text)| format!("{label},{}\n", quote(text))).collect(),
    }
}
