//! Graphics drivers talk on stderr where `XDG_RUNTIME_DIR` is not set: Mesa's layer that looks for the
//! desktop's device asks Wayland each time a driver is opened, and Wayland's library complains. The program
//! takes its own place once, with a folder that holds no desktop, before it has started a thread.

use super::flags::Command;
use std::ffi::OsString;

/// Starts the process anew with the variable, where the command may open a driver. It returns where there is
/// nothing to hush, or where that fails; then all goes on as it is.
#[cfg(all(feature = "gpu", target_os = "linux"))]
pub fn hush(command: &Command, arguments: &[OsString]) {
    use std::os::unix::process::CommandExt;
    const VARIABLE: &str = "XDG_RUNTIME_DIR";
    // Not for arguments that are another program's.
    let own = std::env::args_os().eq(arguments.iter().cloned());
    if !own || std::env::var_os(VARIABLE).is_some() || !may_open(command) {
        return;
    }
    let Some((name, rest)) = arguments.split_first() else { return };
    let Ok(program) = std::env::current_exe() else { return };
    // The process is this one, on its streams and under its number: nothing comes back but a failure.
    let _ = std::process::Command::new(program).arg0(name).args(rest).env(VARIABLE, "/dev/null").exec();
}

#[cfg(not(all(feature = "gpu", target_os = "linux")))]
pub fn hush(_: &Command, _: &[OsString]) {}

/// May the command open a driver?
#[cfg(all(feature = "gpu", target_os = "linux"))]
fn may_open(command: &Command) -> bool {
    let machine = match command {
        Command::Devices(_) => return true,
        Command::Bound(flags) => &flags.work.machine,
        Command::Layers(flags) => &flags.machine,
        _ => return false,
    };
    match machine.device.as_deref().unwrap_or("auto").trim() {
        "auto" => {
            crate::backend::gpu::may_be_real()
                || std::env::var_os("CLARKE_SOFTWARE_GPU").is_some_and(|v| v == "1")
        }
        device => device.starts_with("gpu"),
    }
}
