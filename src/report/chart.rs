//! Small charts as SVG for pages in light and dark: named axes, round marks, colours by the page's own variables.

use super::axis::Axis;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 544.0;
const TOP: f64 = 16.0;
const BASE: f64 = 246.0;

/// Numbers along one side, and what they are.
#[derive(Clone, Debug)]
pub struct Scale<'a> {
    pub name: &'a str,
    pub from: f64,
    pub to: f64,
    pub log: bool,
}

/// A picture with axes; parts are added in the order in which they are painted.
#[derive(Clone, Debug)]
pub struct Chart {
    x: Axis,
    y: Axis,
    body: String,
    label: String,
}

impl Chart {
    /// `label` says in words what is shown.
    pub fn new(label: &str, x: &Scale, y: &Scale) -> Chart {
        let axis = |s: &Scale, start, end| Axis { from: s.from, to: s.to, log: s.log, start, end };
        let mut chart = Chart {
            x: axis(x, LEFT, RIGHT),
            y: axis(y, BASE, TOP),
            body: String::new(),
            label: label.into(),
        };
        for value in chart.y.ticks() {
            let at = chart.y.place(value);
            chart.body += &format!("<path class=\"grid\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/>\n");
            chart.body += &text(LEFT - 8.0, at + 4.0, "end", &short(value));
        }
        for value in chart.x.ticks() {
            let at = chart.x.place(value);
            chart.body += &format!("<path class=\"axis\" d=\"M{at:.1} {BASE}v5\"/>\n");
            chart.body += &text(at, BASE + 20.0, "middle", &short(value));
        }
        let named = |s: &Scale| if s.log { format!("{} (log scale)", s.name) } else { s.name.to_string() };
        chart.body += &text(0.5 * (LEFT + RIGHT), BASE + 42.0, "middle", &named(x));
        let middle = 0.5 * (TOP + BASE);
        chart.body += &format!(
            "<text x=\"14\" y=\"{middle}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {middle})\">{}</text>\n",
            escaped(&named(y))
        );
        chart.body += &format!("<path class=\"axis\" d=\"M{LEFT} {TOP}V{BASE}H{RIGHT}\"/>\n");
        chart
    }

    /// A bar from the base to a value.
    pub fn bar(&mut self, from: f64, to: f64, value: f64) {
        let (a, b, top) = (self.x.place(from), self.x.place(to), self.y.place(value));
        let (width, height) = ((b - a - 1.0).max(0.5), (BASE - top).max(0.0));
        self.body += &format!(
            "<rect class=\"bar\" x=\"{a:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>\n"
        );
    }

    /// A line of steps, each value until the next.
    pub fn steps(&mut self, points: &[(f64, f64)], class: &str) {
        let mut path = String::new();
        for (x, y) in points {
            let (x, y) = (self.x.place(*x), self.y.place(*y));
            path += &if path.is_empty() { format!("M{x:.1} {y:.1}") } else { format!("H{x:.1}V{y:.1}") };
        }
        self.body += &format!("<path class=\"{class}\" d=\"{path}\"/>\n");
    }

    pub fn dots(&mut self, points: &[(f64, f64)]) {
        for (x, y) in points {
            let (x, y) = (self.x.place(*x), self.y.place(*y));
            self.body += &format!("<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>\n");
        }
    }

    pub fn svg(&self) -> String {
        format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n{}</svg>\n",
            escaped(&self.label),
            self.body
        )
    }
}

/// What a class is painted with where no page says it: readable on light and dark grounds.
const PAINT: [(&str, &str); 3] = [
    ("class=\"grid\"", "stroke=\"#d0d7de\""),
    ("class=\"axis\"", "stroke=\"#57606a\" fill=\"none\""),
    ("class=\"bar\"", "fill=\"#1f6feb\""),
];

/// A picture of a page as one that needs no page.
pub fn alone(svg: &str) -> String {
    let root = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"13\" fill=\"#57606a\" viewBox"
    );
    PAINT.iter().fold(svg.replacen("<svg viewBox", &root, 1), |svg, (class, paint)| svg.replace(class, paint))
}

fn text(x: f64, y: f64, anchor: &str, words: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>\n", escaped(words))
}

/// A round number.
pub fn short(v: f64) -> String {
    match v.abs() {
        a if a == 0.0 || (1e-3..1e5).contains(&a) => {
            format!("{v:.7}").trim_end_matches('0').trim_end_matches('.').into()
        }
        _ => format!("{v:e}"),
    }
}

/// Text as it may stand in pages and pictures.
pub fn escaped(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let text = visible.collect::<String>().replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
