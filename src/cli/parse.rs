//! Values of flags: from text to numbers, with errors that say what to write instead.

use crate::engine::Wanted;
use crate::error::{Error, Result};
use crate::job::samples::Shard;
use crate::method::Decision;
use crate::num::Written;
use crate::num::decimal::{parse_down, parse_up};
use crate::problem::Output;
use crate::report::Answer;
use std::ffi::OsStr;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

/// `--require 'L<=3'`: the claim, and the ends that decide it.
#[derive(Clone, Debug, PartialEq)]
pub struct Require {
    pub text: String,
    pub decision: Decision,
    at_most: bool,
}

impl Require {
    /// What a proven pair says about the claim.
    pub fn answer(&self, lower: f64, upper: f64) -> Answer {
        match (upper <= self.decision.enough, lower >= self.decision.plenty) {
            (false, false) => Answer::Undecided,
            (small, _) if small == self.at_most => Answer::Proved,
            _ => Answer::Refuted,
        }
    }
}

fn bad(flag: &str, text: &str, why: &str, next: &str) -> Error {
    Error::input(format!("{text:?} {why}")).at(flag).next(format!("write {flag} {next}"))
}

/// A finite number.
fn finite(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|x: &f64| x.is_finite())
}

/// `--eps R`, a decimal or a fraction.
pub fn radius(text: &str) -> Result<Written> {
    match Written::parse(text) {
        Ok(x) if x >= Written::ZERO => Ok(x),
        Ok(_) => Err(bad("--eps", text, "is negative", "0.01 or 8/255; a radius is at least 0")),
        Err(why) => Err(bad("--eps", text, why, "0.01 or 8/255; no region at all means everything")),
    }
}

/// `--gap G`, at least 1.
pub fn gap(text: &str) -> Result<f64> {
    finite(text)
        .filter(|&x| x >= 1.0)
        .ok_or_else(|| bad("--gap", text, "is not a number of at least 1", "1.01; it is upper / lower"))
}

/// `--expect-tolerance T`, at least 0.
pub fn tolerance(text: &str) -> Result<f64> {
    finite(text)
        .filter(|&x| x >= 0.0)
        .ok_or_else(|| bad("--expect-tolerance", text, "is not a number of at least 0", "1e-4"))
}

/// A whole number of at least `least`.
pub fn count(flag: &str, text: &str, least: u64) -> Result<u64> {
    text.trim()
        .parse()
        .ok()
        .filter(|&n| n >= least)
        .ok_or_else(|| bad(flag, text, &format!("is not a whole number of at least {least}"), "8"))
}

/// A list of finite numbers, decimals or fractions.
pub fn numbers(flag: &str, text: &str) -> Result<Vec<Written>> {
    let cells = text.trim().trim_end_matches(',').split(',').map(Written::parse);
    cells.collect::<std::result::Result<_, _>>().map_err(|why| {
        bad(flag, text, &format!("is not a list of numbers: one of them {why}"), "0.485,0.456,0.406")
    })
}

/// `--clip LO,HI`.
pub fn clip(text: &str) -> Result<[Written; 2]> {
    match numbers("--clip", text).as_deref() {
        Ok([lo, hi]) if lo <= hi => Ok([lo.clone(), hi.clone()]),
        Ok([_, _]) => Err(bad("--clip", text, "is empty: the first number is larger", "0,1")),
        _ => Err(bad("--clip", text, "is not two numbers", "0,1")),
    }
}

/// `--std A,B,C`, all positive.
pub fn std(text: &str) -> Result<Vec<Written>> {
    let values = numbers("--std", text)?;
    match values.iter().all(|s| *s > Written::ZERO) {
        true => Ok(values),
        false => Err(bad("--std", text, "contains a number that is not positive", "0.229,0.224,0.225")),
    }
}

/// `--rows A..B`, the end not included.
pub fn rows(text: &str) -> Result<Range<usize>> {
    let wrong =
        || bad("--rows", text, "is no range of rows", "0..1000; rows count from 0, the end is not included");
    let (first, end) = text.split_once("..").ok_or_else(wrong)?;
    let number = |t: &str| t.trim().parse::<usize>().map_err(|_| wrong());
    let range = number(first)?..number(end)?;
    if range.is_empty() { Err(wrong()) } else { Ok(range) }
}

/// `--eps A..B`, two radii above 0.
pub fn range(text: &str) -> Result<(Written, Written)> {
    let wrong = |why: &str| bad("--eps", text, why, "0.001..0.1, the smaller radius first");
    let (first, last) = text.split_once("..").ok_or_else(|| wrong("is no range of radii"))?;
    let (first, last) = (radius(first)?, radius(last)?);
    match Written::ZERO < first && first < last {
        true => Ok((first, last)),
        false => Err(wrong("is no range of radii above 0")),
    }
}

/// `--shard I/N`, from 1.
pub fn shard(text: &str) -> Result<Shard> {
    let wrong = || bad("--shard", text, "is no part of a whole", "2/4, the second of four");
    let (index, count) = text.split_once('/').ok_or_else(wrong)?;
    let number = |t: &str| t.trim().parse::<usize>().map_err(|_| wrong());
    let shard = Shard { index: number(index)?, count: number(count)? };
    if (1..=shard.count).contains(&shard.index) { Ok(shard) } else { Err(wrong()) }
}

/// `--total-time 2h`.
pub fn total_time(text: &str) -> Result<Duration> {
    time(text).map_err(|e| Error {
        place: "--total-time".into(),
        next: e.next.replace("--time", "--total-time"),
        ..e
    })
}

/// `--time 60s`: a number with ms, s, m or h; a bare number counts seconds.
pub fn time(text: &str) -> Result<Duration> {
    let wrong = || bad("--time", text, "is not a time", "60s, 2m, 500ms or 0");
    let trimmed = text.trim();
    let cut = trimmed.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(cut);
    let unit = match unit {
        "ms" => 1e-3,
        "s" | "" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let seconds = finite(number).filter(|&x| x >= 0.0).ok_or_else(wrong)? * unit;
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

/// `--memory 8GiB` in bytes.
pub fn memory(text: &str) -> Result<u64> {
    let wrong = || bad("--memory", text, "is not a size", "8GiB or 512MiB");
    let trimmed = text.trim();
    let cut = trimmed.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(cut);
    let unit: f64 = match unit.to_ascii_lowercase().as_str() {
        "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "k" | "kib" => 1024.0,
        "m" | "mib" => 1024f64.powi(2),
        "g" | "gib" => 1024f64.powi(3),
        "t" | "tib" => 1024f64.powi(4),
        _ => return Err(wrong()),
    };
    let bytes = finite(number).ok_or_else(wrong)? * unit;
    if (1.0..1e18).contains(&bytes) { Ok(bytes as u64) } else { Err(wrong()) }
}

/// `--output all|I|I-J|margins:I|pairs`.
pub fn output(text: &str) -> Result<Output> {
    let right = "all, one index as 3, a margin as 3-5, margins:3 or pairs";
    Output::read(text.trim()).ok_or_else(|| bad("--output", text, "is no output", right))
}

/// `--plot FILE`, whose name says what is drawn.
pub fn plot(path: PathBuf) -> Result<PathBuf> {
    let known = |e: &OsStr| e.eq_ignore_ascii_case("svg") || e.eq_ignore_ascii_case("csv");
    match path.extension().is_some_and(known) {
        true => Ok(path),
        false => {
            Err(bad("--plot", &path.to_string_lossy(), "is neither .svg nor .csv", "FILE.svg or FILE.csv"))
        }
    }
}

/// `--require 'L<=3'`. The written number d lies between two neighbouring f64, or is one: L <= d holds where
/// an upper bound is at most the lower neighbour, and L < d where it is below the upper one.
pub fn require(text: &str) -> Result<Require> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let rest = compact.strip_prefix('L').unwrap_or(&compact);
    let relations = [("<=", true), (">=", false), ("<", true), (">", false)];
    let found =
        relations.iter().find_map(|(sign, at_most)| Some((*sign, *at_most, rest.strip_prefix(sign)?)));
    let Some((sign, at_most, number)) = found else {
        return Err(bad("--require", text, "is no claim about L", "'L<=3', with <=, <, >= or >"));
    };
    match (parse_down(number), parse_up(number)) {
        (Some(below), Some(above)) if below >= 0.0 && above.is_finite() => {
            let decision = match sign {
                "<=" | ">" => Decision { enough: below, plenty: below.next_up() },
                _ => Decision { enough: above.next_down(), plenty: above },
            };
            Ok(Require { text: format!("L{sign}{number}"), decision, at_most })
        }
        _ => Err(bad("--require", text, "compares L with no number of at least 0", "'L<=3' or 'L>=3'")),
    }
}

/// `--device auto|cpu|gpu[:N]`.
pub fn device(text: &str) -> Result<Wanted> {
    match text.trim() {
        "auto" => Ok(Wanted::Auto),
        "cpu" => Ok(Wanted::Cpu),
        "gpu" => Ok(Wanted::Gpu(None)),
        other => other
            .strip_prefix("gpu:")
            .filter(|n| n.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|n| n.parse().ok())
            .map(|n| Wanted::Gpu(Some(n)))
            .ok_or_else(|| bad("--device", text, "is no device", "auto, cpu, gpu or gpu:0")),
    }
}

/// `--input-shape 1,3,224,224`.
pub fn shape(text: &str) -> Result<Vec<usize>> {
    let sizes: Option<Vec<usize>> =
        text.trim().split([',', 'x']).map(|t| t.trim().parse().ok().filter(|&n| n > 0)).collect();
    sizes.ok_or_else(|| bad("--input-shape", text, "is no shape", "1,3,224,224"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let written = |text: &str| Written::parse(text).unwrap();
        assert_eq!([radius("0.02"), radius("-0")].map(|r| r.unwrap()), ["2e-2", "0"].map(written));
        assert_eq!((radius("8/255").unwrap(), radius("0.5/3").unwrap()), (written("8/255"), written("1/6")));
        assert_eq!(time("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!((time("2m").unwrap(), time("0").unwrap()), (Duration::from_secs(120), Duration::ZERO));
        assert_eq!((memory("8GiB").unwrap(), memory("0.5g").unwrap()), (8 << 30, 1 << 29));
        assert_eq!(
            (clip("-1,2.5").unwrap(), clip("0,0/3").unwrap()),
            (["-1", "2.5"].map(written), ["0", "0"].map(written))
        );
        assert_eq!(
            (output("3").unwrap(), output("3-5").unwrap()),
            (Output::One(3), Output::Difference(3, 5))
        );
        assert_eq!(
            (output("margins:3").unwrap(), output(" pairs").unwrap()),
            (Output::Margins(3), Output::Pairs)
        );
        assert_eq!((device("gpu:2").unwrap(), device("auto").unwrap()), (Wanted::Gpu(Some(2)), Wanted::Auto));
        assert_eq!((shape("1,3,4").unwrap(), shape("1x3").unwrap()), (vec![1, 3, 4], vec![1, 3]));
        assert_eq!((gap("1.5").unwrap(), count("--splits", "0", 0).unwrap()), (1.5, 0));
    }

    #[test]
    fn errors_name_the_flag_and_the_remedy() {
        let errors = [
            radius("-1").map(drop),
            radius("nan").map(drop),
            radius("inf").map(drop),
            radius("1/0").map(drop),
            radius("1/-2").map(drop),
            radius("1e99999999999").map(drop),
            time("1 week").map(drop),
            time("-1s").map(drop),
            time("1e300h").map(drop),
            memory("8").map(drop),
            memory("-1GiB").map(drop),
            clip("1,0").map(drop),
            clip("1").map(drop),
            clip("nan,1").map(drop),
            std("0.2,0").map(drop),
            output("3-").map(drop),
            output("-1").map(drop),
            output("+1").map(drop),
            output("margins:").map(drop),
            output("margins:3-5").map(drop),
            output("margins").map(drop),
            output("pairs:3").map(drop),
            device("gpu:").map(drop),
            device("cuda").map(drop),
            shape("1,0").map(drop),
            gap("0.99").map(drop),
            tolerance("-1e-4").map(drop),
            tolerance("nan").map(drop),
            count("--threads", "0", 1).map(drop),
            require("L=3").map(drop),
            require("15").map(drop),
            require("L<=-1").map(drop),
            require("L<=inf").map(drop),
        ];
        for e in errors {
            let e = e.unwrap_err();
            assert!(e.place.starts_with("--") && e.next.starts_with("write --") && e.exit_code() == 2, "{e}");
        }
    }

    #[test]
    fn claims_are_judged_exactly() {
        let r = require(" L <= 0.1 ").unwrap();
        assert_eq!(r.text, "L<=0.1");
        // The f64 0.1 is larger than the decimal 0.1: an upper bound of just that proves nothing.
        assert_eq!(r.answer(0.0, 0.1), Answer::Undecided);
        assert_eq!(r.answer(0.0, 0.1f64.next_down()), Answer::Proved);
        assert_eq!(r.answer(0.1f64.next_up(), 1.0), Answer::Refuted);
        let r = require("L>=3").unwrap();
        assert_eq!((r.answer(3.0, 9.0), r.answer(1.0, 2.9)), (Answer::Proved, Answer::Refuted));
        assert_eq!(r.answer(0.0, f64::INFINITY), Answer::Undecided);
        // 3 is a float: only strict claims tell it from its neighbours.
        let answers = |text: &str, lower: f64, upper: f64| require(text).unwrap().answer(lower, upper);
        assert_eq!(
            (answers("L<=3", 0.0, 3.0), answers("L<3", 0.0, 3.0)),
            (Answer::Proved, Answer::Undecided)
        );
        assert_eq!(
            (answers("L<=3", 3.0, 9.0), answers("L<3", 3.0, 9.0)),
            (Answer::Undecided, Answer::Refuted)
        );
        assert_eq!(
            (answers("L>=3", 3.0, 9.0), answers("L>3", 3.0, 9.0)),
            (Answer::Proved, Answer::Undecided)
        );
        assert_eq!(
            (answers("L>=3", 0.0, 3.0), answers("L>3", 0.0, 3.0)),
            (Answer::Undecided, Answer::Refuted)
        );
        // 0.1 is none, and less than the float that is written so.
        assert_eq!(
            (answers("L<0.1", 0.0, 0.1), answers("L>0.1", 0.1, 1.0)),
            (Answer::Undecided, Answer::Proved)
        );
        assert_eq!(answers("L<0.1", 0.0, 0.1f64.next_down()), Answer::Proved);
        assert_eq!(answers("L<=0.1", 0.1, 1.0), Answer::Refuted);
        assert_eq!(answers("L<0", 0.0, 1.0), Answer::Refuted);
    }
}
