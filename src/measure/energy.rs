//! What a device has used, in joules, where the system counts it.
//!
//! Linux shows counters of microjoules: of processors under `powercap` (often to root alone), of graphics devices below
//! their place on the bus where their driver keeps one (amdgpu, i915 and xe do). Everything else is not known.

use std::fs;
use std::path::{Path, PathBuf};

const CAPS: &str = "/sys/class/powercap";
const BUS: &str = "/sys/bus/pci/devices";

/// Counters whose sum is what a device used.
pub struct Energy(Vec<PathBuf>);

impl Energy {
    /// Of all processor packages.
    pub fn of_processors() -> Energy {
        let package = |p: &PathBuf| {
            // Parts of a package stand below it, or beside it as intel-rapl:0:0.
            let name = p.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            name.starts_with("intel-rapl:") && name.matches(':').count() == 1
        };
        let found = files(Path::new(CAPS)).into_iter().filter(package).map(|p| p.join("energy_uj"));
        Energy(found.collect())
    }

    /// Of the device at a place such as `0000:01:00.0`.
    pub fn of_device(place: &str) -> Energy {
        let plain = !place.is_empty() && place.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b));
        let monitors = if plain { files(&Path::new(BUS).join(place).join("hwmon")) } else { vec![] };
        Energy(monitors.into_iter().map(|p| p.join("energy1_input")).filter(|p| p.exists()).collect())
    }

    /// Joules since somewhen; None where nobody counts.
    pub fn joules(&self) -> Option<f64> {
        let each = |p: &PathBuf| fs::read_to_string(p).ok()?.trim().parse::<f64>().ok();
        let parts: Option<Vec<f64>> = self.0.iter().map(each).collect();
        parts.filter(|p| !p.is_empty()).map(|p| p.iter().sum::<f64>() * 1e-6)
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map_or(vec![], |all| all.flatten().map(|e| e.path()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_counts_is_not_known() {
        assert_eq!(Energy(vec![]).joules(), None);
        assert_eq!(Energy::of_device("../../etc").joules(), None);
        assert_eq!(Energy(vec!["/nowhere/energy_uj".into()]).joules(), None);
    }
}
