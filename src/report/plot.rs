//! Both ends of a result against time: an SVG picture that needs nothing else, or its numbers.

/// Both ends as known from `seconds` on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    pub seconds: f64,
    pub upper: f64,
    pub lower: f64,
    /// Parts bounded by then.
    pub parts: u64,
}

/// One line per moment.
pub fn csv(moments: &[Moment]) -> String {
    let line = |m: &Moment| format!("{:.3},{:?},{:?},{}\n", m.seconds, m.upper, m.lower, m.parts);
    "seconds,upper,lower,parts\n".to_string() + &moments.iter().map(line).collect::<String>()
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
/// Room for numbers on the left and below, and beside the others.
const LEFT: f64 = 76.0;
const BELOW: f64 = 48.0;
const BESIDE: f64 = 20.0;
const ABOVE: f64 = 36.0;

/// Where numbers come to lie, on a linear time axis and a logarithmic one for values.
struct Frame {
    last: f64,
    low: f64,
    high: f64,
}

impl Frame {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + (WIDTH - LEFT - BESIDE) * (seconds / self.last).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln());
        ABOVE + (HEIGHT - ABOVE - BELOW) * (1.0 - share.clamp(0.0, 1.0))
    }
}

/// The picture; `title` says what is bounded. None where there is nothing finite and positive to draw.
pub fn svg(title: &str, moments: &[Moment]) -> Option<String> {
    let drawable = |v: f64| v.is_finite() && v > 0.0;
    let values = moments.iter().flat_map(|m| [m.upper, m.lower]).filter(|v| drawable(*v));
    let (low, high) = values.fold((f64::INFINITY, 0.0f64), |(l, h), v| (l.min(v), h.max(v)));
    let last = moments.last()?.seconds.max(1e-3);
    if !drawable(high) {
        return None;
    }
    let frame = Frame { last, low: low / 1.05, high: high * 1.05 };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{}</text>\n",
        escaped(title)
    );
    for value in ticks(frame.low, frame.high) {
        let y = frame.y(value);
        out += &format!(
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
            WIDTH - BESIDE,
            LEFT - 8.0,
            y + 4.5,
            short(value)
        );
    }
    let base = HEIGHT - BELOW;
    for k in 0..=4 {
        let seconds = last * k as f64 / 4.0;
        let x = frame.x(seconds);
        let anchor = if k == 4 { "end" } else { "middle" };
        out += &format!(
            "<line x1=\"{x:.1}\" y1=\"{base}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#555\"/>\n\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>\n",
            base + 5.0,
            base + 20.0,
            short(seconds)
        );
    }
    out += &format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">seconds</text>\n\
         <path d=\"M{LEFT} {ABOVE}V{base}H{:.1}\" fill=\"none\" stroke=\"#555\"/>\n",
        (LEFT + WIDTH - BESIDE) / 2.0,
        HEIGHT - 10.0,
        WIDTH - BESIDE
    );
    let ends: [(&str, &str, &str, f64, fn(&Moment) -> f64); 2] = [
        ("upper", "#b2182b", "", -8.0, |m| m.upper),
        ("lower", "#2166ac", " stroke-dasharray=\"7 3\"", 18.0, |m| m.lower),
    ];
    for (name, color, dash, shift, of) in ends {
        let Some(path) = steps(&frame, moments, of) else { continue };
        let end = of(moments.last()?);
        out += &format!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"{dash}/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{color}\">{name} {}</text>\n",
            WIDTH - BESIDE,
            (frame.y(end) + shift).clamp(ABOVE + 12.0, base - 6.0),
            short(end)
        );
    }
    Some(out + "</svg>\n")
}

/// A line of steps: a value holds until the next one.
fn steps(frame: &Frame, moments: &[Moment], of: fn(&Moment) -> f64) -> Option<String> {
    let mut path = String::new();
    let mut last = None;
    for m in moments.iter().filter(|m| of(m).is_finite() && of(m) > 0.0) {
        let (x, y) = (frame.x(m.seconds), frame.y(of(m)));
        match last {
            None => path += &format!("M{x:.1} {y:.1}"),
            Some(before) if before != y => path += &format!("H{x:.1}V{y:.1}"),
            Some(_) => {}
        }
        last = Some(y);
    }
    last.map(|_| path + &format!("H{:.1}", WIDTH - BESIDE))
}

/// 1, 2 and 5 times powers of ten in the range; only powers where these are many.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let list = |digits: &[f64]| -> Vec<f64> {
        let powers = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
        let all = powers.flat_map(|k| digits.iter().map(move |d| d * 10f64.powi(k)));
        all.filter(|v| low <= *v && *v <= high).collect()
    };
    let fine = list(&[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    let some = list(&[1.0, 2.0, 5.0]);
    let few = list(&[1.0]);
    match (few.len(), some.len(), fine.len()) {
        (n, _, _) if n > 4 => few.iter().step_by(n.div_ceil(8)).copied().collect(),
        (_, n, _) if n > 2 => some,
        (_, _, n) if n > 1 => fine,
        _ => vec![low, (low * high).sqrt(), high],
    }
}

fn short(v: f64) -> String {
    if v != 0.0 && !(1e-3..1e5).contains(&v.abs()) {
        return format!("{v:.2e}");
    }
    let text = format!("{v:.4}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_both_ends() {
        let m = |seconds, upper, lower| Moment { seconds, upper, lower, parts: 7 };
        let picture =
            svg("a < b & c", &[m(0.0, f64::INFINITY, 0.0), m(0.5, 12.0, 3.0), m(2.0, 6.0, 5.0)]).unwrap();
        assert!(picture.contains("a &lt; b &amp; c") && picture.matches("<path").count() == 3);
        assert!(picture.contains("upper 6") && picture.contains("lower 5") && !picture.contains("NaN"));
        assert_eq!(svg("", &[m(1.0, f64::INFINITY, 0.0)]), None);
        assert_eq!(svg("", &[]), None);
        let numbers = csv(&[m(0.5, f64::INFINITY, 3.0)]);
        assert_eq!(numbers, "seconds,upper,lower,parts\n0.500,inf,3.0,7\n");
        assert!(svg("", &[m(0.0, 1.0, 1.0)]).is_some_and(|p| !p.contains("NaN") && !p.contains("inf")));
    }
}
