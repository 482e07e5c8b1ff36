//! The command line from outside: help that fits, errors of three lines, exit codes; and from
//! inside: what flags mean.

use crate::common::written;
use clap::{CommandFactory, Parser};
use clarke::cli::args::{BoundArgs, Centre, RegionArg};
use clarke::cli::files::Target;
use clarke::cli::flags::{Cli, Command};
use clarke::cli::print::{columns, wrapped};
use clarke::error::Result;
use clarke::num::Norm;
use clarke::problem::{Output, Quantity};
use std::process::Output as Ran;

const DIGITS: &str = "tests/data/digits.onnx";

fn clarke(arguments: &[&str]) -> Ran {
    std::process::Command::new(env!("CARGO_BIN_EXE_clarke")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn bound(flags: &str) -> Result<BoundArgs> {
    let words = ["clarke", "bound", "net.onnx"].into_iter().chain(flags.split_whitespace());
    match Cli::try_parse_from(words).unwrap().command {
        Command::Bound(flags) => BoundArgs::new(*flags),
        _ => unreachable!(),
    }
}

#[test]
fn help_fits_the_screen() {
    Cli::command().debug_assert();
    let mut pages = vec![clarke(&["-h"]), clarke(&["--help"]), clarke(&["methods"])];
    for command in Cli::command().get_subcommands() {
        let short = clarke(&[command.get_name(), "-h"]);
        let long = clarke(&[command.get_name(), "--help"]);
        assert!(text(&long.stdout).lines().count() >= text(&short.stdout).lines().count());
        pages.extend([short, long]);
    }
    for row in clarke::METHODS {
        pages.push(clarke(&["methods", row.name]));
    }
    for page in pages {
        assert_eq!(page.status.code(), Some(0));
        for line in text(&page.stdout).lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn tables_are_as_wide_as_what_they_are_printed_to() {
    let rows: Vec<Vec<String>> =
        (0..3).map(|k| vec![format!("row {k}"), "seven words that say what it is".into()]).collect();
    let whole = columns(&["name", "text"], &rows, usize::MAX);
    assert_eq!(whole.lines().count(), 4);
    let narrow = columns(&["name", "text"], &rows, 24);
    assert!(narrow.lines().count() > 4 && narrow.lines().all(|l| l.chars().count() <= 24), "{narrow}");
    assert!(narrow.split_whitespace().eq(whole.split_whitespace()));
    // A pipe is as wide as the table: a line for each node, one for the header.
    let piped = text(&clarke(&["inspect", DIGITS]).stdout);
    let net = clarke::net::load(DIGITS.as_ref(), &clarke::net::Options::default()).unwrap();
    let table = piped.split("\n\n").next().unwrap();
    assert_eq!(table.lines().count(), net.nodes.len() + 1, "{piped}");
}

/// Help, lists and errors on narrow terminals: no word broken, none lost.
#[test]
fn long_lines_go_on_below() {
    let pages: [&[&str]; 5] = [&["-h"], &["bound", "-h"], &["bound", "--help"], &["--help"], &["methods"]];
    let error = "error: one word after another\nwhere: --flag\nnext:  a word\n";
    for page in pages.iter().map(|p| text(&clarke(p).stdout)).chain([error.into()]) {
        for width in [20, 40, 60, 80] {
            let narrow = wrapped(&page, width);
            assert!(narrow.split_whitespace().eq(page.split_whitespace()), "{narrow}");
            for line in narrow.lines().filter(|_| width >= 40) {
                assert!(line.chars().count() <= width || line.split_whitespace().count() == 1, "{line}");
            }
        }
        assert_eq!(wrapped(&page, 80), page);
    }
    assert_eq!(wrapped(error, 20), "error: one word\n       after another\nwhere: --flag\nnext:  a word\n");
    assert_eq!(wrapped("  a sentence\n  goes on\n", 11), "  a\n  sentence\n  goes on\n");
    assert_eq!(wrapped("  -f <X>  what it is\n", 18), "  -f <X>  what it\n          is\n");
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let folder = std::env::temp_dir().join(format!("clarke-files-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("a");
    let names = || std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
    let target = Target::new("--out", &path).unwrap();
    assert!(names().is_empty());
    target.write("first").unwrap();
    target.write("second").unwrap();
    assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), names().len()), ("second", 1));
    for bad in [folder.join("no/b"), folder.clone(), path.join("c"), "".into(), folder.join("x".repeat(300))]
    {
        let e = Target::new("--out", &bad).unwrap_err();
        assert!(e.exit_code() == 4 && e.place.starts_with("--out"), "{e}");
    }
    #[cfg(unix)]
    {
        // Through a link, keeping permissions; the link stays.
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink("a", folder.join("link")).unwrap();
        Target::new("--out", &folder.join("link")).unwrap().write("third").unwrap();
        assert!(folder.join("link").is_symlink());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "third");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Target::new("--out", "/dev/null".as_ref()).unwrap().write("x").is_ok());
    }
    #[cfg(target_os = "linux")]
    assert_eq!(Target::new("--out", "/dev/full".as_ref()).unwrap().write("x").unwrap_err().exit_code(), 4);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn errors_have_three_lines_and_a_code() {
    let cases: [(&[&str], i32, &str); 18] = [
        (&[], 2, "no command"),
        (&["bound"], 2, "<NET>"),
        (&["bound", "x", "--metod", "y"], 2, "--method"),
        (&["bound", "x", "--norm", "3"], 2, "inf, 2, 1"),
        (&["bound", "x", "--json"], 2, "write --format json"),
        (&["layers", "x", "--csv"], 2, "write --format csv"),
        (&["bound", "x", "--expect-tolerance", "1"], 2, "--expect"),
        (&["bound", "x", "--eps", "-1", "--center", "1"], 2, "negative"),
        (&["bound", "x", "--eps", "1", "--vnnlib", "y"], 2, "--eps and --vnnlib"),
        (&["bound", "x", "--method", "magic"], 2, "clarke methods"),
        (&["inspect", "no-such-file.onnx"], 2, "does not exist"),
        (&["inspect", "Cargo.toml"], 2, "Cargo.toml"),
        (&["methods", "--out", "no-such-folder/x"], 4, "--out"),
        (&["bound", DIGITS, "--out", "no-such-folder/x"], 4, "--out"),
        (&["bound", DIGITS, "--certificate", "tests"], 4, "is a folder"),
        (&["bound", DIGITS, "--plot", "x.pdf"], 2, "FILE.svg or FILE.csv"),
        (&["bound", DIGITS, "--certificate", DIGITS], 2, "the place of the network"),
        (&["bound", DIGITS, "--out", "a.svg", "--plot", "./a.svg"], 2, "the place of --out"),
    ];
    for (arguments, code, word) in cases {
        let ran = clarke(arguments);
        let err = text(&ran.stderr);
        assert_eq!(ran.status.code(), Some(code), "{arguments:?}: {err}");
        assert!(err.contains(word), "{arguments:?}: {err}");
        let starts: Vec<&str> = err.lines().map(|l| l.split(':').next().unwrap()).collect();
        assert_eq!(starts, ["error", "where", "next"], "{err}");
    }
}

/// Both levels of help, and words that nothing else explains.
#[test]
fn help_has_two_levels() {
    let page = |flags: &[&str]| text(&clarke(flags).stdout);
    let (short, long) = (page(&["bound", "-h"]), page(&["bound", "--help"]));
    assert!(short.lines().count() < 90 && long.lines().count() > 2 * short.lines().count() - 40);
    for word in [
        "anchored:",
        "Free neurons",
        "`nodes`",
        "Status:",
        "1e-4·(1",
        "row of lower ends",
        "diamond",
        "grey levels",
    ] {
        assert!(long.contains(word) && !short.contains(word), "{word}");
    }
    for code in ["0", "1", "2", "3", "4", "5", "130", "143"] {
        assert!(page(&["--help"]).lines().any(|l| l.trim_start().starts_with(&format!("{code} "))), "{code}");
    }
    let layers = page(&["layers", "--help"]);
    assert!(!layers.contains("--splits") && !layers.contains("--gap") && layers.contains("--device"));
}

/// Every method is explained, by an example that the flag parser takes.
#[test]
fn methods_are_explained() {
    for row in clarke::METHODS {
        let details = row;
        assert!(Cli::try_parse_from(details.example().split_whitespace()).is_ok(), "{}", details.example());
    }
    let lines = text(&clarke(&["methods"]).stdout).lines().count();
    assert!(lines <= 2 * clarke::METHODS.len() + 5, "{lines}");
    for name in ["auto", "exact"] {
        let one = clarke(&["methods", name]);
        assert!(one.status.code() == Some(0) && text(&one.stdout).contains(&format!("--method {name}")));
    }
    let one = clarke(&["methods", "lipsd"]);
    assert!(one.status.code() == Some(2) && text(&one.stderr).contains("lipsdp"));
    let found = json(&clarke(&["methods", "scaled-gain", "--format", "json"]));
    assert!(found["formula"].as_str().is_some_and(|f| f.contains('≤')), "{found}");
}

#[test]
fn norms_have_the_names_that_people_write() {
    for (name, norm) in [("l2", Norm::Two), ("L2", Norm::Two), ("linf", Norm::Inf), ("L1", Norm::One)] {
        assert_eq!(bound(&format!("--norm {name}")).unwrap().in_norm, norm);
    }
    let ran = clarke(&["bound", "--net", "x.onnx"]);
    assert!(text(&ran.stderr).contains("without a flag"), "{}", text(&ran.stderr));
}

#[test]
fn what_flags_mean() {
    let a = bound("").unwrap();
    assert_eq!((a.region.clone(), a.centre.clone(), a.clip), (RegionArg::Global, None, None));
    assert_eq!(
        (a.in_norm, a.out_norm, a.output, a.quantity),
        (Norm::Inf, Norm::Inf, Output::All, Quantity::Lipschitz)
    );
    assert_eq!((a.work.gap, a.work.time.as_secs(), a.work.seed), (1.01, 60, 0));
    let a = bound("--input x.npy#7 --eps 0.02 --norm 2 --out-norm 1 --method exact --output 3-5").unwrap();
    assert_eq!(a.region, RegionArg::Ball { radius: written("2e-2"), norm: Norm::Two });
    assert_eq!(a.centre, Some(Centre::Input("x.npy#7".into())));
    assert_eq!((a.in_norm, a.out_norm, a.output), (Norm::Two, Norm::One, Output::Difference(3, 5)));
    assert_eq!(a.work.gap, 1.0 + 1e-9);
    let a = bound("--center -0.5,1 --eps 1 --ball 1 --clip -1,1 --mean -1,2 --std 1,2").unwrap();
    assert_eq!(a.region, RegionArg::Ball { radius: written("1"), norm: Norm::One });
    let two = |texts: [&str; 2]| Some(texts.map(written).to_vec());
    assert_eq!(a.clip.map(|ends| ends.to_vec()), two(["-1", "1"]));
    assert_eq!((a.mean, a.std), (two(["-1", "2"]), two(["1", "2"])));
    assert!(bound("--input x.npy --expect y.npy").is_ok());
    assert!(bound("--input x.npy --quantity anchored --clip 0,1").is_ok());
}

#[test]
fn contradictions_are_refused() {
    for flags in [
        "--eps 1",
        "--input x.npy",
        "--input x.npy --center 1 --eps 1",
        "--box b.npy --vnnlib p.vnnlib",
        "--ball 2",
        "--eps nan --center 1",
        "--quantity anchored",
        "--mean 1,2 --std 1",
        "--clip 1,0",
        "--require L=3",
        "--threads 0",
        "--gap 0.5",
    ] {
        let e = bound(flags).unwrap_err();
        assert!(e.exit_code() == 2 && !e.place.is_empty() && !e.next.is_empty(), "{flags}: {e}");
    }
}

#[test]
fn lists_parse_as_what_they_claim() {
    for command in [&["methods"][..], &["devices"], &["inspect", DIGITS]] {
        let json = clarke(&[command, &["--format", "json"]].concat());
        let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert!(value["schema"].as_str().unwrap().starts_with("clarke."));
        assert!(text(&clarke(&[command, &["--format", "csv"]].concat()).stdout).contains(','));
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell", "nushell"] {
        let script = text(&clarke(&["completions", shell]).stdout);
        let values = !["elvish", "powershell"].contains(&shell);
        assert!(script.contains("vnnlib") && script.contains("jacobian-linear") == values, "{shell}");
    }
    // `bound` is offered what it takes, `methods` every name.
    let script = text(&clarke(&["completions", "bash"]).stdout);
    let offered: Vec<&str> = script.lines().filter(|l| l.contains("auto exact jacobian-interval")).collect();
    for row in clarke::METHODS.iter().filter(|r| !r.name.contains(' ')) {
        let layer = row.scope == clarke::method::row::Scope::Layer;
        let count = offered.iter().filter(|l| l.split([' ', '"']).any(|w| w == row.name)).count();
        assert_eq!(count < offered.len(), layer, "{}: {offered:?}", row.name);
    }
    for name in ["bound", "certify", "batch", "sweep", "man"] {
        let page = text(&clarke(&["man", name]).stdout);
        assert!(page.contains(&format!(".TH clarke-{name} 1")) && page.contains("EXIT STATUS"), "{page}");
    }
    assert_eq!(clarke(&["man", "bounds"]).status.code(), Some(2));
    let page = text(&clarke(&["man"]).stdout);
    assert!(page.contains("expect\\-tolerance"));
    assert!(page.starts_with(".ie") && page.contains("\\-\\-vnnlib") && !page.contains("(1)"));
    for section in ["\"EXIT STATUS\"", "\"ENVIRONMENT\"", "\"FILES\"", "EXAMPLES"] {
        assert!(page.contains(&format!(".SH {section}\n")), "{section}");
    }
    assert!(page.contains("CLARKE_SOFTWARE_GPU") && !page.contains("EXTRA"));
}

#[test]
fn layers_show_every_method() {
    let found = json(&clarke(&["layers", DIGITS, "--format", "json"]));
    let told = text(&clarke(&["layers", DIGITS]).stdout);
    let header = told.lines().nth(2).unwrap();
    let lines = text(&clarke(&["layers", DIGITS, "--format", "csv"]).stdout);
    let columns: Vec<&str> = lines.lines().next().unwrap().split(',').collect();
    for (layer, line) in found["layers"].as_array().unwrap().iter().zip(lines.lines().skip(1)) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), columns.len());
        let methods = layer["methods"].as_object().unwrap();
        assert!(methods.len() > 3);
        for (name, value) in methods {
            let sign = if name.ends_with(" (lower)") { "≥" } else { "≤" };
            let column = format!("{sign} {}", name.trim_end_matches(" (lower)"));
            assert!(header.contains(&column), "{column} is missing in {header}");
            let at = columns.iter().position(|c| c == name).unwrap();
            let (written, value): (f64, f64) = (cells[at].parse().unwrap(), value.as_f64().unwrap());
            assert_eq!(written, value);
        }
    }
    // The best of both ends is marked in every row.
    for row in told.lines().skip(3) {
        assert!(row.matches('*').count() >= 2, "{row}");
    }
}

const BOUND: [&str; 6] = ["bound", DIGITS, "--input", "tests/data/digits.npy#0", "--eps", "0.02"];

fn json(ran: &Ran) -> serde_json::Value {
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&ran.stderr)))
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_cannot_be_written_costs_no_result() {
    // A device that is always full takes the place of a full disk.
    let folder = std::env::temp_dir().join(format!("clarke-full-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let full = folder.join("full.svg");
    std::os::unix::fs::symlink("/dev/full", &full).unwrap();
    let (full, csv) = (full.to_str().unwrap(), folder.join("a.csv"));
    for flag in ["--plot", "--certificate", "--out"] {
        let ran = clarke(&[&BOUND[..], &["--format", "json", flag, full]].concat());
        assert_eq!(ran.status.code(), Some(4), "{flag}");
        assert!(json(&ran)["upper"]["value"].as_f64().unwrap() >= 123.0);
        let err = text(&ran.stderr);
        assert!(err.contains(flag) && err.lines().count() == 3, "{err}");
        assert!(json(&ran)["certificate"].is_null(), "{flag}: none was written");
    }
    // One that fails keeps no other from being written.
    let ran = clarke(&[&BOUND[..], &["--certificate", full, "--plot", csv.to_str().unwrap()]].concat());
    assert_eq!(ran.status.code(), Some(4));
    assert!(std::fs::read_to_string(csv).unwrap().lines().count() > 1);
    assert!(!text(&ran.stdout).contains("certificate"), "{}", text(&ran.stdout));
    // Two that fail are both named.
    let ran = clarke(&[&BOUND[..], &["--certificate", full, "--out", "/dev/full"]].concat());
    let err = text(&ran.stderr);
    assert!(err.contains("--certificate") && err.contains("--out") && err.lines().count() == 6, "{err}");
    let kept = folder.join("kept");
    let ran = clarke(&[&BOUND[..], &["--certificate", kept.to_str().unwrap()]].concat());
    assert!(text(&ran.stdout).contains("certificate") && kept.is_file());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_centre_is_named_and_the_output_enclosed() {
    let found = json(&clarke(&[&BOUND[..], &["--format", "json"]].concat()));
    assert_eq!(found["centre"]["input"], "tests/data/digits.npy");
    assert_eq!(found["centre"]["row"], 0);
    assert_eq!(found["centre"]["sha256"].as_str().unwrap().len(), 64);
    let net = clarke::net::load(DIGITS.as_ref(), &clarke::net::Options::default()).unwrap();
    let x = clarke::data::load_input("tests/data/digits.npy#0", &[64], clarke::data::Scale::Unit).unwrap();
    let y = net.evaluate(&x.nearest());
    let ends = |end: &str| -> Vec<f64> {
        found["output"][end].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    };
    let (lower, upper) = (ends("lower"), ends("upper"));
    for k in 0..10 {
        assert!(lower[k] <= upper[k] && upper[k] - lower[k] <= 1e-12 * upper[k].abs());
        assert!((y[k] - lower[k]).abs() < 1e-9, "{k}");
    }
    let class = found["output"]["class"].as_u64().unwrap() as usize;
    let other = (0..10).filter(|k| *k != class).map(|k| y[k]).fold(f64::NEG_INFINITY, f64::max);
    let margin = found["output"]["margin"].as_f64().unwrap();
    assert!(margin > 0.0 && (y[class] - other - margin).abs() < 1e-9);
    let told = text(&clarke(&BOUND).stdout);
    assert!(told.contains(&format!("class {class}, ahead by ")), "{told}");
    let flat = json(&clarke(&["bound", DIGITS, "--time", "0", "--format", "json"]));
    assert!(flat["centre"].is_null() && flat["output"].is_null());
}

#[test]
fn the_cpu_is_what_small_work_gets() {
    for device in ["cpu", "auto"] {
        let found = json(&clarke(&[&BOUND[..], &["--device", device, "--format", "json"]].concat()));
        assert_eq!(found["device"]["backend"], "cpu");
        assert_eq!(found["peak_bytes"]["device"], 0);
        assert!(found["rounding_share"].as_f64().is_some_and(|s| s < 1e-6), "{}", found["rounding_share"]);
    }
    for absent in [&["--device", "gpu:99"][..], &["--device", "cpu", "--precision", "f32"]] {
        let ran = clarke(&[&BOUND[..], absent].concat());
        assert_eq!(ran.status.code(), Some(if absent.len() == 2 { 4 } else { 2 }), "{absent:?}");
        assert_eq!(text(&ran.stderr).lines().count(), 3, "{}", text(&ran.stderr));
    }
    // Drivers that look for a desktop say nothing where there is none.
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_clarke"));
    let ran = command.arg("devices").env_remove("XDG_RUNTIME_DIR").output().unwrap();
    assert!(!text(&ran.stderr).contains("XDG_RUNTIME_DIR"), "{}", text(&ran.stderr));
}

/// The loader's own account of what a process opens.
#[cfg(all(feature = "gpu", target_os = "linux"))]
fn opens_vulkan(device: &str) -> bool {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_clarke"));
    let ran = command.args(BOUND).args(["--device", device]).env("LD_DEBUG", "files").output().unwrap();
    text(&ran.stderr).contains("libvulkan")
}

#[test]
#[cfg(all(feature = "gpu", target_os = "linux"))]
fn a_gpu_says_what_its_result_rests_on() {
    assert!(!opens_vulkan("cpu") && !opens_vulkan("auto"));
    if clarke::backend::gpu::list().is_empty() {
        let required = std::env::var("CLARKE_REQUIRE_ALL").is_ok_and(|v| v == "1");
        assert!(!required, "there is no adapter");
        return;
    }
    assert!(opens_vulkan("gpu:0"));
    // The share of rounding is measured where that costs a small part of the time: not on a busy machine.
    let on =
        |more: &[&str]| json(&clarke(&[&BOUND[..], more, &["--time", "1200", "--format", "json"]].concat()));
    let cpu = on(&["--device", "cpu"]);
    for precision in ["f32", "f64"] {
        let found = on(&["--device", "gpu:0", "--precision", precision]);
        let number = |v: &serde_json::Value, end: &str| v[end]["value"].as_f64().unwrap();
        assert!(number(&found, "upper") >= number(&cpu, "lower"));
        assert!(number(&found, "upper") <= 1.01 * number(&cpu, "upper"));
        assert!(number(&found, "lower") <= number(&cpu, "upper"));
        assert_eq!(found["device"]["precision"], precision);
        assert_eq!(found["device"]["self_test"]["passed"], true);
        assert_ne!(found["device"]["backend"], "cpu");
        assert!(found["peak_bytes"]["device"].as_u64().unwrap() > 0);
        assert_eq!(found["assumptions"].as_array().unwrap().len(), 1);
        assert!(found["rounding_share"].as_f64().is_some_and(|s| (0.0..0.1).contains(&s)));
    }
    let norms = json(&clarke(&["layers", DIGITS, "--device", "gpu:0", "--format", "json"]));
    let methods = &norms["layers"][0]["methods"];
    assert!(methods["gram-stack"].as_f64() >= methods["lanczos (lower)"].as_f64());
    assert!(methods["power (lower)"].as_f64() <= methods["gram"].as_f64());
}

/// What a claim costs a script to find out: proved 0, refuted 1, undecided 5.
#[test]
fn claims_have_codes_of_their_own() {
    let row7 = ["bound", DIGITS, "--input", "tests/data/digits.npy#7", "--eps", "0.02", "--format", "json"];
    for (claim, more, code, answer) in [
        ("L<=15", &[][..], 1, "refuted"),
        ("L>=15", &[], 0, "proved"),
        ("L<1000", &[], 0, "proved"),
        ("L>1000", &["--time", "0"], 1, "refuted"),
        ("L<=200", &["--method", "product"], 5, "undecided"),
    ] {
        let ran = clarke(&[&row7[..], more, &["--require", claim]].concat());
        let found = json(&ran);
        assert_eq!(
            (ran.status.code(), found["require"]["answer"].as_str()),
            (Some(code), Some(answer)),
            "{claim}"
        );
    }
    // The first lower bound refutes it: nothing else runs.
    let found = json(&clarke(&[&row7[..], &["--require", "L<=15"]].concat()));
    assert_eq!((&found["upper"]["value"], &found["lower"]["method"]), (&"inf".into(), &"centre".into()));
    assert_eq!(found["quality"]["word"], "decided");
}

#[test]
fn methods_that_give_nothing_say_so() {
    let named = |flags: &[&str]| clarke(&[&BOUND[..], flags].concat());
    let found = json(&named(&["--method", "ascent", "--format", "json"]));
    assert!(found["warnings"][0]["code"] == "lower-only", "{}", found["warnings"]);
    let found = json(&clarke(&["bound", DIGITS, "--method", "jacobian-interval", "--format", "json"]));
    assert!(
        found["upper"]["method"] == "jacobian-interval" || found["warnings"][0]["code"] == "method-silent"
    );
    let point = ["bound", DIGITS, "--input", "tests/data/digits.npy#0", "--eps", "0", "--method", "pattern"];
    let shown = text(&clarke(&point).stdout);
    assert!(shown.contains("single point"), "{shown}");
    for (name, word) in [
        ("gram", "clarke layers"),
        ("crown", "jacobian-linear"),
        ("jacobian", "jacobian-interval, jacobian-linear, jacobian-ibp"),
        ("lipspd", "lipsdp"),
        ("naive", "product"),
    ] {
        let ran = named(&["--method", name]);
        assert!(ran.status.code() == Some(2) && text(&ran.stderr).contains(word), "{}", text(&ran.stderr));
    }
    let ran = named(&["--norm", "2", "--in-norm", "inf", "--time", "0", "--format", "json"]);
    assert_eq!(json(&ran)["warnings"][0]["code"], "norm-overruled");
}
