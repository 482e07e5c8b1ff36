//! Both ends against the radius: a table for people, JSON, CSV, a picture.

use super::compare::Problem;
use super::csv::line;
use super::human::{self, base};
use super::json::Directed;
use super::plot::{self, Moment};
use super::quality::{ratio, times};
use crate::num::decimal::{decimal_down, decimal_up, rounded_down, rounded_up};
use serde_json::json;

/// What is proven at one radius.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub radius: f64,
    pub upper: f64,
    pub lower: f64,
    pub upper_by: &'static str,
    pub lower_by: &'static str,
    pub seconds: f64,
}

/// Radii ascend. An upper end at one counts at all smaller ones, a lower end at all larger ones.
pub fn shared(points: &mut [Point]) {
    for k in 1..points.len() {
        if points[k].lower < points[k - 1].lower {
            (points[k].lower, points[k].lower_by) = (points[k - 1].lower, points[k - 1].lower_by);
        }
    }
    for k in (1..points.len()).rev() {
        if points[k - 1].upper > points[k].upper {
            (points[k - 1].upper, points[k - 1].upper_by) = (points[k].upper, points[k].upper_by);
        }
    }
}

/// The network, the shape of the regions, the question.
fn head(problem: &Problem) -> [String; 2] {
    let norm = problem.region.norm.clone().unwrap_or_default();
    let clip = problem.region.clip_text.as_ref().map(|[a, b]| format!(", {a} ≤ x ≤ {b}")).unwrap_or_default();
    let ball = format!("{}: balls ‖x − c‖{norm} ≤ r{clip}", base(&problem.net.path));
    [ball, human::claim(&problem.quotient, false)]
}

/// For people; `table` puts cells under a header.
pub fn human(
    problem: &Problem,
    points: &[Point],
    table: impl Fn(&[&str], &[Vec<String>]) -> String,
) -> String {
    let row = |p: &Point| {
        vec![
            rounded_down(p.radius, 4),
            rounded_down(p.lower, 5),
            rounded_up(p.upper, 5),
            times(ratio(p.upper, p.lower)),
            p.upper_by.into(),
            p.lower_by.into(),
            format!("{:.1}", p.seconds),
        ]
    };
    let header = ["radius", "L ≥", "L ≤", "ratio", "upper by", "lower by", "seconds"];
    let rows: Vec<Vec<String>> = points.iter().map(row).collect();
    format!("{}\n\n{}", head(problem).join("\n"), table(&header, &rows))
}

pub fn json(problem: &Problem, points: &[Point]) -> String {
    let row = |p: &Point| {
        json!({
            "radius": p.radius,
            "upper": Directed(decimal_up(p.upper)), "upper_method": p.upper_by,
            "lower": Directed(decimal_down(p.lower)), "lower_method": p.lower_by,
            "seconds": p.seconds,
        })
    };
    let all = json!({
        "schema": "clarke.sweep/1",
        "tool": super::Tool::current(),
        "net": problem.net, "region": problem.region, "quotient": problem.quotient,
        "rows": points.iter().map(row).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
}

pub fn csv(points: &[Point]) -> String {
    let header = ["radius", "upper", "lower", "upper_method", "lower_method", "seconds"];
    let row = |p: &Point| {
        let ends = [format!("{:?}", p.radius), decimal_up(p.upper), decimal_down(p.lower)];
        line(ends.into_iter().chain([p.upper_by.into(), p.lower_by.into(), format!("{:.6}", p.seconds)]))
    };
    line(header.map(String::from)) + &points.iter().map(row).collect::<String>()
}

pub fn svg(problem: &Problem, points: &[Point]) -> String {
    let moment = |p: &Point| Moment {
        at: p.radius,
        upper: p.upper,
        lower: p.lower,
        upper_by: p.upper_by,
        lower_by: p.lower_by,
        parts: 0,
    };
    plot::of_radii(&head(problem), &points.iter().map(moment).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_count_at_the_radii_they_cover() {
        let point = |radius, upper, lower, name| Point {
            radius,
            upper,
            lower,
            upper_by: name,
            lower_by: name,
            seconds: 0.0,
        };
        let mut points = [point(0.1, 3.0, 1.0, "a"), point(0.2, 2.5, 2.0, "b"), point(0.3, 9.0, 1.5, "c")];
        shared(&mut points);
        assert_eq!(points.clone().map(|p| (p.upper, p.upper_by)), [(2.5, "b"), (2.5, "b"), (9.0, "c")]);
        assert_eq!(points.map(|p| (p.lower, p.lower_by)), [(1.0, "a"), (2.0, "b"), (2.0, "b")]);
    }
}
