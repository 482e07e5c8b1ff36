//! The samples of a job: which there are, and each of them when it is wanted.

use crate::data::{Rows, Scale, held_rows, load_labels, load_rows};
use crate::error::{Error, Result};
use crate::num::Written;
use std::ops::Range;

/// One sample.
#[derive(Clone, Debug)]
pub struct Sample {
    pub row: usize,
    pub key: String,
    pub label: Option<i64>,
    pub values: Result<Vec<Written>>,
}

/// Which samples of a file or a folder a job is about.
#[derive(Clone, Debug)]
pub struct Samples {
    rows: Rows,
    labels: Option<Vec<i64>>,
    wanted: Range<usize>,
    /// Every N-th from the I-th on.
    shard: Option<Shard>,
}

/// The I-th of N parts, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    pub index: usize,
    pub count: usize,
}

impl Samples {
    pub fn open(inputs: &str, labels: Option<&str>, shape: &[usize], scale: Scale) -> Result<Samples> {
        let rows = load_rows(inputs, shape, scale)?;
        let labels = labels.map(|spec| load_labels(spec, rows.names().as_deref())).transpose()?;
        Samples::of(rows, labels)
    }

    /// Of the bytes of an array in memory.
    pub fn held(inputs: &[u8], labels: Option<Vec<i64>>, shape: &[usize], scale: Scale) -> Result<Samples> {
        Samples::of(held_rows(inputs, shape, scale)?, labels)
    }

    fn of(rows: Rows, labels: Option<Vec<i64>>) -> Result<Samples> {
        if let Some(labels) = &labels
            && labels.len() != rows.len()
        {
            return Err(Error::input(format!("{} samples and {} labels", rows.len(), labels.len()))
                .at("--labels")
                .next("give one label per sample, in the same order"));
        }
        let wanted = 0..rows.len();
        Ok(Samples { rows, labels, wanted, shard: None })
    }

    /// Only these rows.
    pub fn within(self, wanted: Range<usize>) -> Result<Samples> {
        if wanted.end > self.rows.len() || wanted.is_empty() {
            return Err(Error::input(format!(
                "rows {}..{} are asked for, there are {}",
                wanted.start,
                wanted.end,
                self.rows.len()
            ))
            .at("--rows")
            .next(format!("rows count from 0, the end is not included: --rows 0..{}", self.rows.len())));
        }
        Ok(Samples { wanted, ..self })
    }

    pub fn part(self, shard: Option<Shard>) -> Samples {
        Samples { shard, ..self }
    }

    /// The rows, in order.
    pub fn wanted(&self) -> impl Iterator<Item = usize> + use<> {
        let (first, step) = self.shard.map_or((0, 1), |s| (s.index - 1, s.count));
        self.wanted.clone().skip(first).step_by(step)
    }

    /// First and last row but one, of all shards together.
    pub fn range(&self) -> Range<usize> {
        self.wanted.clone()
    }

    pub fn get(&self, row: usize) -> Sample {
        let label = self.labels.as_ref().map(|labels| labels[row]);
        Sample { row, key: self.rows.key(row), label, values: self.rows.get(row) }
    }

    pub fn labels(&self) -> Option<&[i64]> {
        self.labels.as_deref()
    }

    pub fn sha256(&self) -> &str {
        self.rows.sha256()
    }

    pub fn eight_bit(&self) -> bool {
        self.rows.eight_bit()
    }
}
