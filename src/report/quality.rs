//! What a pair is worth, in a word and a sentence: why the gap is as it is, and what would narrow it.

use super::Status;
use super::count::thousands;
use crate::num::decimal::rounded_up;
use crate::num::round::div_up;
use serde::Serialize;

/// How far apart the ends are, or that they need not come closer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    Tight,
    Useful,
    Weak,
    Vacuous,
    /// A claim was settled while they were apart.
    Decided,
}

impl Word {
    pub fn name(self) -> &'static str {
        match self {
            Word::Tight => "tight",
            Word::Useful => "useful",
            Word::Weak => "weak",
            Word::Vacuous => "vacuous",
            Word::Decided => "decided",
        }
    }

    /// Of upper / lower.
    pub fn of(ratio: f64) -> Word {
        match ratio {
            r if r <= 1.02 => Word::Tight,
            r if r <= 2.0 => Word::Useful,
            r if r <= 10.0 => Word::Weak,
            _ => Word::Vacuous,
        }
    }

    /// Is the sentence worth a line for people?
    pub fn needs_words(self) -> bool {
        matches!(self, Word::Weak | Word::Vacuous | Word::Decided)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quality {
    pub word: Word,
    pub text: String,
}

/// How many times the lower end the upper end is, rounded up; 1 where both are 0.
pub fn ratio(upper: f64, lower: f64) -> f64 {
    match () {
        _ if upper == lower => 1.0,
        _ if lower > 0.0 && upper.is_finite() => div_up(upper, lower),
        _ => f64::INFINITY,
    }
}

/// A ratio for people, wherever it is named: at least what it is.
pub fn times(ratio: f64) -> String {
    if ratio.is_finite() { rounded_up(ratio, 4) } else { "inf".into() }
}

/// What is known of how a pair came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts<'a> {
    pub upper: f64,
    pub lower: f64,
    /// What gave the upper end.
    pub method: &'a str,
    /// A number that bounds the constant of all of R^n, the product of the layers' norms or less.
    pub everywhere: Option<f64>,
    /// Is the region all of R^n, a single point, a ball?
    pub global: bool,
    pub point: bool,
    pub ball: bool,
    /// Neurons whose slope changes on the region, of how many.
    pub open: Option<usize>,
    pub neurons: usize,
    /// Outputs that are measured together.
    pub outputs: usize,
    pub status: Status,
    /// Is the claim proved or refuted for which the work was done?
    pub decided: bool,
    /// Were single passes all that was allowed, or one method all that was asked for?
    pub brief: bool,
    pub named: bool,
}

/// An upper end from this share of one for all of R^n owes nothing to the region.
const NOTHING: f64 = 0.95;
/// A share of open neurons that explains a gap.
const MANY: f64 = 0.05;

impl Facts<'_> {
    pub fn quality(&self) -> Quality {
        let ratio = ratio(self.upper, self.lower);
        let word = match Word::of(ratio) {
            Word::Weak | Word::Vacuous if self.decided => Word::Decided,
            word => word,
        };
        let text = match word {
            Word::Tight if self.upper == self.lower => "both ends are the same number".into(),
            Word::Tight => format!("upper is at most {} times lower", rounded_up(ratio, 9)),
            Word::Useful => format!("upper is at most {} times lower", times(ratio)),
            Word::Decided => {
                "the claim was decided first, and the work ended there; without --require the ends \
                              come closer"
                    .into()
            }
            Word::Weak | Word::Vacuous => {
                let why = self.causes();
                let why = if why.is_empty() { String::new() } else { format!(": {}", why.join(", and ")) };
                let help = self.help();
                let help = match help.split_last() {
                    None => String::new(),
                    Some((last, [])) => format!("; {last} would narrow it"),
                    Some((last, rest)) => format!("; {} or {last} would narrow it", rest.join(", ")),
                };
                format!("{}{why}{help}", self.size(ratio))
            }
        };
        Quality { word, text }
    }

    fn size(&self, ratio: f64) -> String {
        match () {
            _ if self.upper.is_infinite() => "no method gave a finite upper end".into(),
            _ if self.lower == 0.0 => "no witness of any steepness was found".into(),
            _ => format!("upper is {} times lower", times(ratio)),
        }
    }

    /// Why the ends are apart; where nothing better is known, whose end the upper one is.
    fn causes(&self) -> Vec<String> {
        let mut list = vec![];
        if let Some(open) = self.open.filter(|n| *n as f64 > MANY * self.neurons as f64) {
            let place = if self.global { "everywhere" } else { "on the region" };
            let (open, all) = (thousands(open as u64), thousands(self.neurons as u64));
            list.push(format!("{open} of {all} neurons are open {place}"));
        }
        let nothing = self.everywhere.is_some_and(|e| self.upper >= NOTHING * e);
        if nothing && !self.global && self.upper.is_finite() {
            let same = "no information of the region survived in the upper end";
            list.push(format!("{same} ({} is as large for all of R^n)", self.method));
        } else if self.method.starts_with("product") {
            list.push(format!("{} takes every layer at its steepest at once", self.method));
        }
        if list.is_empty() && self.upper.is_finite() {
            list.push(format!("{} gave no smaller upper end", self.method));
        }
        list
    }

    /// What would bring them together.
    fn help(&self) -> Vec<&'static str> {
        let mut list = vec![];
        match () {
            _ if self.point => {}
            _ if self.global => list.push("a region (--input and --eps)"),
            _ if self.ball => list.push("a smaller --eps"),
            _ => list.push("a smaller region"),
        }
        if self.outputs > 1 {
            list.push("a margin (--output I-J)");
        }
        if self.named {
            list.push("--method auto");
        }
        match self.status {
            _ if self.brief => list.push("a --time above 0"),
            Status::Time => list.push("more --time"),
            Status::Splits => list.push("more --splits"),
            Status::Memory => list.push("more --memory"),
            Status::Interrupted => list.push("waiting for the end"),
            Status::Exact | Status::Gap | Status::Done | Status::Error => {}
        }
        list
    }
}
