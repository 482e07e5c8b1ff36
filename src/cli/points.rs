//! Counterexamples as files of their own, in a folder beside the journal.

use crate::data::npy;
use crate::error::{Error, Kind, Result};
use std::path::{Path, PathBuf};

/// Where they go.
pub struct Points(PathBuf);

impl Points {
    pub fn beside(journal: &Path) -> Points {
        Points(journal.with_extension("counterexamples"))
    }

    /// Writes one; the file's name.
    pub fn keep(&self, row: usize, x: &[f64]) -> Result<String> {
        let path = self.0.join(format!("{row}.npy"));
        let failed = |e: std::io::Error| {
            Error::new(Kind::Device, format!("the counterexample cannot be written: {e}"))
                .at(path.display().to_string())
                .next("check the permissions and free space; the same command goes on from there")
        };
        std::fs::create_dir_all(&self.0).map_err(failed)?;
        std::fs::write(&path, npy::write_f64(&[x.len()], x)).map_err(failed)?;
        Ok(path.display().to_string())
    }
}
