//! What was measured of adapters, kept between runs: a file in the user's cache folder.
//!
//! It may be deleted at any time. What it says changes how long products take, never what they prove; a file that is
//! of another version, damaged or not readable says nothing.

use crate::backend::gpu::Gpu;
use crate::backend::gpu::tile::{Cuts, LOW, SLIM, Tile, WIDE};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::{fs, io};

const SCHEMA: &str = "clarke.tuned/1";
const NAME: &str = "tuned.json";
/// More is no file of ours.
const LONGEST: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
struct File {
    schema: String,
    version: String,
    adapters: Vec<Entry>,
}

/// One adapter in one type of numbers.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    name: String,
    driver: String,
    backend: String,
    precision: String,
    wide: String,
    slim: String,
    low: String,
    busy: usize,
}

/// Where it lies: `CLARKE_CACHE`, or a folder of this name where the system keeps caches.
fn folder() -> Option<PathBuf> {
    let path = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let home = || path("HOME");
    let cache = match std::env::consts::OS {
        "windows" => path("LOCALAPPDATA"),
        "macos" => home().map(|h| h.join("Library").join("Caches")),
        _ => path("XDG_CACHE_HOME").filter(|p| p.is_absolute()).or_else(|| home().map(|h| h.join(".cache"))),
    };
    path("CLARKE_CACHE").or_else(|| cache.map(|c| c.join("clarke")))
}

fn read() -> File {
    let version = env!("CARGO_PKG_VERSION");
    let known = || -> Option<File> {
        let path = folder()?.join(NAME);
        let small = fs::metadata(&path).ok()?.len() <= LONGEST;
        let text = small.then(|| fs::read_to_string(&path).ok()).flatten()?;
        serde_json::from_str(&text).ok().filter(|f: &File| f.schema == SCHEMA && f.version == version)
    };
    known().unwrap_or_else(|| File { schema: SCHEMA.into(), version: version.into(), adapters: vec![] })
}

impl Entry {
    fn new(gpu: &Gpu, cuts: &Cuts) -> Entry {
        let info = gpu.info();
        Entry {
            name: info.name.clone(),
            driver: info.driver.clone(),
            backend: info.api.clone(),
            precision: gpu.real().name().into(),
            wide: cuts.wide.name(),
            slim: cuts.slim.name(),
            low: cuts.low.name(),
            busy: cuts.busy,
        }
    }

    /// The same adapter, driver and numbers?
    fn is_of(&self, other: &Entry) -> bool {
        let key = |e: &Entry| [e.name.clone(), e.driver.clone(), e.backend.clone(), e.precision.clone()];
        key(self) == key(other)
    }
}

/// The device as it was tuned, where it was: only tiles that exist and that it can run.
pub fn recall(gpu: Gpu) -> Gpu {
    let mut cuts = gpu.cuts();
    let own = Entry::new(&gpu, &cuts);
    let Some(entry) = read().adapters.into_iter().find(|e| e.is_of(&own)) else { return gpu };
    let find = |list: &[Tile], name: &str| {
        let fits = |t: &&Tile| t.fits(gpu.real(), gpu.info().shared, gpu.info().lanes);
        list.iter().filter(fits).find(|t| t.name() == name).copied()
    };
    cuts.wide = find(&WIDE, &entry.wide).unwrap_or(cuts.wide);
    cuts.slim = find(&SLIM, &entry.slim).unwrap_or(cuts.slim);
    cuts.low = find(&LOW, &entry.low).unwrap_or(cuts.low);
    // Far more than any device has: slices times groups must stay a grid.
    cuts.busy = entry.busy.clamp(1, 1 << 12);
    gpu.cut(cuts)
}

/// Keeps what was measured, and says where.
pub fn remember(gpu: &Gpu, cuts: &Cuts) -> io::Result<PathBuf> {
    let folder = folder().ok_or_else(|| io::Error::other("there is no folder for caches"))?;
    fs::create_dir_all(&folder)?;
    let entry = Entry::new(gpu, cuts);
    let mut file = read();
    file.adapters.retain(|e| !e.is_of(&entry));
    file.adapters.push(entry);
    let text = serde_json::to_string_pretty(&file).map_err(io::Error::other)?;
    // Whole or not at all, whoever reads it meanwhile.
    let (path, draft) = (folder.join(NAME), folder.join(format!("{NAME}.{}", std::process::id())));
    fs::write(&draft, text)?;
    fs::rename(&draft, &path)?;
    Ok(path)
}
