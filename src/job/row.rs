//! What is known of one sample in the end: a line of a journal.

use crate::num::decimal::{decimal_down, decimal_up};
use crate::report::json::Directed;
use serde::{Deserialize, Serialize, Serializer};

/// The status of a row whose turn for dearer steps did not come: another run takes it up again.
pub const WAITING: &str = "waiting";

/// A finished sample. Radii and margins are proven: they go down, `upper` and distances up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What the sample is called: its row, or its file.
    pub key: String,
    pub row: usize,
    pub label: Option<i64>,
    /// The class that is proven at the sample itself.
    pub predicted: Option<usize>,
    pub correct: Option<bool>,
    /// The class leads within this distance.
    #[serde(serialize_with = "down")]
    pub radius: Option<f64>,
    /// Does it lead as far as asked? False: a counterexample was found.
    pub verified: Option<bool>,
    /// The anchored constant of the closest difference, where the radius rests on one.
    #[serde(serialize_with = "up")]
    pub upper: Option<f64>,
    /// How far the class is ahead of every other one at the sample.
    #[serde(serialize_with = "down")]
    pub margin: Option<f64>,
    /// Which is closest there.
    pub runner_up: Option<usize>,
    pub method: Option<String>,
    pub seconds: f64,
    /// verified, refuted, misclassified, tie, time, done, error; waiting: its turn for dearer steps did not come.
    pub status: String,
    pub error: Option<String>,
    /// Where another class leads, if such a point is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterexample: Option<Refutation>,
}

/// A proven point at which the class does not lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refutation {
    pub class: usize,
    /// From the sample, in the ball's norm.
    #[serde(serialize_with = "far")]
    pub distance: f64,
    /// The network's outputs there, about.
    pub values: Vec<f64>,
    /// A `.npy` that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The point itself, where no file does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<Vec<f64>>,
}

fn down<S: Serializer>(x: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    x.map(|x| Directed(decimal_down(x))).serialize(serializer)
}

fn up<S: Serializer>(x: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    x.map(|x| Directed(decimal_up(x))).serialize(serializer)
}

fn far<S: Serializer>(x: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    Directed(decimal_up(*x)).serialize(serializer)
}

impl Row {
    /// Is there nothing more to do about it?
    pub fn is_done(&self) -> bool {
        self.error.is_none() && self.status != WAITING
    }

    /// Does it say more about the same sample?
    pub fn is_better(&self, other: &Row) -> bool {
        let known = |r: &Row| (r.is_done(), r.verified.is_some(), r.radius.unwrap_or(0.0));
        known(self) > known(other)
    }

    /// What cannot both be true of the same sample in balls of the same shape; `alike`: the same was asked of it.
    pub fn contradicts(&self, other: &Row, alike: bool) -> Option<String> {
        if let (Some(a), Some(b)) = (self.predicted, other.predicted)
            && a != b
        {
            return Some(format!("its class is proven to be {a} and {b}"));
        }
        for (proven, refuted) in [(self, other), (other, self)] {
            if let (Some(radius), Some(found)) = (proven.radius, &refuted.counterexample)
                && found.distance < radius
            {
                return Some(format!(
                    "its class is proven to lead to {radius}, and class {} leads at a distance of {}",
                    found.class, found.distance
                ));
            }
            if alike && proven.verified == Some(true) && refuted.verified == Some(false) {
                return Some("it is verified and refuted".into());
            }
        }
        None
    }
}
