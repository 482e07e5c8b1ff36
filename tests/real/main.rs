//! Tests that need what is not in this repository: real networks in the folder that CLARKE_ZOO names, or an
//! adapter. Without it they are listed as ignored; with CLARKE_REQUIRE_ALL=1 they fail.

mod avant;
#[path = "../suite/common/mod.rs"]
mod common;
#[cfg(feature = "gpu")]
mod gpu;
mod import;
#[cfg(all(target_os = "linux", feature = "cli"))]
mod limits;
mod zoo;
#[cfg(feature = "gpu")]
mod zoo_gpu;
mod zoo_layers;

use libtest_mimic::{Arguments, Trial};
use std::path::PathBuf;

/// Must everything be there?
fn required() -> bool {
    std::env::var("CLARKE_REQUIRE_ALL").is_ok_and(|v| v == "1")
}

/// The folder of real networks.
fn zoo() -> Option<PathBuf> {
    std::env::var_os("CLARKE_ZOO").filter(|v| !v.is_empty()).map(PathBuf::from)
}

/// Networks on which a case takes minutes: only when asked for.
fn with_large() -> bool {
    std::env::var("CLARKE_LARGE").is_ok_and(|v| v == "1")
}

fn main() {
    #[cfg_attr(not(feature = "cli"), allow(unused_mut))]
    let mut trials: Vec<Trial> = import::trials()
        .into_iter()
        .chain(avant::trials())
        .chain(zoo::trials())
        .chain(zoo_layers::trials())
        .collect();
    #[cfg(all(target_os = "linux", feature = "cli"))]
    trials.extend(limits::trials());
    #[cfg(feature = "gpu")]
    trials.extend(gpu::trials().into_iter().chain(zoo_gpu::trials()));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
