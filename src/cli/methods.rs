//! `clarke methods`: the method table, and one method explained.

use super::flags::{Format, MethodsFlags};
use super::print::{Print, wrapped};
use crate::error::{Error, Result};
use crate::method::METHODS;
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::table;
use crate::report::csv::quote;
use crate::report::human::put_in;
use serde_json::{Map, Value, json};

const HEADER: [&str; 6] = ["name", "norms", "scope", "proves", "cost", "paper"];

/// What `--method auto` is: no method of its own, but explained like one.
const AUTO: Row = Row {
    name: "auto",
    scope: Scope::Search,
    proves: Proves::Both,
    norms: "all",
    cost: "what --time and --memory allow",
    paper: "the default of --method; no method of its own",
    formula: "largest lower bound ≤ L ≤ smallest upper bound of the methods that suit the network and the \
              region, cheap ones first; then branch and bound, until upper ≤ G·lower (--gap)",
    loose: "the time is short, or every method is",
    slopes: "those of each method; on a region cheap methods also try those of all of R^n",
    stage: Stage::NONE,
};

fn cells(row: &Row) -> [&'static str; 6] {
    let scope = match row.scope {
        Scope::Layer => "layer",
        Scope::Any | Scope::Search => "any",
    };
    let proves = match row.proves {
        Proves::Upper => "upper",
        Proves::Lower => "lower",
        Proves::Both => "both",
        Proves::Estimate => "nothing",
    };
    [row.name, row.norms, scope, proves, row.cost, row.paper]
}

pub fn run(flags: MethodsFlags) -> Result<i32> {
    let print = Print::new(flags.print);
    let text = match &flags.name {
        None => list(&print),
        Some(name) => {
            let row = METHODS.iter().chain([&AUTO]).find(|r| r.name == name);
            let row = row.ok_or_else(|| Error { place: "clarke methods".into(), ..table::unknown(name) })?;
            one(row, &print)
        }
    };
    print.result(&text)?;
    Ok(0)
}

fn object(row: &Row) -> Map<String, Value> {
    HEADER.iter().zip(cells(row)).map(|(k, v)| (k.to_string(), json!(v))).collect()
}

fn list(print: &Print) -> String {
    match print.format {
        Format::Human => {
            let header = format!("{:<17} proves; norms; cost\n{:<17} from\n\n", "name", "");
            let rows: String = METHODS.iter().map(two_lines).collect();
            let text =
                header + &rows + "\nclarke methods NAME explains one of them, or auto, which runs them.\n";
            wrapped(&text, print.page())
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

fn one(row: &Row, print: &Print) -> String {
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
    match print.format {
        Format::Human => {
            let mut out = String::new();
            let mut put = |label: &str, text: &str| put_in(&mut out, label, text, print.page());
            facts.iter().for_each(|(label, text)| put(label, text));
            put("try", &row.example());
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
