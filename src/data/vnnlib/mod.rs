//! VNN-LIB properties: the box of the inputs, and what is said of outputs there.
//!
//! Supported: `declare-const`, `assert`, `<=`, `>=`, `and`, `or`, comparisons of a variable
//! with a decimal (or of outputs with each other). Decimals are exact.

mod outputs;

pub use outputs::{Condition, Outputs};

use crate::error::{Error, Result};
use crate::num::Written;
use crate::num::decimal::compare;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Deeper nesting is no property.
const MAX_DEPTH: usize = 64;

/// A property: is there a member of the box whose outputs meet the conditions?
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    pub lo: Vec<Written>,
    pub hi: Vec<Written>,
    /// Declared outputs.
    pub outputs: usize,
    /// Comparisons about outputs, which a Lipschitz constant does not depend on.
    pub output_constraints: usize,
    /// What they say; None where that is too long.
    pub conditions: Option<Outputs>,
}

fn bad(what: impl Into<String>, line: usize) -> Error {
    Error::input(what)
        .at(format!("line {line}"))
        .next("bounds of inputs must be a box: (assert (<= X_0 0.5)) (assert (>= X_0 0.1)) …")
}

/// Reads a property.
pub fn parse(text: &str) -> Result<Property> {
    let mut reader = Reader {
        inputs: BTreeMap::new(),
        outputs: BTreeSet::new(),
        output_constraints: 0,
        conditions: Some(Outputs::always()),
    };
    let mut tokens = Tokens { text, at: 0, line: 1 };
    while let Some(expression) = tokens.expression(0)? {
        reader.statement(&expression)?;
    }
    reader.finish()
}

enum Expression<'a> {
    Atom(&'a str, usize),
    List(Vec<Expression<'a>>, usize),
}

impl<'a> Expression<'a> {
    fn line(&self) -> usize {
        match self {
            Expression::Atom(_, line) | Expression::List(_, line) => *line,
        }
    }

    fn atom(&self) -> Option<&'a str> {
        match self {
            Expression::Atom(text, _) => Some(text),
            Expression::List(..) => None,
        }
    }

    /// Operator and operands.
    fn call(&self) -> Option<(&'a str, &[Expression<'a>])> {
        match self {
            Expression::List(items, _) => items.split_first().and_then(|(f, rest)| Some((f.atom()?, rest))),
            Expression::Atom(..) => None,
        }
    }
}

struct Tokens<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Tokens<'a> {
    /// The next token: a parenthesis or an atom.
    fn next(&mut self) -> Option<(&'a str, usize)> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at)? {
                b'\n' => {
                    self.line += 1;
                    self.at += 1;
                }
                b';' => self.at += bytes[self.at..].iter().take_while(|&&b| b != b'\n').count(),
                b if b.is_ascii_whitespace() => self.at += 1,
                _ => break,
            }
        }
        let start = self.at;
        let special = |b: u8| b"();".contains(&b) || b.is_ascii_whitespace();
        self.at += match bytes[start] {
            b'(' | b')' => 1,
            _ => bytes[start..].iter().take_while(|&&b| !special(b)).count(),
        };
        Some((&self.text[start..self.at], self.line))
    }

    fn expression(&mut self, depth: usize) -> Result<Option<Expression<'a>>> {
        let Some((token, line)) = self.next() else { return Ok(None) };
        match token {
            ")" => Err(bad("a ')' without its '('", line)),
            "(" if depth >= MAX_DEPTH => Err(bad("the property is nested too deeply", line)),
            "(" => {
                let mut items = vec![];
                loop {
                    let before = (self.at, self.line);
                    if matches!(self.next(), Some((")", _))) {
                        return Ok(Some(Expression::List(items, line)));
                    }
                    (self.at, self.line) = before;
                    match self.expression(depth + 1)? {
                        Some(item) => items.push(item),
                        None => return Err(bad("a '(' without its ')'", line)),
                    }
                }
            }
            atom => Ok(Some(Expression::Atom(atom, line))),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Variable {
    Input(usize),
    Output(usize),
}

/// `X_12` or `Y_3`.
fn variable(text: &str) -> Option<Variable> {
    let index = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse().ok()).flatten();
    match text.split_at_checked(2)? {
        ("X_", rest) => index(rest).map(Variable::Input),
        ("Y_", rest) => index(rest).map(Variable::Output),
        _ => None,
    }
}

/// The text of a decimal; `(- 0.5)` is one as well.
fn number(e: &Expression) -> Option<String> {
    let text = match (e.atom(), e.call()) {
        (Some(text), _) => text.to_string(),
        (None, Some(("-", [one]))) => match one.atom()? {
            text if text.starts_with(['-', '+']) => return None,
            text => format!("-{text}"),
        },
        _ => return None,
    };
    compare(&text, "0").map(|_| text)
}

/// The decimal −x as text.
fn negated(text: &str) -> String {
    match text.strip_prefix('-') {
        Some(rest) => rest.into(),
        None => format!("-{}", text.trim_start_matches('+')),
    }
}

struct Reader {
    inputs: BTreeMap<usize, [Option<String>; 2]>,
    outputs: BTreeSet<usize>,
    output_constraints: usize,
    conditions: Option<Outputs>,
}

impl Reader {
    fn statement(&mut self, e: &Expression) -> Result<()> {
        match e.call() {
            Some(("declare-const" | "declare-fun", [name, .., kind])) => {
                if kind.atom() != Some("Real") {
                    return Err(bad("only variables of type Real are supported", e.line()));
                }
                match name.atom().and_then(variable) {
                    Some(Variable::Input(i)) => self.inputs.entry(i).or_default(),
                    Some(Variable::Output(i)) => {
                        self.outputs.insert(i);
                        return Ok(());
                    }
                    None => return Err(bad("variables must be named X_0, X_1, … and Y_0, …", e.line())),
                };
                Ok(())
            }
            Some(("assert", [condition])) => {
                let also = self.condition(condition, false)?;
                let known = self.conditions.take();
                self.conditions = known.zip(also).and_then(|(known, also)| known.and(also));
                Ok(())
            }
            Some(("set-logic" | "set-info" | "set-option" | "check-sat" | "exit", _)) => Ok(()),
            _ => Err(bad("this is neither a declaration nor an assertion", e.line())),
        }
    }

    /// What it says of outputs; None where that is too long.
    fn condition(&mut self, e: &Expression, alternative: bool) -> Result<Option<Outputs>> {
        match e.call() {
            Some(("and", parts)) => {
                let mut all = Some(Outputs::always());
                for part in parts {
                    let also = self.condition(part, alternative)?;
                    all = all.zip(also).and_then(|(all, also)| all.and(also));
                }
                Ok(all)
            }
            Some(("or", [one])) => self.condition(one, alternative),
            Some(("or", parts)) => {
                let mut any = Some(Outputs { any: vec![] });
                for part in parts {
                    let also = self.condition(part, true)?;
                    any = any.zip(also).and_then(|(any, also)| any.or(also));
                }
                Ok(any)
            }
            Some(("<=", [a, b])) => self.bound(a, b, e.line(), alternative).map(Some),
            Some((">=", [a, b])) => self.bound(b, a, e.line(), alternative).map(Some),
            _ => Err(bad("only and, or, and <= or >= between two terms are supported", e.line())),
        }
    }

    /// `small <= large`.
    fn bound(
        &mut self,
        small: &Expression,
        large: &Expression,
        line: usize,
        alternative: bool,
    ) -> Result<Outputs> {
        let names = [small, large].map(|e| e.atom().and_then(variable));
        for name in names.iter().flatten() {
            let known = match name {
                Variable::Input(i) => self.inputs.contains_key(i),
                Variable::Output(i) => self.outputs.contains(i),
            };
            if !known {
                return Err(bad("a variable is used before it is declared", line));
            }
        }
        let (side, index, value) = match (names, number(small), number(large)) {
            ([Some(Variable::Output(a)), Some(Variable::Output(b))], ..) => {
                let terms = if a == b { vec![] } else { vec![(a, 1.0), (b, -1.0)] };
                return self.outputs(terms, "0", line);
            }
            ([Some(Variable::Output(a)), None], None, Some(value)) => {
                return self.outputs(vec![(a, 1.0)], &value, line);
            }
            ([None, Some(Variable::Output(a))], Some(value), None) => {
                return self.outputs(vec![(a, -1.0)], &negated(&value), line);
            }
            ([Some(Variable::Input(i)), None], None, Some(value)) => (1, i, value),
            ([None, Some(Variable::Input(i))], Some(value), None) => (0, i, value),
            _ => return Err(bad("this compares neither an input with a number nor two outputs", line)),
        };
        if alternative {
            return Err(bad("an `or` over inputs is a union of boxes, not one box", line)
                .next("write one file per box and bound each of them"));
        }
        let bounds = self.inputs.entry(index).or_default();
        let weaker = if side == 0 { Ordering::Less } else { Ordering::Greater };
        if bounds[side].as_ref().is_none_or(|old| compare(old, &value) == Some(weaker)) {
            bounds[side] = Some(value);
        }
        Ok(Outputs::always())
    }

    /// Σ coefficient · output <= at_most.
    fn outputs(&mut self, terms: Vec<(usize, f64)>, at_most: &str, line: usize) -> Result<Outputs> {
        self.output_constraints += 1;
        let at_most = Written::parse(at_most).map_err(|why| bad(format!("{at_most} {why}"), line))?;
        Ok(Outputs::one(Condition { terms, at_most }))
    }

    fn finish(self) -> Result<Property> {
        let missing = |what: String| Err(bad(what, 1).at("end of the property"));
        if self.inputs.is_empty() {
            return missing("the property declares no inputs X_0, X_1, …".into());
        }
        let (mut lo, mut hi) = (vec![], vec![]);
        for (expected, (i, bounds)) in self.inputs.into_iter().enumerate() {
            if i != expected {
                return missing(format!("X_{i} is declared, but X_{expected} is not"));
            }
            let (low, high) = match bounds {
                [Some(low), Some(high)] => (low, high),
                [None, _] => return missing(format!("X_{i} has no lower bound")),
                [_, None] => return missing(format!("X_{i} has no upper bound")),
            };
            if compare(&low, &high) == Some(Ordering::Greater) {
                return missing(format!("the box is empty: X_{i} >= {low} and X_{i} <= {high}"));
            }
            for (text, side) in [(low, &mut lo), (high, &mut hi)] {
                match Written::parse(&text) {
                    Ok(number) => side.push(number),
                    Err(why) => return missing(format!("X_{i} has a bound that {why}")),
                }
            }
        }
        let outputs = self.outputs.len();
        let conditions = self.conditions.map(Outputs::once);
        let output_constraints = self.output_constraints;
        Ok(Property { lo, hi, outputs, output_constraints, conditions })
    }
}
