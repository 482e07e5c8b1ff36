//! A property of a job: can the outputs on its box meet its conditions?

use super::args::{BoundArgs, RegionArg};
use super::bound;
use super::interrupt;
use super::points::Points;
use super::problem::Loaded;
use crate::data::load_vnnlib;
use crate::data::vnnlib::{Condition, Outputs};
use crate::engine::Placed;
use crate::error::{Error, Result};
use crate::method::margin::statement::Statement;
use crate::net::Net;
use crate::search::property::Answer;
use ndarray::Array2;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

/// What is found out about a property.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    pub vnnlib: String,
    /// holds: no member of the box meets the conditions; violated: the counterexample does; open.
    pub verdict: &'static str,
    pub method: &'static str,
    /// Parts of the box that were bounded.
    pub parts: u64,
    pub seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counterexample: Option<Counterexample>,
}

/// A member whose outputs are proven to meet the conditions.
#[derive(Clone, Debug, Serialize)]
pub struct Counterexample {
    /// The outputs there, about.
    pub values: Vec<f64>,
    /// A `.npy` that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The point itself, where no file does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<Vec<f64>>,
}

impl Verdict {
    /// Writes the counterexample of a row to a file.
    pub fn keep(&mut self, points: &Points, row: usize) -> Result<()> {
        if let Some(found) = &mut self.counterexample
            && let Some(x) = found.x.take()
        {
            found.file = Some(points.keep(row, &x)?);
        }
        Ok(())
    }
}

/// The file of the property, if that is what is asked about.
fn file(args: &BoundArgs) -> Result<&str> {
    match &args.region {
        RegionArg::Vnnlib(path) => Ok(path),
        RegionArg::Global | RegionArg::Ball { .. } | RegionArg::Box(_) => {
            Err(Error::input("a property is a VNN-LIB file").next("give one in the column vnnlib"))
        }
    }
}

/// Does the file say anything about outputs?
pub fn is_about_outputs(args: &BoundArgs, inputs: usize) -> bool {
    file(args).and_then(|path| load_vnnlib(path, inputs)).is_ok_and(|p| p.output_constraints > 0)
}

pub fn decide(args: &BoundArgs, loaded: &Loaded, placed: &Placed) -> Result<Verdict> {
    let started = Instant::now();
    let options = bound::options(args, interrupt::stop());
    let budget = options.budget();
    let net = loaded.model.net();
    let path = file(args)?;
    let located = |e: Error| e.at(path);
    // Conditions are about the outputs that the file of the network has.
    if net.warnings.iter().any(|w| w.code == "softmax-dropped") {
        return Err(Error::input("the property is about outputs behind a softmax, which is left out")
            .at(path)
            .next("add --keep-softmax"));
    }
    let property = load_vnnlib(path, net.inputs())?;
    if property.outputs != 0 && property.outputs != net.outputs() {
        let what = format!("the property has {} outputs, the network {}", property.outputs, net.outputs());
        return Err(located(Error::input(what).next("give the property that belongs to this network")));
    }
    let conditions = property.conditions.ok_or_else(|| {
        located(Error::unsupported("the conditions on outputs are too many alternatives"))
            .next("split the property: one file for some of its alternatives")
    })?;
    let statement = statement(&conditions, net).map_err(located)?;
    let decided = placed.decide(&loaded.problem.region, &statement, &options, &budget)?;
    let (verdict, counterexample) = match decided.answer {
        Answer::Holds => ("holds", None),
        Answer::Open => ("open", None),
        Answer::Violated(x) => {
            ("violated", Some(Counterexample { values: net.evaluate(&x), file: None, x: Some(x) }))
        }
    };
    Ok(Verdict {
        vnnlib: path.into(),
        verdict,
        method: decided.method,
        parts: decided.parts,
        seconds: started.elapsed().as_secs_f64(),
        counterexample,
    })
}

/// Conditions as rows over the network's outputs.
fn statement(outputs: &Outputs, net: &Net) -> Result<Statement> {
    let mut all: Vec<&Condition> = vec![];
    let mut known = HashMap::new();
    let mut place = |c| {
        *known.entry(Condition::key(c)).or_insert_with(|| {
            all.push(c);
            all.len() - 1
        })
    };
    // The same condition twice is one.
    let mut any: Vec<Vec<usize>> = vec![];
    for list in &outputs.any {
        let places: BTreeSet<usize> = list.iter().map(&mut place).collect();
        any.push(places.into_iter().collect());
    }
    let mut rows = Array2::zeros((all.len(), net.outputs()));
    for (r, condition) in all.iter().enumerate() {
        for &(j, a) in &condition.terms {
            let what = || Error::input(format!("Y_{j} is no output: the network has {}", net.outputs()));
            let entry = rows.get_mut([r, j]).ok_or_else(what)?;
            *entry += a;
        }
    }
    Ok(Statement { rows, limits: all.iter().map(|c| c.at_most.clone()).collect(), any })
}
