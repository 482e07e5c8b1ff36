//! What a proven upper bound rests on: the one family that methods give, files hold and the checker derives
//! again.

use super::Tree;
use crate::rules::walk::Factor;
use crate::sweep::Link;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "lowercase", deny_unknown_fields)]
pub enum Proof {
    /// A tree of parts; of one part alone, linear bounds on the whole region.
    Tree {
        /// Maxima are trees of relu.
        kinks: bool,
        /// Where the region is everything: half the width of the box whose faces stand for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reach: Option<f64>,
        /// In the order of their places.
        #[serde(rename = "parts")]
        tree: Tree,
    },
    /// Products and sums of norms of layers along the graph.
    Norms {
        slopes: Source,
        /// Runs of nodes between which every slope is one number, and that are one layer.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        links: Vec<Link>,
        /// Norms that were used, each to be shown again.
        factors: Vec<Factor>,
    },
    /// Nothing that can be derived piece by piece: it can only be run again.
    Digest { text: String },
}

/// Where the slopes of the functions between layers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// From the functions alone.
    Anywhere,
    /// From where their arguments lie on the region.
    Region,
    /// From secants from the values at the centre.
    Secants,
}

impl Proof {
    pub fn digest(text: impl Into<String>) -> Proof {
        Proof::Digest { text: text.into() }
    }
}
