//! Exact comparison of decimal text with f64, hence parsing and printing with a direction.
//!
//! A decimal is kept as sign, digits and exponent; the exact expansion of an f64 has at most
//! 767 significant digits, which the standard formatter prints without error. Comparing two
//! such digit strings decides every rounding question without arithmetic.

use std::cmp::Ordering;

/// More digits than any f64 has.
const EXACT_DIGITS: usize = 770;

/// ± 0.d1 d2 d3 … × 10^exponent with d1 ≠ 0 and no trailing zero; zero has no digits.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// `[+-]digits[.digits][e[+-]digits]`, with at least one digit before the exponent.
    fn parse(text: &str) -> Option<Decimal> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], parse_exponent(&rest[at + 1..])?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.len() + fraction.len() == 0 {
            return None;
        }
        let mut digits = Vec::with_capacity(whole.len() + fraction.len());
        for c in whole.bytes().chain(fraction.bytes()) {
            digits.push(c.checked_sub(b'0').filter(|&d| d < 10)?);
        }
        let zeros = digits.iter().take_while(|&&d| d == 0).count();
        digits.drain(..zeros);
        while digits.last() == Some(&0) {
            digits.pop();
        }
        let exponent =
            if digits.is_empty() { 0 } else { exponent.saturating_add(whole.len() as i64 - zeros as i64) };
        Some(Decimal { negative: negative && !digits.is_empty(), digits, exponent })
    }

    /// The exact value of a finite f64.
    fn exact(x: f64) -> Decimal {
        Decimal::parse(&format!("{x:.EXACT_DIGITS$e}")).unwrap_or(Decimal {
            negative: false,
            digits: vec![],
            exponent: 0,
        })
    }

    fn compare_magnitude(&self, other: &Decimal) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits)),
        }
    }

    fn compare(&self, other: &Decimal) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_magnitude(other),
            (true, true) => other.compare_magnitude(self),
        }
    }

    /// The magnitude cut to `count` digits, enlarged by one unit of the last when `away` and
    /// something was cut off.
    fn cut(&self, count: usize, away: bool) -> Decimal {
        let mut cut = self.clone();
        if self.digits.len() > count {
            cut.digits.truncate(count);
            if away {
                match cut.digits.iter().rposition(|&d| d != 9) {
                    Some(at) => {
                        cut.digits.truncate(at + 1);
                        cut.digits[at] += 1;
                    }
                    None => {
                        cut.digits = vec![1];
                        cut.exponent += 1;
                    }
                }
            }
            while cut.digits.last() == Some(&0) {
                cut.digits.pop();
            }
        }
        cut
    }

    /// Plain notation where short, else with an exponent; always a valid JSON number.
    fn text(&self) -> String {
        let n = self.digits.len() as i64;
        if n == 0 {
            return "0.0".into();
        }
        let digits: String = self.digits.iter().map(|&d| (b'0' + d) as char).collect();
        let sign = if self.negative { "-" } else { "" };
        let e = self.exponent;
        if (1..=17).contains(&e) {
            if n <= e {
                format!("{sign}{digits}{}.0", "0".repeat((e - n) as usize))
            } else {
                format!("{sign}{}.{}", &digits[..e as usize], &digits[e as usize..])
            }
        } else if (-4..=0).contains(&e) {
            format!("{sign}0.{}{digits}", "0".repeat(-e as usize))
        } else {
            let fraction = if n > 1 { format!(".{}", &digits[1..]) } else { String::new() };
            format!("{sign}{}{fraction}e{}", &digits[..1], e - 1)
        }
    }
}

/// An exponent of any length, saturated far outside the range of f64.
fn parse_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for c in digits.bytes() {
        let d = c.checked_sub(b'0').filter(|&d| d < 10)?;
        value = (value * 10 + d as i64).min(1 << 40);
    }
    Some(if negative { -value } else { value })
}

/// Exact order of two decimal numbers; `None` when one is no decimal.
pub fn compare(a: &str, b: &str) -> Option<Ordering> {
    Some(Decimal::parse(a)?.compare(&Decimal::parse(b)?))
}

/// The largest f64 that is at most the decimal number `text`; `None` when it is no decimal.
pub fn parse_down(text: &str) -> Option<f64> {
    let decimal = Decimal::parse(text)?;
    let nearest: f64 = text.parse().ok()?;
    if nearest == f64::INFINITY {
        return Some(f64::MAX);
    }
    if nearest == f64::NEG_INFINITY || Decimal::exact(nearest).compare(&decimal) != Ordering::Greater {
        return Some(nearest);
    }
    Some(nearest.next_down())
}

/// The smallest f64 that is at least the decimal number `text`; `None` when it is no decimal.
pub fn parse_up(text: &str) -> Option<f64> {
    let negated = match text.as_bytes().first()? {
        b'-' => text[1..].to_string(),
        b'+' => format!("-{}", &text[1..]),
        _ => format!("-{text}"),
    };
    parse_down(&negated).map(|x| -x)
}

/// The shortest decimal that is at least `x` and reads back as `x`; "inf" and "nan" as words.
pub fn decimal_up(x: f64) -> String {
    directed(x, true)
}

/// The shortest decimal that is at most `x` and reads back as `x`; "inf" and "nan" as words.
pub fn decimal_down(x: f64) -> String {
    directed(x, false)
}

fn directed(x: f64, up: bool) -> String {
    if !x.is_finite() {
        return if x.is_nan() { "nan".into() } else { format!("{x}") };
    }
    let exact = Decimal::exact(x);
    // 17 digits tell every f64 from its neighbours, one more leaves room for a direction.
    (1..=19)
        .map(|count| exact.cut(count, up != exact.negative).text())
        .find(|text| text.parse() == Ok(x))
        .unwrap_or_else(|| exact.text())
}

/// At least `x` with at most `count` significant digits, for people.
pub fn rounded_up(x: f64, count: usize) -> String {
    rounded(x, count, true)
}

/// At most `x` with at most `count` significant digits, for people.
pub fn rounded_down(x: f64, count: usize) -> String {
    rounded(x, count, false)
}

fn rounded(x: f64, count: usize, up: bool) -> String {
    if !x.is_finite() {
        return directed(x, up);
    }
    let exact = Decimal::exact(x);
    let text = exact.cut(count.max(1), up != exact.negative).text();
    text.strip_suffix(".0").map(str::to_string).unwrap_or(text)
}

/// The exact value as a C99 hexadecimal float, "0x1.8p+1".
pub fn hex(x: f64) -> String {
    let sign = if x.is_sign_negative() && !x.is_nan() { "-" } else { "" };
    if !x.is_finite() {
        return if x.is_nan() { "nan".into() } else { format!("{sign}inf") };
    }
    let bits = x.to_bits();
    let biased = (bits >> 52 & 0x7ff) as i32;
    let fraction = bits & ((1 << 52) - 1);
    let (lead, exponent) = match (biased, fraction) {
        (0, 0) => (0, 0),
        (0, _) => (0, -1022),
        _ => (1, biased - 1023),
    };
    let digits = format!("{fraction:013x}");
    let digits = digits.trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    format!("{sign}0x{lead}{point}{digits}p{exponent:+}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fixed stream of bit patterns: all exponents, signs and subnormals occur.
    fn stream(count: usize) -> impl Iterator<Item = f64> {
        let mut s = 0x9e37_79b9_7f4a_7c15u64;
        (0..count)
            .map(move |i| {
                s ^= s << 13;
                s ^= s >> 7;
                s ^= s << 17;
                match i % 3 {
                    0 => f64::from_bits(s),
                    1 => f64::from_bits(s >> 12 | 0x3fe0_0000_0000_0000),
                    _ => (s >> 40) as f64 / 1000.0,
                }
            })
            .filter(|x| x.is_finite())
    }

    #[test]
    fn printed_numbers_lie_on_their_side_and_read_back() {
        for x in stream(3000) {
            let (down, up) = (decimal_down(x), decimal_up(x));
            assert_eq!(up.parse(), Ok(x));
            assert_eq!(down.parse(), Ok(x));
            let exact = Decimal::exact(x);
            assert_ne!(Decimal::parse(&up).unwrap().compare(&exact), Ordering::Less, "{up} {x:e}");
            assert_ne!(Decimal::parse(&down).unwrap().compare(&exact), Ordering::Greater, "{down} {x:e}");
            let significant = |t: &str| Decimal::parse(t).unwrap().digits.len();
            assert!(significant(&up).min(significant(&down)) <= 17);
            let a: f64 = rounded_up(x, 5).parse().unwrap();
            let b: f64 = rounded_down(x, 5).parse().unwrap();
            assert!(b <= x && x <= a);
        }
    }

    #[test]
    fn parsing_keeps_its_side() {
        for x in stream(1500) {
            let exact = Decimal::exact(x).text();
            assert_eq!((parse_down(&exact), parse_up(&exact)), (Some(x), Some(x)));
            let text = format!("{x:.3e}");
            let (lo, hi) = (parse_down(&text).unwrap(), parse_up(&text).unwrap());
            let decimal = Decimal::parse(&text).unwrap();
            assert_ne!(Decimal::exact(lo).compare(&decimal), Ordering::Greater);
            assert!(hi.is_infinite() || Decimal::exact(hi).compare(&decimal) != Ordering::Less);
            assert!(lo == hi || lo.next_up() == hi);
        }
        assert_eq!(parse_down("0.1"), Some(0.1f64.next_down()));
        assert_eq!(parse_up("0.1"), Some(0.1));
        assert_eq!((parse_down("0.5"), parse_up("-2.50")), (Some(0.5), Some(-2.5)));
        assert_eq!((parse_down("1e999"), parse_up("1e999")), (Some(f64::MAX), Some(f64::INFINITY)));
        assert_eq!((parse_down("1e-9999999999999999999"), parse_up("1e-400")), (Some(0.0), Some(5e-324)));
        for bad in ["", "-", ".", "1e", "1e+", "inf", "nan", "1.2.3", "0x1", "é", "1_0"] {
            assert_eq!((parse_down(bad), parse_up(bad)), (None, None), "{bad:?}");
        }
    }

    #[test]
    fn fixed_texts() {
        assert_eq!((decimal_up(0.1), decimal_down(0.1)), ("0.10000000000000001".into(), "0.1".into()));
        assert_eq!(
            (decimal_up(3.0), decimal_up(0.0), decimal_up(-0.0)),
            ("3.0".into(), "0.0".into(), "0.0".into())
        );
        assert_eq!(
            (decimal_up(f64::INFINITY), decimal_up(1e300)),
            ("inf".into(), "1.0000000000000001e300".into())
        );
        assert_eq!(
            (hex(3.0), hex(-0.1), hex(0.0)),
            ("0x1.8p+1".into(), "-0x1.999999999999ap-4".into(), "0x0p+0".into())
        );
        assert_eq!((hex(5e-324), hex(1.0)), ("0x0.0000000000001p-1022".into(), "0x1p+0".into()));
        assert_eq!((rounded_up(12.8412, 4), rounded_down(12.8412, 4)), ("12.85".into(), "12.84".into()));
        assert_eq!(
            (rounded_up(0.1, 4), rounded_up(999.96, 4), rounded_up(3.0, 4)),
            ("0.1001".into(), "1000".into(), "3".into())
        );
    }
}
