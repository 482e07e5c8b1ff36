//! Files that a command writes besides its result: tried before the work, written whole or not at all.
//!
//! A text goes to a temporary name in the same folder and is renamed when it is on the disk, so that
//! a full disk or an end in the middle leaves what was there before.

use crate::error::{Error, Kind, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that will be written.
#[derive(Clone, Debug)]
pub struct Target {
    /// The flag that names it.
    flag: &'static str,
    path: PathBuf,
    /// Where its bytes go: links are followed.
    place: PathBuf,
    /// Pipes and devices take text as it comes.
    stream: bool,
}

impl Target {
    /// Tries what can be tried before there is anything to write: the folder takes a file, and what is
    /// there already may be replaced.
    pub fn new(flag: &'static str, path: &Path) -> Result<Target> {
        let failed = |e: io::Error| trouble(flag, path, "cannot be written", &e);
        let present = fs::metadata(path).ok();
        if present.as_ref().is_some_and(|m| m.is_dir()) {
            return Err(trouble(flag, path, "cannot be written", "it is a folder"));
        }
        if path.file_name().is_none() {
            return Err(trouble(flag, path, "cannot be written", "it has no name"));
        }
        let place = if present.is_some() { path.canonicalize().map_err(failed)? } else { path.to_path_buf() };
        let stream = present.is_some_and(|m| !m.is_file());
        let target = Target { flag, path: path.to_path_buf(), place, stream };
        if stream {
            return Ok(target);
        }
        match OpenOptions::new().write(true).open(&target.place) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
        let temporary = target.temporary();
        let tried = File::create_new(&temporary);
        drop(fs::remove_file(&temporary));
        tried.map(|_| target).map_err(failed)
    }

    /// Refuses two texts in one file, and a text in the place of what is read.
    pub fn distinct<'a>(targets: impl Iterator<Item = &'a Target>, read: &Path) -> Result<()> {
        let mut taken = vec![("the network", read.canonicalize().unwrap_or_default())];
        for t in targets.filter(|t| !t.stream) {
            let folder = t.place.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let place =
                folder.canonicalize().unwrap_or_default().join(t.place.file_name().unwrap_or_default());
            if let Some((other, _)) = taken.iter().find(|(_, p)| *p == place) {
                return Err(Error::input(format!("{} would take the place of {other}", t.flag))
                    .at(format!("{} {}", t.flag, t.path.display()))
                    .next("give another name"));
            }
            taken.push((t.flag, place));
        }
        Ok(())
    }

    /// As it was written on the command line.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub fn has_extension(&self, name: &str) -> bool {
        self.path.extension().is_some_and(|e| e.eq_ignore_ascii_case(name))
    }

    /// The text as the file's content, or no change at all.
    pub fn write(&self, text: &str) -> Result<()> {
        let failed = |e: io::Error| trouble(self.flag, &self.path, "cannot be written", &e);
        if self.stream {
            let file = OpenOptions::new().write(true).open(&self.place);
            return file.and_then(|mut f| f.write_all(text.as_bytes())).map_err(failed);
        }
        let temporary = self.temporary();
        self.replaced(&temporary, text).map_err(|e| {
            drop(fs::remove_file(&temporary));
            failed(e)
        })
    }

    fn replaced(&self, temporary: &Path, text: &str) -> io::Result<()> {
        let mut file = File::create_new(temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        if let Ok(before) = fs::metadata(&self.place) {
            file.set_permissions(before.permissions())?;
        }
        drop(file);
        fs::rename(temporary, &self.place)
    }

    /// A name beside the file that nobody else uses.
    fn temporary(&self) -> PathBuf {
        self.place.with_file_name(format!(".clarke-{}.tmp", std::process::id()))
    }
}

fn trouble(flag: &str, path: &Path, what: &str, why: &(impl std::fmt::Display + ?Sized)) -> Error {
    Error::new(Kind::Device, format!("the file {what}: {why}"))
        .at(format!("{flag} {}", path.display()))
        .next("check that the folder exists, its permissions and free space")
}
