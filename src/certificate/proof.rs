//! What a proven upper bound rests on: the one family that methods give, files hold and the checker derives
//! again.

use super::Tree;
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
    /// Nothing that can be derived piece by piece: it can only be run again.
    Digest { text: String },
}

impl Proof {
    pub fn digest(text: impl Into<String>) -> Proof {
        Proof::Digest { text: text.into() }
    }
}
