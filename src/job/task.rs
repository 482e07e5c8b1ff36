//! What a job asks of every sample.

use crate::deadline::Deadline;
use crate::engine::Options;
use crate::num::{Norm, Written};

/// What is asked of every sample.
#[derive(Clone, Debug)]
pub struct Task {
    /// Of the balls.
    pub norm: Norm,
    pub aim: Aim,
    pub clip: Option<[Written; 2]>,
    /// Of one sample: its time, memory, seed; `gap`: how close a radius must come to one that fails.
    pub options: Options,
    /// Of the job.
    pub until: Deadline,
    pub order: Order,
}

/// How far a class must lead.
#[derive(Clone, Debug, PartialEq)]
pub enum Aim {
    /// To this radius: yes or no.
    At(Written),
    /// As far as can be proven.
    Radius,
}

/// Which open samples get the dearer steps first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// In the order of the file.
    #[default]
    Rows,
    /// Those nearest to a proof.
    Promising,
    /// Those farthest from it.
    Worst,
}
