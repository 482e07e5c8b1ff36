//! `clarke devices --bench` on the processor: a row for everything it had time for, in the forms it prints.

use std::process::{Command, Output};

fn devices(words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clarke"));
    command.arg("devices").args(words.split_whitespace()).output().expect("a program")
}

#[test]
fn the_processor_is_measured() {
    let ran = devices("--bench --device cpu --time 2s --threads 1 --format json");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let found: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    let cpu = &found["devices"][0];
    assert_eq!((cpu["precision"].as_str(), cpu["threads"].as_u64()), (Some("f64"), Some(1)));
    assert!(cpu["peak_flops"].as_f64() > Some(1e7) && cpu["bandwidth"].as_f64() > Some(1e7), "{cpu}");
    let rows = cpu["rows"].as_array().expect("rows");
    assert!(!rows.is_empty());
    for row in rows {
        let number = |name: &str| row[name].as_f64().unwrap_or(f64::NAN);
        let floor = (number("operations") / cpu["peak_flops"].as_f64().expect("a rate"))
            .max(number("bytes") / cpu["bandwidth"].as_f64().expect("a rate"));
        assert!((number("floor_seconds") / floor - 1.0).abs() < 1e-9, "{row}");
        assert!((number("reached") - floor / number("seconds")).abs() < 1e-9 * number("reached"), "{row}");
        assert_eq!(number("sent"), 0.0, "a processor has no bus: {row}");
    }
    // What there was no time for is named.
    let all = devices("--bench --device cpu --time 0 --format csv");
    let text = String::from_utf8_lossy(&all.stdout);
    assert!(text.lines().count() == 1 && text.starts_with("device,name,"), "{text}");
    let human = devices("--bench --device cpu --time 0");
    let text = String::from_utf8_lossy(&human.stdout);
    assert!(text.contains("not measured, for lack of time: VGG-16"), "{text}");
}

#[test]
fn flags_that_measure_ask_for_it() {
    for (words, code) in [
        ("--time 3s", 2),
        ("--threads 2", 2),
        ("--bench --time soon", 2),
        ("--bench --threads 0", 2),
        ("--device gpu:99", 4),
        ("--device cuda", 2),
    ] {
        let ran = devices(words);
        assert_eq!(ran.status.code(), Some(code), "{words}");
        assert_eq!(String::from_utf8_lossy(&ran.stderr).lines().count(), 3, "{words}");
    }
    assert!(devices("--device cpu").status.success());
}
