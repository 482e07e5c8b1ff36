//! The table a person sees: what the problem is, what is claimed, the two numbers, the rest.
//! Lines are broken between words; upper bounds are rounded up, lower bounds down.

use super::count::{magnitude, thousands};
use super::quality::{ratio, times};
use super::{Answer, BoundReport, OutputInfo, QuestionInfo, RegionInfo, Status};
use crate::num::decimal::{rounded_down, rounded_up};

/// No line is longer, names of files apart, where nothing else is asked for.
const WIDTH: usize = 80;
/// Column of the words "proved" and "estimate", and what they need.
const VERDICT: usize = 54;
const WORD: usize = 10;
/// The method that divides the region.
const SEARCH: &str = "branch-and-bound";
/// Column of texts behind labels.
const TEXT: usize = 9;

/// The table in lines of at most `width`; `color` adds emphasis that repeats what the words say.
pub fn table(r: &BoundReport, color: bool, width: usize) -> String {
    let mut out = String::new();
    let mut line = |label: &str, text: &str| put_in(&mut out, label, text, width);
    line("net", &net(r));
    if let Some(y) = &r.output {
        line("output", &output(y));
    }
    line("region", &region(&r.region, r.net.inputs));
    line("claim", &claim(&r.quotient, r.region.global));
    r.assumptions.iter().for_each(|a| line("assumed", a));
    r.warnings.iter().for_each(|w| line("note", &w.text));
    out.push('\n');
    pair(r, color, width, &mut out);
    if r.quality.word.needs_words() {
        out.push('\n');
        put_in(&mut out, r.quality.word.name(), &r.quality.text, width);
    }
    out
}

/// Both ends, what gave them, and how it ended.
fn pair(r: &BoundReport, color: bool, width: usize, out: &mut String) {
    let digits = if r.exact { 10 } else { 5 };
    let upper = rounded_up(r.upper.value, digits);
    let lower = rounded_down(r.lower.value, digits);
    let decided = is_decided(r);
    let splits = match r.splits {
        0 => String::new(),
        // They gave another method's bound no help.
        _ if r.upper.method != SEARCH => String::new(),
        1 => ", 1 split".into(),
        n => format!(", {} splits", thousands(n)),
    };
    let proved = |yes: bool| if yes { "proved" } else { "not proved" };
    // An end that says nothing is no result of anything.
    let by = |method: &str, more: &str, yes: bool| match (method, decided) {
        ("none", true) => ("not needed: the claim is decided".into(), ""),
        ("none", false) => ("no method gave one".into(), ""),
        _ => (format!("{method}{more}"), proved(yes)),
    };
    let (above, below) =
        (by(&r.upper.method, &splits, r.upper.proved), by(&r.lower.method, "", r.lower.proved));
    let rows = [("≤", upper, above.0, above.1), ("≥", lower, below.0, below.1)];
    let estimate =
        r.estimate.as_ref().map(|e| ("≈", inside(e.value, r, digits), e.method.clone(), "estimate"));
    // Values start in column 2, methods after the longest value.
    let left = rows.iter().map(|row| row.1.chars().count() + 6).max().unwrap_or(0).max(11);
    let verdict = VERDICT.min(width.saturating_sub(WORD));
    for (relation, value, how, word) in rows.into_iter().chain(estimate) {
        let value = pad(&format!("L {relation} {value}"), left);
        let room = verdict.saturating_sub(left + 4);
        let how = shorten(&how, room);
        let how = if word.is_empty() { how } else { pad(&how, room + 1) };
        let code = if word == "proved" { GREEN } else { YELLOW };
        out.push_str(&format!(
            "  {} {how}{}\n",
            emphasise(&value, BOLD, color),
            emphasise(word, code, color)
        ));
    }
    let requirement =
        r.require.as_ref().map(|q| ("require".into(), format!("{} {}", q.text, q.answer.name())));
    let certificate = r.certificate.as_ref().map(|c| ("certificate".into(), c.clone()));
    for (label, text) in [Some(ending(r)), requirement, certificate].into_iter().flatten() {
        fill(out, &format!("  {} ", pad(&label, left)), &text, width);
    }
}

fn net(r: &BoundReport) -> String {
    let n = &r.net;
    let plural =
        |n: usize, word: &str| format!("{} {word}{}", thousands(n as u64), if n == 1 { "" } else { "s" });
    let parts = [
        format!("{} → {}", n.inputs, n.outputs),
        plural(n.layers, "layer"),
        plural(n.neurons, "neuron"),
        format!("{} weights", magnitude(n.parameters)),
    ];
    format!("{}   {}", base(&n.path), parts.map(|p| p.replace(' ', "\u{a0}")).join(", "))
}

/// The file's name without its folders.
pub fn base(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// The class, by how much it leads, and the largest three outputs.
fn output(y: &OutputInfo) -> String {
    let middle = |k: usize| 0.5 * y.lower[k] + 0.5 * y.upper[k];
    let mut order: Vec<usize> = (0..y.lower.len()).collect();
    order.sort_by(|&i, &j| middle(j).total_cmp(&middle(i)));
    if let [only] = order[..] {
        return format!("f(c) = {}", short(middle(only)));
    }
    let class = match (y.class, y.margin) {
        (Some(class), Some(margin)) => format!("class {class}, ahead by {}", rounded_down(margin, 3)),
        _ => "no class is proved".into(),
    };
    let largest: Vec<String> =
        order.iter().take(3).map(|&k| format!("f_{k}\u{a0}=\u{a0}{}", short(middle(k)))).collect();
    format!("{class}: {}{}", largest.join(", "), if order.len() > 3 { ", …" } else { "" })
}

/// A labelled line; long texts go on below, words whole.
pub fn put(out: &mut String, label: &str, text: &str) {
    put_in(out, label, text, WIDTH);
}

/// The same in lines of at most `width`.
pub fn put_in(out: &mut String, label: &str, text: &str, width: usize) {
    let gap = if label.chars().count() < TEXT { "" } else { " " };
    fill(out, &format!("{label:<TEXT$}{gap}"), text, width);
}

/// A text behind a head; what goes on below is indented by as much. Words joined by U+00A0 stay together.
pub fn fill(out: &mut String, head: &str, text: &str, width: usize) {
    let indent = head.chars().count();
    let mut line = head.to_string();
    let mut used = indent;
    let mut fresh = true;
    for word in text.split(' ') {
        let size = word.chars().count();
        if !fresh && used + 1 + size > width {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(indent);
            used = indent;
            fresh = true;
        }
        if !fresh {
            line.push(' ');
            used += 1;
        }
        line.push_str(&word.replace('\u{a0}', " "));
        used += size;
        fresh = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

pub fn region(region: &RegionInfo, inputs: usize) -> String {
    let mut text = match (region.global, region.kind.as_str()) {
        (true, _) => format!("everything: all of R^{}", inputs),
        (_, "ball") => format!(
            "‖x − c‖{} ≤ {}",
            index(region.norm.as_deref().unwrap_or("inf")),
            region.radius_text.clone().or(region.radius.map(|x| x.to_string())).unwrap_or("?".into())
        ),
        _ => match &region.source {
            Some(source) => format!("the box of {}", base(source)),
            None => "a box".into(),
        },
    };
    let clip = region.clip.map(|ends| ends.map(|x| x.to_string()));
    if let Some([lo, hi]) = region.clip_text.clone().or(clip) {
        text += &format!(", {lo} ≤ x ≤ {hi}");
    }
    match region.fixed_inputs {
        0 => text,
        n => format!("{text}, {} of {} inputs fixed", thousands(n as u64), inputs),
    }
}

pub fn claim(q: &QuestionInfo, global: bool) -> String {
    let (f, others) = match (&q.output[..], q.output.strip_prefix("margins:"), q.output.split_once('-')) {
        ("all", ..) => ("f".into(), String::new()),
        ("pairs", ..) => ("(f_i − f_j)".into(), "i, j and ".into()),
        (_, Some(i), _) => (format!("(f_{i} − f_j)"), "j and ".into()),
        (_, None, Some((i, j))) => (format!("(f_{i} − f_{j})"), String::new()),
        (i, None, None) => (format!("f_{i}"), String::new()),
    };
    let anchored = q.quantity == "anchored";
    let y = if anchored { "c" } else { "y" };
    let difference = format!("{f}(x) − {f}({y})");
    let left = match q.out_norm.as_str() {
        "abs" => format!("|{difference}|"),
        norm => format!("‖{difference}‖{}", index(norm)),
    };
    let points = if anchored { "x" } else { "x, y" };
    let place = if global { "" } else { " in the region" };
    format!("{left} ≤ L·‖x − {y}‖{} for all {others}{points}{place}", index(&q.in_norm))
}

/// The first words of the last lines: how it ended, how long it took and where.
fn ending(r: &BoundReport) -> (String, String) {
    let gap = ratio(r.upper.value, r.lower.value);
    let word = match r.status {
        _ if r.exact => "exact".into(),
        _ if gap.is_infinite() && is_decided(r) => "decided".into(),
        _ => format!("gap {}", times(gap)),
    };
    let why = match r.status {
        Status::Done if gap.is_finite() && is_decided(r) => ", claim decided",
        Status::Exact | Status::Done => "",
        Status::Gap => ", gap reached",
        Status::Time => ", stopped: time is up",
        Status::Splits => ", stopped: splits are used up",
        Status::Memory => ", stopped: memory is used up",
        Status::Interrupted => ", interrupted",
        Status::Error => ", stopped by an error",
    };
    let device = match (r.device.backend.as_str(), r.device.threads) {
        ("cpu", 1) => "cpu (1 thread)".into(),
        ("cpu", n) => format!("cpu ({n} threads)"),
        _ => shorten(&r.device.name, 30),
    };
    (word, format!("{} s on {device}{why}", seconds(r.seconds.total())))
}

fn is_decided(r: &BoundReport) -> bool {
    r.require.as_ref().is_some_and(|q| q.answer != Answer::Undecided)
}

fn index(norm: &str) -> &str {
    match norm {
        "1" => "₁",
        "2" => "₂",
        "inf" => "∞",
        other => other,
    }
}

/// Two decimals below ten, then fewer.
pub fn seconds(s: f64) -> String {
    match s {
        s if s < 0.0095 => format!("{s:.4}"),
        s if s < 9.995 => format!("{s:.2}"),
        s if s < 99.95 => format!("{s:.1}"),
        s => format!("{s:.0}"),
    }
}

/// Three significant digits to the nearest, for numbers nobody claims anything about.
fn short(x: f64) -> String {
    let nearest: f64 = format!("{x:.2e}").parse().unwrap_or(x);
    match nearest.abs() {
        a if a == 0.0 || (1e-3..1e6).contains(&a) || !a.is_finite() => nearest.to_string(),
        _ => format!("{nearest:e}"),
    }
}

/// An estimate, which lies between both ends, rounded to a number that does so too.
fn inside(x: f64, r: &BoundReport, digits: usize) -> String {
    let nearest = format!("{x:.2e}").parse().unwrap_or(x);
    match () {
        _ if nearest > r.upper.value => rounded_down(x, digits),
        _ if nearest < r.lower.value => rounded_up(x, digits),
        _ => short(x),
    }
}

fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.chars().count())))
}

fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.into();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

const BOLD: &str = "1";
const GREEN: &str = "32";
const YELLOW: &str = "33";

fn emphasise(text: &str, code: &str, color: bool) -> String {
    if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
}
