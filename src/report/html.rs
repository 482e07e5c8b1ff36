//! A journal as one page that needs nothing else: no script, no request, light and dark, wide and narrow.

use super::chart::{Chart, Scale, escaped};
use super::quality::times;
use crate::num::decimal::rounded_down;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a page shows of a row.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Shown {
    pub key: String,
    pub row: usize,
    pub label: Option<i64>,
    pub predicted: Option<usize>,
    pub correct: Option<bool>,
    pub radius: Option<f64>,
    pub verified: Option<bool>,
    pub margin: Option<f64>,
    pub upper: Option<f64>,
    pub method: Option<String>,
    pub seconds: f64,
    pub status: String,
    pub error: Option<String>,
    #[serde(default)]
    pub counterexample: Option<Nearest>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Nearest {
    pub distance: f64,
}

/// Bars of a histogram.
const BARS: usize = 24;
/// Pictures of samples.
const MOST: usize = 24;
/// Rows of the table of slow ones.
const SLOW: usize = 12;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--page:#fff;--blue:#0550ae;--red:#a40e26}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b1;--line:#3d444d;--page:#0d1117;--blue:#79c0ff;--red:#ff9492}}
body{margin:0 auto;max-width:1180px;padding:1rem;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page)}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:1.2rem 0 .3rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:0 2rem}
svg{width:100%;height:auto;font-size:13px}svg text{fill:var(--ink)}
.grid{stroke:var(--line)}.axis{stroke:var(--soft);fill:none}.bar{fill:var(--blue)}
.dot{fill:none;stroke:var(--blue);stroke-width:1.5}
.proven{fill:none;stroke:var(--blue);stroke-width:2.5}.possible{fill:none;stroke:var(--red);stroke-width:2.5;stroke-dasharray:7 4}
.gallery{display:flex;flex-wrap:wrap;gap:.6rem 1rem}figure{margin:0;width:96px;font-size:.8rem;overflow-wrap:anywhere}
figure svg{width:96px;height:96px;image-rendering:pixelated}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.2rem .9rem .2rem 0;border-bottom:1px solid var(--line)}
code{overflow-wrap:anywhere;font-size:.9rem}p.note{color:var(--soft);margin:.2rem 0}
.facts{display:flex;flex-wrap:wrap;gap:.3rem 2rem;padding:0;list-style:none}.facts b{font-size:1.25rem;display:block}";

fn head(name: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{0}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
        escaped(name)
    )
}

/// One of several journals.
#[derive(Clone, Debug)]
pub struct Curve {
    pub name: String,
    /// Of decided rows, the fastest first.
    pub seconds: Vec<f64>,
    /// By row.
    pub radii: BTreeMap<usize, f64>,
}

/// Classes of lines, as the style knows them.
const LINES: [&str; 2] = ["proven", "possible"];

/// Journals side by side: how fast they decide, radii against those of the first, what differs.
pub fn side_by_side(
    curves: &[Curve],
    contradictions: &[String],
    differs: (&[&str], &[Vec<String>]),
) -> String {
    let names: Vec<&str> = curves.iter().map(|c| c.name.as_str()).collect();
    let mut out = head(&names.join(" and "));
    for why in contradictions {
        out += &format!("<p><b>Contradiction:</b> {}</p>\n", escaped(why));
    }
    out += "<div class=\"charts\">\n";
    for pair in curves.iter().skip(1).map(|other| [&curves[0], other]) {
        out += &cactus(pair);
        out += &scatter(pair);
    }
    out += "</div>\n";
    if !differs.1.is_empty() {
        out += &format!("<h2>Rows that differ</h2>\n{}", table(differs.0, differs.1));
    }
    out + "</body>\n</html>\n"
}

/// Rows decided against the seconds that they took together.
fn cactus(pair: [&Curve; 2]) -> String {
    let line = |c: &Curve| {
        let mut spent = 0.0;
        let each = c.seconds.iter().enumerate().map(|(k, s)| {
            spent += s;
            (spent, (k + 1) as f64)
        });
        [(0.0, 0.0)].into_iter().chain(each).collect::<Vec<(f64, f64)>>()
    };
    let lines = pair.map(line);
    let end = |of: fn(&(f64, f64)) -> f64| lines.iter().flatten().map(of).fold(0.0, f64::max);
    let (seconds, rows) = (end(|p| p.0), end(|p| p.1));
    if seconds <= 0.0 {
        return String::new();
    }
    let x = Scale { name: "seconds of all rows so far", from: 0.0, to: seconds * 1.02, log: false };
    let y = Scale { name: "rows decided", from: 0.0, to: rows * 1.05, log: false };
    let mut picture = Chart::new("rows decided against seconds", &x, &y);
    for (points, class) in lines.iter().zip(LINES) {
        picture.steps(points, class);
    }
    let note = format!("Solid: {}. Dashed: {}.", escaped(&pair[0].name), escaped(&pair[1].name));
    chart("Rows decided, fastest first", &note, &picture.svg())
}

/// Radii of one journal against those of another.
fn scatter(pair: [&Curve; 2]) -> String {
    let both = pair[0].radii.iter().filter_map(|(k, a)| Some((*a, *pair[1].radii.get(k)?)));
    let points: Vec<(f64, f64)> = both.filter(|p| p.0 > 0.0 && p.1 > 0.0).collect();
    let all = points.iter().flat_map(|p| [p.0, p.1]);
    let (low, high) = (all.clone().fold(f64::INFINITY, f64::min), all.fold(0.0, f64::max));
    if points.len() < 2 || low >= high {
        return String::new();
    }
    let scale = |name| Scale { name, from: low / 1.1, to: high * 1.1, log: true };
    let mut picture =
        Chart::new("radii against each other", &scale("radius of the first"), &scale("of the other"));
    picture.dots(&points);
    let note = format!("First: {}. Other: {}.", escaped(&pair[0].name), escaped(&pair[1].name));
    chart("Radii against each other", &note, &picture.svg())
}

/// The page of a journal; rows in any order, a later try at a sample after an earlier one. `picture` has the addresses
/// of samples that are pictures.
pub fn page(
    name: &str,
    header: &Value,
    rows: Vec<Shown>,
    picture: &dyn Fn(usize) -> Option<String>,
) -> String {
    let all: BTreeMap<usize, Shown> = rows.into_iter().map(|r| (r.row, r)).collect();
    let rows: Vec<Shown> = all.into_values().collect();
    let mut out = head(name);
    out += &asked(header);
    out += &facts(&rows);
    out += "<div class=\"charts\">\n";
    out += &curves(&rows);
    out += &histogram(&rows);
    out += &margins(&rows);
    out += &methods(&rows);
    out += "</div>\n";
    out += &gallery(&rows, picture);
    out += &slow(&rows);
    out += &failed(&rows);
    out += &origin(header);
    out + "</body>\n</html>\n"
}

/// The question in words.
fn asked(header: &Value) -> String {
    let text = |v: &Value| v.as_str().map(String::from).unwrap_or_default();
    let settings = &header["settings"];
    let norm = text(&settings["norm"]);
    let how = match settings["eps"].as_str() {
        Some(eps) => format!("Does the class lead on all of ‖x − c‖{norm} ≤ {eps}?"),
        None => format!("How far does the class lead around each sample, in the norm {norm}?"),
    };
    let clip = match &settings["clip"] {
        Value::Array(ends) if ends.len() == 2 => format!(" Within [{}, {}].", text(&ends[0]), text(&ends[1])),
        _ => String::new(),
    };
    let note = "Everything said here is proven, rounding included, but for what is called an estimate.";
    format!("<p>{}</p>\n<p class=\"note\">{note}</p>\n", escaped(&format!("{how}{clip}")))
}

fn facts(rows: &[Shown]) -> String {
    let count = |of: &dyn Fn(&Shown) -> bool| rows.iter().filter(|r| of(r)).count();
    let labelled = count(&|r| r.label.is_some());
    let mut list = vec![("rows", rows.len().to_string())];
    if labelled > 0 {
        list.push(("correct", format!("{} of {labelled}", count(&|r| r.correct == Some(true)))));
        let certified = count(&|r| r.correct == Some(true) && r.verified == Some(true));
        list.push(("certified accuracy", format!("{:.1} %", 100.0 * certified as f64 / labelled as f64)));
    }
    list.push(("verified", count(&|r| r.verified == Some(true)).to_string()));
    list.push(("refuted", count(&|r| r.verified == Some(false)).to_string()));
    list.push(("open", count(&|r| r.verified.is_none() && r.error.is_none()).to_string()));
    let mut radii: Vec<f64> = rows.iter().filter(|r| r.error.is_none()).map(radius).collect();
    radii.sort_by(f64::total_cmp);
    if let Some(median) = radii.len().checked_sub(1).map(|n| radii[n / 2]) {
        list.push(("median radius", rounded_down(median, 4)));
    }
    let seconds: f64 = rows.iter().map(|r| r.seconds).sum();
    list.push(("seconds of all rows", format!("{seconds:.1}")));
    let item = |(name, value): &(&str, String)| format!("<li><b>{value}</b>{name}</li>\n");
    format!("<ul class=\"facts\">\n{}</ul>\n", list.iter().map(item).collect::<String>())
}

fn radius(row: &Shown) -> f64 {
    row.radius.unwrap_or(0.0)
}

/// Only rows that count as right where labels are known.
fn counted(rows: &[Shown]) -> Vec<&Shown> {
    rows.iter().filter(|r| r.error.is_none() && r.correct != Some(false)).collect()
}

fn chart(title: &str, note: &str, svg: &str) -> String {
    format!("<section>\n<h2>{title}</h2>\n{svg}<p class=\"note\">{note}</p>\n</section>\n")
}

/// The share of samples that is proven, or not refuted, at every radius.
fn curves(rows: &[Shown]) -> String {
    let good = counted(rows);
    let largest = good.iter().map(|r| radius(r)).fold(0.0, f64::max);
    if largest <= 0.0 || rows.is_empty() {
        return String::new();
    }
    let found = good.iter().filter_map(|r| r.counterexample.as_ref()).map(|c| c.distance);
    let known: Vec<f64> = found.collect();
    let end = known.iter().copied().fold(largest, f64::max) * 1.02;
    let share = |ends: Vec<f64>, start: usize| {
        let mut ends = ends;
        ends.sort_by(f64::total_cmp);
        let mut left = start;
        let mut points = vec![(0.0, left as f64 / rows.len() as f64)];
        for at in ends {
            left -= 1;
            points.push((at, left as f64 / rows.len() as f64));
        }
        points
    };
    let proven: Vec<f64> = good.iter().map(|r| radius(r)).filter(|r| *r > 0.0).collect();
    let count = proven.len();
    let x = Scale { name: "radius", from: 0.0, to: end, log: false };
    let y = Scale { name: "share of samples", from: 0.0, to: 1.0, log: false };
    let mut chart_ = Chart::new("share of samples that is certified against the radius", &x, &y);
    let mut possible = share(known, good.len());
    possible.push((end, possible.last().map_or(0.0, |p| p.1)));
    chart_.steps(&possible, "possible");
    chart_.steps(&share(proven, count), "proven");
    let note = "Solid: proven to at least this radius. Dashed: no counterexample known within it; the truth lies between.";
    chart("Certified accuracy against the radius", note, &chart_.svg())
}

fn histogram(rows: &[Shown]) -> String {
    let note = "Samples without a radius are left out.";
    radii(rows).map_or(String::new(), |svg| chart("Certified radii", note, &svg))
}

/// How many samples have which radius; nothing of fewer than two.
pub fn radii(rows: &[Shown]) -> Option<String> {
    let radii: Vec<f64> = counted(rows).into_iter().map(radius).filter(|r| *r > 0.0).collect();
    let end = radii.iter().copied().fold(0.0, f64::max);
    let first = radii.iter().copied().fold(f64::INFINITY, f64::min);
    if radii.len() < 2 || first >= end {
        return None;
    }
    let width = end / BARS as f64;
    let mut bars = [0usize; BARS];
    radii.iter().for_each(|r| bars[((r / width) as usize).min(BARS - 1)] += 1);
    let top = bars.iter().copied().max().unwrap_or(1) as f64;
    let x = Scale { name: "radius", from: 0.0, to: end, log: false };
    let y = Scale { name: "samples", from: 0.0, to: top * 1.05, log: false };
    let mut picture = Chart::new("histogram of certified radii", &x, &y);
    for (k, count) in bars.iter().enumerate().filter(|b| *b.1 > 0) {
        picture.bar(k as f64 * width, (k + 1) as f64 * width, *count as f64);
    }
    Some(picture.svg())
}

fn margins(rows: &[Shown]) -> String {
    let pairs = counted(rows).into_iter().filter_map(|r| Some((r.margin?, r.radius.filter(|x| *x > 0.0)?)));
    let points: Vec<(f64, f64)> = pairs.filter(|p| p.0 > 0.0).collect();
    let ends = |of: fn(&(f64, f64)) -> f64| {
        let all = points.iter().map(of);
        (all.clone().fold(f64::INFINITY, f64::min), all.fold(0.0, f64::max))
    };
    let ((left, right), (low, high)) = (ends(|p| p.0), ends(|p| p.1));
    if points.len() < 2 || left >= right || low >= high {
        return String::new();
    }
    let x = Scale { name: "margin at the sample", from: left / 1.1, to: right * 1.1, log: true };
    let y = Scale { name: "radius", from: low / 1.1, to: high * 1.1, log: true };
    let mut picture = Chart::new("certified radius against the margin at the sample", &x, &y);
    picture.dots(&points);
    chart("Margins and radii", "One circle a sample.", &picture.svg())
}

fn methods(rows: &[Shown]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows.iter().filter(|r| r.verified == Some(true)) {
        *counts.entry(row.method.clone().unwrap_or_default()).or_default() += 1;
    }
    if counts.is_empty() {
        return String::new();
    }
    let mut list: Vec<(String, usize)> = counts.into_iter().collect();
    list.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let rows = list.into_iter().map(|(name, n)| vec![name, n.to_string()]).collect::<Vec<_>>();
    format!("<section>\n<h2>What proved them</h2>\n{}</section>\n", table(&["method", "samples"], &rows))
}

fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let head: String = header.iter().map(|h| format!("<th>{}</th>", escaped(h))).collect();
    let row = |cells: &Vec<String>| {
        let cells: String = cells.iter().map(|c| format!("<td>{}</td>", escaped(c))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let body: String = rows.iter().map(row).collect();
    format!("<div class=\"wide\"><table>\n<tr>{head}</tr>\n{body}</table></div>\n")
}

/// Rows of which a picture is worth most: those with the smallest radius.
fn least_safe(rows: &[Shown]) -> Vec<&Shown> {
    let mut list: Vec<&Shown> = rows.iter().filter(|r| r.error.is_none()).collect();
    // What is misclassified has no radius and says nothing about it.
    let wrong = |r: &Shown| r.correct == Some(false);
    let order = |a: &&Shown, b: &&Shown| {
        wrong(a).cmp(&wrong(b)).then(radius(a).total_cmp(&radius(b))).then(a.row.cmp(&b.row))
    };
    list.sort_by(order);
    list.truncate(MOST);
    list
}

/// Their pictures; nothing where there are none.
fn gallery(rows: &[Shown], picture: &dyn Fn(usize) -> Option<String>) -> String {
    let mut cells = String::new();
    for row in least_safe(rows) {
        let Some(address) = picture(row.row) else { continue };
        let class = row.predicted.map_or("no class".into(), |c| format!("class {c}"));
        let label = row.label.filter(|l| row.predicted.map(|p| p as i64) != Some(*l));
        let label = label.map_or(String::new(), |l| format!(", label {l}"));
        let some = row.radius.filter(|r| *r > 0.0);
        let radius = some.map_or(row.status.clone(), |r| format!("radius {}", rounded_down(r, 3)));
        cells += &format!(
            "<figure><svg viewBox=\"0 0 1 1\" role=\"img\" aria-label=\"sample {0}\"><image href=\"{address}\" width=\"1\" \
             height=\"1\"/></svg><figcaption>{0}: {1}<br>{2}</figcaption></figure>\n",
            escaped(&row.key),
            escaped(&(class + &label)),
            escaped(&radius)
        );
    }
    match cells.is_empty() {
        true => cells,
        false => format!("<h2>Least safe samples</h2>\n<div class=\"gallery\">\n{cells}</div>\n"),
    }
}

fn slow(rows: &[Shown]) -> String {
    let mut list: Vec<&Shown> = rows.iter().collect();
    list.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    let cells = |r: &&Shown| {
        let some = |x: Option<String>| x.unwrap_or_default();
        vec![
            r.key.clone(),
            some(r.label.map(|l| l.to_string())),
            some(r.predicted.map(|p| p.to_string())),
            r.status.clone(),
            some(r.radius.map(|x| rounded_down(x, 4))),
            some(r.upper.map(times)),
            some(r.method.clone()),
            format!("{:.2}", r.seconds),
        ]
    };
    let rows: Vec<Vec<String>> = list.iter().take(SLOW).map(cells).collect();
    let header = ["sample", "label", "class", "status", "radius", "constant ≤", "by", "seconds"];
    format!("<h2>Slowest samples</h2>\n{}", table(&header, &rows))
}

fn failed(rows: &[Shown]) -> String {
    let list = rows.iter().filter_map(|r| Some(vec![r.key.clone(), r.error.clone()?]));
    let list: Vec<Vec<String>> = list.collect();
    match list.is_empty() {
        true => String::new(),
        false => format!("<h2>Failed</h2>\n{}", table(&["sample", "why"], &list)),
    }
}

/// Where it all comes from, and how to have it again.
fn origin(header: &Value) -> String {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), String::from);
    let mut rows = vec![];
    for (name, part) in [("network", "net"), ("samples", "inputs"), ("labels", "labels")] {
        if header[part].is_object() {
            rows.push(vec![name.into(), text(&header[part]["path"]), text(&header[part]["sha256"])]);
        }
    }
    let mut out = format!("<h2>Origin</h2>\n{}", table(&["what", "file", "SHA-256"], &rows));
    if let Some(command) = header["command"].as_str() {
        out += &format!("<p>To have it again: <code>{}</code></p>\n", escaped(command));
    }
    if let Some(list) = header["assumptions"].as_array().filter(|l| !l.is_empty()) {
        let items: String = list.iter().map(|a| format!("<li>{}</li>\n", escaped(&text(a)))).collect();
        out += &format!("<p>It rests on:</p>\n<ul>\n{items}</ul>\n");
    }
    let tool = &header["tool"];
    out + &format!("<p class=\"note\">clarke {} ({})</p>\n", text(&tool["version"]), text(&tool["commit"]))
}
