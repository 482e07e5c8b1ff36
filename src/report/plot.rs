//! Both ends of a result against time: an SVG picture that needs nothing else, or its numbers.
//! The picture says what it shows without colours: lines and marks differ in form, and every method that
//! moved an end stands in the legend under the sign it has in the picture.

use super::BoundReport;
use super::axis::Axis;
use super::chart::{escaped, short};
use super::csv::line;
use super::human::{self, base};
use crate::num::decimal::{rounded_down, rounded_up};

/// Both ends as known from `at` on, a time in seconds or a radius, and what gave them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    pub at: f64,
    pub upper: f64,
    pub lower: f64,
    pub upper_by: &'static str,
    pub lower_by: &'static str,
    /// Parts bounded by then.
    pub parts: u64,
}

/// The moments at which an end moved.
#[derive(Clone, Debug, Default)]
pub struct Moments(Vec<Moment>);

impl Moments {
    /// Keeps what is new; before there is a finite upper end, or where nothing moved, nothing is.
    pub fn add(&mut self, m: Moment) {
        let same = self.0.last().is_some_and(|l| l.upper == m.upper && l.lower == m.lower);
        if m.upper.is_finite() && !same {
            self.0.push(m);
        }
    }

    /// The ends that were reported in the end, where they moved once more.
    pub fn close(&mut self, seconds: f64, upper: f64, lower: f64) {
        if let Some(&last) = self.0.last() {
            self.add(Moment { at: seconds, upper, lower, ..last });
        }
    }
}

/// One line per moment.
pub fn csv(r: &BoundReport, moments: &Moments) -> String {
    let unit = format!("{} per {}", r.quotient.out_norm, r.quotient.in_norm);
    let header =
        ["seconds", &format!("upper ({unit})"), &format!("lower ({unit})"), "parts", "upper_by", "lower_by"];
    let row = |m: &Moment| {
        let numbers = [format!("{:.3}", m.at), format!("{:?}", m.upper), format!("{:?}", m.lower)];
        let rest = [m.parts.to_string(), m.upper_by.into(), m.lower_by.into()];
        line(numbers.into_iter().chain(rest))
    };
    line(header.map(String::from)) + &moments.0.iter().map(row).collect::<String>()
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 460.0;
/// The frame, and the column of the legend.
const LEFT: f64 = 88.0;
const RIGHT: f64 = 580.0;
const TOP: f64 = 70.0;
const BASE: f64 = 400.0;
const LEGEND: f64 = 604.0;
/// Height of a line of the legend, and how many there are for each end.
const LINE: f64 = 17.0;
const LINES: usize = 8;
/// Marks nearer than this share a sign.
const APART: f64 = 18.0;
/// A run from whose first result to its end times grow by more has a logarithmic axis of time.
const LONG: f64 = 20.0;

/// One end: how it is drawn and called.
struct Curve {
    name: &'static str,
    relation: &'static str,
    color: &'static str,
    dash: &'static str,
    /// Signs of methods that moved it: 1, 2, … or a, b, …
    letters: bool,
    /// On which side of the line signs stand.
    shift: f64,
    value: fn(&Moment) -> f64,
    by: fn(&Moment) -> &'static str,
    rounded: fn(f64, usize) -> String,
}

const UPPER: Curve = Curve {
    name: "upper",
    relation: "≤",
    color: "#b2182b",
    dash: "",
    letters: false,
    shift: -9.0,
    value: |m| m.upper,
    by: |m| m.upper_by,
    rounded: rounded_up,
};

const LOWER: Curve = Curve {
    name: "lower",
    relation: "≥",
    color: "#2166ac",
    dash: " stroke-dasharray=\"7 3\"",
    letters: true,
    shift: 18.0,
    value: |m| m.lower,
    by: |m| m.lower_by,
    rounded: rounded_down,
};

/// What both ends are drawn against.
struct Against {
    name: &'static str,
    log: bool,
    /// Are numbers of it times?
    time: bool,
}

/// The picture of a run; `seconds` is when the work ended.
pub fn svg(r: &BoundReport, moments: &Moments, seconds: f64) -> String {
    let head = [
        format!("{}: {}", base(&r.net.path), human::region(&r.region, r.net.inputs)),
        human::claim(&r.quotient, r.region.global),
    ];
    let list = &moments.0;
    let first = list.iter().map(|m| m.at).fold(f64::INFINITY, f64::min).max(1e-3);
    let last = list.iter().map(|m| m.at).fold(seconds, f64::max).max(2e-3);
    let log = last > LONG * first;
    let against = Against { name: "time in seconds", log, time: true };
    let ends = format!("{} ≤ L ≤ {}", rounded_down(r.lower.value, 5), rounded_up(r.upper.value, 5));
    drawn(&head, &against, [if log { first } else { 0.0 }, last], list, &ends)
}

/// The picture of both ends against radii.
pub fn of_radii(head: &[String; 2], list: &[Moment]) -> String {
    let against = Against { name: "radius", log: true, time: false };
    let first = list.iter().map(|m| m.at).fold(f64::INFINITY, f64::min);
    let last = list.iter().map(|m| m.at).fold(0.0, f64::max);
    drawn(head, &against, [first, last], list, "no finite ends")
}

/// `ends` is said where there is nothing to draw.
fn drawn(head: &[String; 2], against: &Against, range: [f64; 2], list: &[Moment], ends: &str) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    out += &text(LEFT, 26.0, "start", &head[0], " font-size=\"16\"");
    out += &text(LEFT, 48.0, "start", &head[1], " fill=\"#444\"");
    let drawable = |v: f64| v.is_finite() && v > 0.0;
    let values = list.iter().flat_map(|m| [m.upper, m.lower]).filter(|v| drawable(*v));
    let (low, high) = values.fold((f64::INFINITY, 0.0f64), |(l, h), v| (l.min(v), h.max(v)));
    if !drawable(high) {
        return out + &text(LEFT, 120.0, "start", &format!("{ends}: nothing to draw"), "") + "</svg>\n";
    }
    let [from, to] = range;
    let across = Axis { from, to, log: against.log, start: LEFT, end: RIGHT };
    let size = Axis { from: low / 1.1, to: high * 1.1, log: true, start: BASE, end: TOP };
    out += &frame(&across, &size, against.name);
    let mut at = TOP + 6.0;
    for curve in [UPPER, LOWER] {
        out += &curve.drawn(&across, &size, list, against.time);
        out += &curve.legend(list, against.time, &mut at);
        at += LINE;
    }
    out + "</svg>\n"
}

/// Both axes with their numbers and names.
fn frame(across: &Axis, size: &Axis, name: &str) -> String {
    let mut out = String::new();
    for value in size.ticks() {
        let y = size.place(value);
        out += &format!("<path d=\"M{LEFT} {y:.1}H{RIGHT}\" stroke=\"#ddd\"/>\n");
        out += &text(LEFT - 8.0, y + 4.5, "end", &short(value), "");
    }
    for value in across.ticks() {
        let x = across.place(value);
        out += &format!("<path d=\"M{x:.1} {BASE}v5\" stroke=\"#555\"/>\n");
        out += &text(x, BASE + 20.0, "middle", &short(value), "");
    }
    let scale = if across.log { "log scale" } else { "linear" };
    out += &text(0.5 * (LEFT + RIGHT), BASE + 44.0, "middle", &format!("{name} ({scale})"), "");
    let middle = 0.5 * (TOP + BASE);
    let turned = format!(" transform=\"rotate(-90 22 {middle})\"");
    out += &text(22.0, middle, "middle", "bounds on L, output per input (log scale)", &turned);
    out + &format!("<path d=\"M{LEFT} {TOP}V{BASE}H{RIGHT}\" fill=\"none\" stroke=\"#555\"/>\n")
}

impl Curve {
    /// The moments at which another method took over, with signs.
    fn changes(&self, list: &[Moment]) -> Vec<(String, Moment)> {
        let mut found: Vec<(String, Moment)> = vec![];
        for m in list.iter().filter(|m| (self.value)(m) > 0.0) {
            if found.last().is_none_or(|(_, l)| (self.by)(l) != (self.by)(m)) {
                let k = found.len();
                let letter = || char::from(b'a' + (k % 26) as u8).to_string();
                found.push((if self.letters { letter() } else { (k + 1).to_string() }, *m));
            }
        }
        found
    }

    /// A line of steps with a sign wherever another method took over: each value until the next; an upper end at
    /// a radius holds at all smaller ones.
    fn drawn(&self, across: &Axis, size: &Axis, list: &[Moment], time: bool) -> String {
        let place = |m: &Moment| (across.place(m.at), size.place((self.value)(m)));
        let ahead = !time && !self.letters;
        let mut path = String::new();
        for m in list.iter().filter(|m| (self.value)(m) > 0.0) {
            let (x, y) = place(m);
            path += &match path.is_empty() {
                true => format!("M{x:.1} {y:.1}"),
                false if ahead => format!("V{y:.1}H{x:.1}"),
                false => format!("H{x:.1}V{y:.1}"),
            };
        }
        if path.is_empty() {
            return path;
        }
        let (color, dash) = (self.color, self.dash);
        let mut out = format!(
            "<path d=\"{path}H{RIGHT}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"{dash}/>\n"
        );
        let mut signs: Vec<(f64, f64, String, String)> = vec![];
        for (sign, m) in self.changes(list) {
            let (x, y) = place(&m);
            out += &self.mark(x, y);
            match signs.last_mut() {
                Some(last) if x - last.0 < APART => (last.1, last.3) = (y, sign),
                _ => signs.push((x, y, sign.clone(), sign)),
            }
        }
        for (x, y, from, to) in signs {
            let sign = if from == to { from } else { format!("{from}–{to}") };
            let y = (y + self.shift).clamp(TOP - 4.0, BASE - 5.0);
            out += &text(x + 6.0, y, "start", &sign, &format!(" fill=\"{color}\" font-size=\"12\""));
        }
        out
    }

    /// A disc for upper ends, a square for lower ones.
    fn mark(&self, x: f64, y: f64) -> String {
        let color = self.color;
        if self.letters {
            let (x, y) = (x - 4.0, y - 4.0);
            format!("<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"8\" height=\"8\" fill=\"{color}\"/>\n")
        } else {
            format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{color}\"/>\n")
        }
    }

    /// What the line means, its last value, and which method gave what.
    fn legend(&self, list: &[Moment], time: bool, at: &mut f64) -> String {
        let (color, dash) = (self.color, self.dash);
        let last = list.last().map_or(0.0, self.value);
        let mut out = format!(
            "<path d=\"M{LEGEND} {:.1}h34\" stroke=\"{color}\" stroke-width=\"2\"{dash}/>\n",
            *at - 4.5
        );
        out += &self.mark(LEGEND + 17.0, *at - 4.5);
        let head = format!("{}: L {} {}", self.name, self.relation, (self.rounded)(last, 5));
        out += &text(LEGEND + 42.0, *at, "start", &head, " font-weight=\"bold\"");
        *at += LINE + 3.0;
        let changes = self.changes(list);
        let hidden = changes.len().saturating_sub(LINES);
        for (k, (sign, m)) in changes.into_iter().enumerate() {
            // The last one always stands there.
            if k > 1 && k <= hidden + 1 && hidden > 0 {
                if k == 2 {
                    out += &text(LEGEND + 20.0, *at, "start", "…", "");
                    *at += LINE;
                }
                continue;
            }
            let value = (self.rounded)((self.value)(&m), 3);
            out += &text(LEGEND + 12.0, *at, "end", &sign, &format!(" fill=\"{color}\""));
            let place = if time { format!("{} s", human::seconds(m.at)) } else { short_of(m.at) };
            let entry = format!("{}, {place}: {value}", (self.by)(&m));
            out += &text(LEGEND + 20.0, *at, "start", &entry, " font-size=\"12\"");
            *at += LINE;
        }
        out
    }
}

fn text(x: f64, y: f64, anchor: &str, words: &str, more: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{more}>{}</text>\n", escaped(words))
}

/// A radius in three digits.
fn short_of(v: f64) -> String {
    rounded_down(v, 3)
}
