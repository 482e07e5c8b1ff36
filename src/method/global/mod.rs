//! Methods for all of R^n. Those that only look at slopes hold on a bounded
//! region too, with the slopes of that region.

pub mod abs_subset;
pub mod absolute;
pub mod autolip;
pub mod barrier;
pub mod blocks;
pub mod cuts;
pub mod eclipse;
pub mod expansion;
pub mod gain;
pub mod greedy;
pub mod hierarchy;
pub mod layered;
pub mod layers;
pub mod lipopt;
pub mod lipsdp;
pub mod loops;
pub mod partition;
pub mod paths;
pub mod seqlip;
pub mod vertices;

use crate::method::why::Why;
use crate::num::Norm;
use crate::problem::Problem;

/// What bounds ‖J‖_2 bounds other norms by square roots of sides; these pairs need none.
pub fn is_two(problem: &Problem) -> bool {
    let q = &problem.quotient;
    q.in_norm != Norm::Inf && (q.out_norm != Norm::One || problem.rows() == 1)
}

/// Of networks with a softmax, or a maximum too wide for a tree.
pub const NO_SLOPES: Why =
    Why::Unfit("a node has no slope per feature (a softmax, or maxima that are no trees)");
