//! Damaged files and senseless flags through the real binary: three lines of error, the right
//! exit code, no panic, in bounded time and memory.

mod files;
pub mod runs;

use runs::{Case, DIGITS, INPUT, Scratch, all_refused, bad, machine};

/// A ball around the first digit, then these flags.
fn ball(word: &'static str, flags: &str) -> Case {
    bad(word, &format!("bound {DIGITS} --input {INPUT}#0 --eps 0.02 {flags}"))
}

/// The digits network with these flags.
fn digits(word: &'static str, flags: &str) -> Case {
    bad(word, &format!("bound {DIGITS} {flags}"))
}

#[test]
fn damaged_networks() {
    let scratch = Scratch::new("networks");
    let mut cases = vec![];
    for (name, bytes, word) in files::networks() {
        let path = scratch.file(name, &bytes);
        cases.push(bad(word, &format!("inspect {path}")));
        cases.push(bad(word, &format!("bound {path}")));
        cases.push(bad(word, &format!("layers {path}")));
    }
    for command in ["inspect", "bound", "layers"] {
        cases.push(bad("does not exist", &format!("{command} no-such-file.onnx")));
        cases.push(bad("irectory", &format!("{command} tests")));
        if cfg!(unix) {
            cases.push(bad("MiB", &format!("{command} /dev/zero")));
        }
        cases.push(bad("irectory", &format!("{command} {}", scratch.folder("net.onnx"))));
    }
    all_refused(cases);
}

#[test]
fn damaged_samples() {
    let scratch = Scratch::new("samples");
    let mut cases: Vec<Case> = files::samples()
        .into_iter()
        .map(|(name, fragment, bytes, word)| {
            let path = scratch.file(name, &bytes);
            digits(word, &format!("--input {path}{fragment} --eps 0.1"))
        })
        .collect();
    cases.extend([
        digits("does not exist", "--input no-such-file.npy --eps 0.1"),
        digits("irectory", "--input tests --eps 0.1"),
        digits("#ROW", &format!("--input {INPUT} --eps 0.1")),
        digits("row", &format!("--input {INPUT}#100 --eps 0.1")),
        digits("row", &format!("--input {INPUT}#99999999999999999999 --eps 0.1")),
        digits("row", &format!("--input {INPUT}#-1 --eps 0.1")),
        digits("row", &format!("--input {INPUT}#x --eps 0.1")),
        digits("row", &format!("--input {INPUT}# --eps 0.1")),
        digits("wants", "--input tests/data/digits_labels.npy#0 --eps 0.1"),
        digits("64", "--center 1,2,3 --eps 0.1"),
        digits("empty", "--center , --eps 0.1"),
        digits("number", "--center one --eps 0.1"),
        digits("finite", "--center 1,nan --eps 0.1"),
    ]);
    all_refused(cases);
}

#[test]
fn damaged_boxes() {
    let scratch = Scratch::new("boxes");
    let mut cases: Vec<Case> = files::boxes()
        .into_iter()
        .map(|(name, bytes, word)| digits(word, &format!("--box {}", scratch.file(name, &bytes))))
        .collect();
    cases.extend(files::properties().into_iter().map(|(name, text, word)| {
        digits(word, &format!("--vnnlib {}", scratch.file(name, text.as_bytes())))
    }));
    cases.extend([
        digits("does not exist", "--box no-such-file.npy"),
        digits("does not exist", "--vnnlib no-such-file.vnnlib"),
        digits("irectory", "--vnnlib tests"),
        digits("UTF-8", &format!("--vnnlib {INPUT}")),
    ]);
    all_refused(cases);
}

#[test]
fn senseless_regions() {
    let centre = &format!("--input {INPUT}#0");
    all_refused(vec![
        digits("negative", &format!("{centre} --eps -1")),
        digits("finite", &format!("{centre} --eps nan")),
        digits("finite", &format!("{centre} --eps inf")),
        digits("range of finite f64", &format!("{centre} --eps 1e400")),
        digits("finite", &format!("{centre} --eps big")),
        digits("centre", "--eps 0.1"),
        digits("each give a region", &format!("{centre} --eps 1 --box b.npy")),
        digits("each give a region", "--vnnlib p.vnnlib --box b.npy"),
        digits("both give a centre", &format!("{centre} --center 1 --eps 1")),
        digits("no region", centre),
        digits("radius", &format!("{centre} --ball 2")),
        digits("--ball", &format!("{centre} --eps 1 --ball 3")),
        ball("empty", "--clip 1,0"),
        ball("two numbers", "--clip 1"),
        ball("two numbers", "--clip nan,1"),
        ball("clip", "--clip 0.5,1"),
        ball("--quantity", "--quantity steepness"),
        digits("anchored", "--quantity anchored"),
    ]);
}

#[test]
fn senseless_quotients() {
    all_refused(vec![
        ball("inf, 2, 1", "--norm 3"),
        ball("inf, 2, 1", "--in-norm euclid"),
        ball("inf, 2, 1", "--out-norm 0.5"),
        ball("output", "--output 10"),
        ball("output", "--output 3-10"),
        ball("output", "--output 99999999999999999999"),
        ball("output", "--output 3-3"),
        ball("output", "--output 3-"),
        ball("output", "--output some"),
        ball("not positive", "--std 0"),
        ball("not positive", "--std 1,-1"),
        ball("means", "--mean 1,2 --std 1"),
        ball("--mean", "--mean 1,2,3"),
        ball("--std", "--std 1,2,3"),
        ball("number", "--mean one"),
        ball("number", "--mean inf"),
        ball("--scale", "--scale percent"),
        ball("--input-shape", "--input-shape 1,0"),
        ball("--input-shape", "--input-shape 1,65"),
        ball("--input-shape", "--input-shape 9223372036854775807,9223372036854775807"),
    ]);
}

#[test]
fn senseless_work() {
    all_refused(vec![
        ball("clarke methods", "--method magic"),
        ball("clarke methods", "--method gram"),
        ball("no device", "--device cuda"),
        ball("no device", "--device gpu:x"),
        ball("--precision", "--precision f16"),
        ball("--time", "--time -1s"),
        ball("--time", "--time soon"),
        ball("--time", "--time 1e300h"),
        ball("--memory", "--memory 8"),
        ball("--memory", "--memory -1GiB"),
        ball("--memory", "--memory 0GiB"),
        ball("--threads", "--threads 0"),
        ball("--threads", "--threads two"),
        ball("--gap", "--gap 0.5"),
        ball("--gap", "--gap nan"),
        ball("--splits", "--splits -1"),
        ball("--seed", "--seed pi"),
        ball("--require", "--require L=3"),
        ball("--require", "--require L<=nan"),
        ball("--require", "--require L<=-1"),
    ]);
}

#[test]
fn results_that_cannot_go_where_they_should() {
    let scratch = Scratch::new("results");
    let short = scratch.file("short.npy", &files::npy(&[3], &[0.0; 3]));
    let wrong = scratch.file("wrong.npy", &files::npy(&[10], &[0.0; 10]));
    all_refused(vec![
        ball("--format", "--format xml"),
        ball("--color", "--color red"),
        ball("at the centre", &format!("--expect {wrong}")),
        ball("10", &format!("--expect {short}")),
        ball("does not exist", "--expect no-such-file.npy"),
        ball("--unknown", "--unknown"),
        machine("no-such-folder", &format!("bound {DIGITS} --time 0 --out no-such-folder/x.json")),
        machine("tests", &format!("bound {DIGITS} --time 0 --out tests")),
        machine("--out", &format!("layers {DIGITS} --out no-such-folder/x.json")),
        machine("--out", &format!("inspect {DIGITS} --out no-such-folder/x.json")),
    ]);
}

#[test]
fn damaged_certificates() {
    let scratch = Scratch::new("certificates");
    let good = scratch.file("good.json", b"");
    let line = format!("bound {DIGITS} --input {INPUT}#0 --eps 0.001 --time 0 --certificate {good}");
    let ran = runs::run(&line.split_whitespace().map(String::from).collect::<Vec<_>>());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let text = std::fs::read_to_string(&good).expect("a certificate");
    let mut cases = vec![];
    let mut add = |name: &str, text: &str, part: &'static str| {
        let path = scratch.file(name, text.as_bytes());
        cases.push(bad(part, &format!("check {path}")));
    };
    add("empty", "", "damaged");
    add("brackets", &"[".repeat(100_000), "damaged");
    add("half", &text[..text.len() / 2], "damaged");
    add("schema", &text.replacen("certificate/2", "certificate/9", 1), "schema");
    add("field", &text.replacen("\"version\"", "\"verison\"", 1), "verison");
    add("net", &text.replacen("\"sha256\":\"", "\"sha256\":\"0", 1), "network is not the one");
    add("centre", &text.replacen("\"centre\":[", "\"centre\":[0.0,", 1), "65 coordinates");
    add("text", &text.replacen("\"centre\":[", "\"centre\":[\"1e9999\",", 1), "too large an exponent");
    add("radius", &text.replacen("\"radius\":\"", "\"radius\":\"-", 1), "the radius -0.001");
    add("kind", &text.replacen("\"kind\":\"ball\"", "\"kind\":\"cube\"", 1), "cube");
    add("implied", &text.replacen("\"centre\":[", "\"fixed\":[],\"centre\":[", 1), "fixed");
    add("norm", &text.replacen("\"in_norm\":\"inf\"", "\"in_norm\":\"7\"", 1), "norm");
    add("output", &text.replacen("\"output\":\"all\"", "\"output\":\"99\"", 1), "99");
    add("bits", &text.replacen("\"bits\":\"", "\"bits\":\"f", 1), "bits");
    cases.push(bad("does not exist", "check no-such-file.json"));
    cases.push(bad("irectory", "check tests"));
    cases.push(bad("network is not the one", &format!("check {good} --net tests/data/seeded/1.npz")));
    cases.push(machine(
        "no-such-folder",
        &format!("{} --quiet", line.replace(&good, "no-such-folder/c.json")),
    ));
    all_refused(cases);
}

/// Every flipped bit gives another network or an error, never a panic.
#[test]
fn flipped_bits() {
    let scratch = Scratch::new("bits");
    let bytes = std::fs::read(DIGITS).expect("the digits network");
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for k in 0..60 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let mut damaged = bytes.clone();
        // Half of the flips in the part that holds the structure.
        let span = if k % 2 == 0 { 400 } else { bytes.len() };
        let at = match state as usize % span {
            at if at < 200 => at,
            at => bytes.len() - span + at,
        };
        damaged[at] ^= 1 << (state >> 60 & 7);
        let path = scratch.file("flipped.onnx", &damaged);
        let ran = runs::run(&["bound", &path, "--time", "0"].map(String::from));
        let calm = ran.code == Some(0) || (ran.code == Some(2) && ran.has_three_lines());
        assert!(calm, "bit {at}: {ran:?}");
    }
}

/// Large but legal: an answer, even if it says little.
#[test]
fn extreme_but_legal() {
    let calm = |flags: &str| {
        let words: Vec<String> = format!("bound {DIGITS} --time 0 --input {INPUT}#0 {flags}")
            .split_whitespace()
            .map(String::from)
            .collect();
        let ran = runs::run(&words);
        assert_eq!(ran.code, Some(0), "{flags}: {ran:?}");
    };
    for flags in [
        "--eps 1e308",
        "--eps 1e-320",
        "--eps 0",
        "--eps 1e300 --ball 2 --norm 1",
        "--eps 1 --clip 0,1e308",
        "--eps 0.1 --mean 1e308",
        "--eps 0.1 --std 1e-300",
        "--eps 0.1 --std 1e300",
        "--eps 0.1 --threads 18446744073709551615",
        "--eps 0.1 --memory 1MiB",
        "--eps 0.1 --gap 1e308",
        "--eps 0.1 --seed 18446744073709551615",
    ] {
        calm(flags);
    }
}
