//! Numbers as somebody wrote them: decimals, fractions, floats of binary files. Their exact value, and
//! floats around it.
//!
//! 0.3 is 3/10 and 8/255 that fraction; only a number that is a float itself is kept as one. Texts are
//! limited in length and exponent, so that no number takes long.

use super::Coefficient;
use super::interval::Interval;
use super::rational::{self, Rational};
use super::round::{add_up, sum_down, sum_up};
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Digits of a number, and its exponent's magnitude, at most: more than any exact f64 has.
const LONGEST: usize = 2000;

/// A number of finite floats around it.
#[derive(Clone)]
pub struct Written(Form);

#[derive(Clone)]
enum Form {
    Float(f64),
    /// No float.
    Text(Arc<Text>),
}

struct Text {
    text: String,
    value: Rational,
    near: Coefficient,
    ends: Interval,
}

impl Written {
    pub const ZERO: Written = Written(Form::Float(0.0));

    /// None unless finite.
    pub fn float(x: f64) -> Option<Written> {
        x.is_finite().then_some(Written(Form::Float(x)))
    }

    /// A decimal such as `-1.5e-3`, or one over another as `8/255`; else what is wrong with it.
    pub fn parse(text: &str) -> Result<Written, &'static str> {
        let text = text.trim();
        let value = match text.split_once('/') {
            None => decimal(text)?,
            Some((above, below)) => {
                let (above, below) = (decimal(above.trim_end())?, decimal(below.trim_start())?);
                if !rational::is_positive(&below) {
                    return Err("divides by a number that is not positive");
                }
                above / below
            }
        };
        Written::named(value, || text.into()).ok_or("is beyond the range of finite f64")
    }

    /// None beyond the range of f64.
    pub fn exact(value: Rational) -> Option<Written> {
        let text = value.to_string();
        Written::named(value, || text)
    }

    fn named(value: Rational, text: impl FnOnce() -> String) -> Option<Written> {
        let near = enclosed(&value);
        if near.is_exact() {
            return Written::float(near.hi);
        }
        let ends = rational::around(&value);
        let text = || Text { text: text(), value, near, ends };
        (ends.is_finite() && near.err.is_finite()).then(|| Written(Form::Text(Arc::new(text()))))
    }

    pub fn value(&self) -> Rational {
        match &self.0 {
            Form::Float(x) => rational::of(*x).expect("a finite float"),
            Form::Text(t) => t.value.clone(),
        }
    }

    /// Floats around it: the number itself twice, or neighbours.
    pub fn ends(&self) -> Interval {
        match &self.0 {
            Form::Float(x) => Interval { lo: *x, hi: *x },
            Form::Text(t) => t.ends,
        }
    }

    /// The nearest float.
    pub fn nearest(&self) -> f64 {
        self.coefficient().hi
    }

    /// The same with far more digits.
    pub fn coefficient(&self) -> Coefficient {
        match &self.0 {
            Form::Float(x) => Coefficient::exact(*x),
            Form::Text(t) => t.near,
        }
    }

    /// Is it a float itself?
    pub fn as_float(&self) -> Option<f64> {
        match &self.0 {
            Form::Float(x) => Some(*x),
            Form::Text(_) => None,
        }
    }

    /// Numbers with the same key are equal.
    pub fn key(&self) -> (u64, &str) {
        match &self.0 {
            Form::Float(x) => (x.to_bits(), ""),
            Form::Text(t) => (0, &t.text),
        }
    }
}

/// An exact decimal.
fn decimal(text: &str) -> Result<Rational, &'static str> {
    const NONE: &str = "is not a finite number";
    const LONG: &str = "has too many digits, or too large an exponent";
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], integer(&rest[at + 1..]).ok_or(NONE)?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NONE);
    }
    if digits.len() > LONGEST || exponent.unsigned_abs() > LONGEST as u64 {
        return Err(LONG);
    }
    let power = exponent - fraction.len() as i64;
    let zeros = "0".repeat(power.unsigned_abs() as usize);
    let text = if power < 0 { format!("{digits}/1{zeros}") } else { digits + &zeros };
    let value: Rational = text.parse().map_err(|_| NONE)?;
    Ok(if negative { -value } else { value })
}

/// An exponent of any length, saturated far outside what is allowed.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let size = digits.bytes().fold(0i64, |v, b| (v * 10 + (b - b'0') as i64).min(1 << 40));
    Some(if text.starts_with('-') { -size } else { size })
}

/// What remains of a number behind its nearest float counts as error below this.
const LEAST: f64 = 1e-280;

/// The number within an error; an infinite one beyond the range of f64.
pub fn enclosed(value: &Rational) -> Coefficient {
    let hi = value.to_f64().value();
    let Some(rest) = rational::of(hi).map(|h| value - h) else {
        return Coefficient { hi: 0.0, lo: 0.0, err: f64::INFINITY };
    };
    let near = rest.to_f64().value();
    // Low parts beyond half a unit of the high one are no low parts.
    let lo = if near.abs() >= LEAST && near.abs() <= hi.abs() * (0.5 * f64::EPSILON) { near } else { 0.0 };
    let lost = rational::around(&(rest - rational::of(lo).expect("a finite float")));
    Coefficient { hi, lo, err: lost.magnitude() }
}

impl Coefficient {
    /// Floats around every number within the error; where they lie between neighbours of the high part,
    /// these or the high part itself.
    pub fn ends(self) -> Interval {
        let Coefficient { hi, lo, err } = self;
        let off = add_up(lo.abs(), err);
        let (below, above) = (hi.next_down(), hi.next_up());
        // Differences of neighbours are exact; NaN and infinities take the last arm.
        let low = match () {
            _ if hi.is_finite() && lo >= err => hi,
            _ if below.is_finite() && off <= hi - below => below,
            _ => sum_down([hi, lo, -err]),
        };
        let high = match () {
            _ if hi.is_finite() && -lo >= err => hi,
            _ if above.is_finite() && off <= above - hi => above,
            _ => sum_up([hi, lo, err]),
        };
        Interval { lo: low, hi: high }
    }

    /// The same number, known a little less.
    pub fn widened(self, by: f64) -> Coefficient {
        Coefficient { err: add_up(self.err, by), ..self }
    }
}

impl Ord for Written {
    fn cmp(&self, other: &Written) -> Ordering {
        let (a, b) = (self.ends(), other.ends());
        match (&self.0, &other.0) {
            _ if a.hi < b.lo => Ordering::Less,
            _ if a.lo > b.hi => Ordering::Greater,
            (Form::Float(x), Form::Float(y)) => x.partial_cmp(y).expect("finite floats"),
            (Form::Text(x), Form::Text(y)) if Arc::ptr_eq(x, y) => Ordering::Equal,
            _ => self.value().cmp(&other.value()),
        }
    }
}

impl PartialOrd for Written {
    fn partial_cmp(&self, other: &Written) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Written {
    fn eq(&self, other: &Written) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Written {}

/// Is it exactly this float?
impl PartialEq<f64> for Written {
    fn eq(&self, x: &f64) -> bool {
        self.as_float() == Some(*x)
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.0 {
            Form::Float(x) => write!(f, "{x}"),
            Form::Text(t) => f.write_str(&t.text),
        }
    }
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Written {
        Written::parse(text).unwrap()
    }

    #[test]
    fn texts_are_exact() {
        let same = [
            ("0.3", "3e-1"),
            ("8/255", "0.8/25.5"),
            ("1e3", "+1000.000"),
            ("-.5", "-1/2"),
            ("5.", "5"),
            ("0e9", "-0.0"),
            ("1/3", "2/6"),
        ];
        for (a, b) in same {
            assert_eq!(written(a), written(b), "{a} {b}");
        }
        assert!(written("0.3") > written("0.29999999999999999999") && written("1/3") < written("0.34"));
        assert!(written("-1e-400") < Written::ZERO && written("1e-400") > Written::ZERO);
        assert_eq!(written("1e-400").ends(), Interval { lo: 0.0, hi: 5e-324 });
        // Only floats are kept as such.
        assert!(written("0.5") == 0.5 && written("1/4").as_float() == Some(0.25));
        assert!(written("0.1") != 0.1 && Written::float(0.1).unwrap() > written("0.1"));
        assert_eq!((written("0.30").to_string(), written("8/16").to_string()), ("0.30".into(), "0.5".into()));
    }

    #[test]
    fn floats_stand_around() {
        for text in ["0.3", "8/255", "-1/3", "1e-310", "1.7e308", "123456789.123456789", "-7e-20"] {
            let (w, value) = (written(text), written(text).value());
            let (ends, near) = (w.ends(), w.coefficient());
            let of = |x: f64| rational::of(x).unwrap();
            assert!(of(ends.lo) < value && value < of(ends.hi) && ends.lo.next_up() == ends.hi, "{text}");
            let lost = &value - of(near.hi) - of(near.lo);
            assert!(lost <= of(near.err) && -lost <= of(near.err), "{text}");
            assert!(near.err <= (near.hi * 1e-32).abs().max(f64::MIN_POSITIVE) && near.hi == w.nearest());
            assert!(near.ends().encloses(ends) || ends.encloses(near.ends()), "{text}");
        }
    }

    #[test]
    fn what_is_no_number() {
        let long = "9".repeat(3000);
        let bad = ["", "-", ".", "1e", "e5", "inf", "nan", "0x1", "1_0", "1/0", "1/-2", "1/2/3", "½", "1,5"];
        for text in bad.into_iter().chain(["1e309", "-2e308", "1e99999999999999999999", &long]) {
            assert!(Written::parse(text).is_err(), "{text}");
        }
        assert!(Written::float(f64::NAN).is_none() && Written::float(f64::INFINITY).is_none());
    }
}
