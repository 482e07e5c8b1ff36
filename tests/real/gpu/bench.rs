//! `clarke devices --bench` on the software driver: one file with everything, within its time; and what it keeps.

use libtest_mimic::Failed;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const LIMIT: f64 = 5.0;

fn clarke(cache: &Path, arguments: &[&str]) -> Result<Output, Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clarke"));
    Ok(command.args(arguments).env("CLARKE_CACHE", cache).output()?)
}

/// All that a reader of one file needs, and no more time than was given to each kind of numbers.
pub fn measured() -> Result<(), Failed> {
    let _one = super::alone();
    let cache = std::env::temp_dir().join(format!("clarke-tuned-{}", std::process::id()));
    let limit = format!("{LIMIT}s");
    let words = ["devices", "--bench", "--device", "gpu", "--time", &limit, "--format", "json"];
    let started = Instant::now();
    let output = clarke(&cache, &words)?;
    let taken = started.elapsed();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let found: Value = serde_json::from_slice(&output.stdout)?;
    let devices = found["devices"].as_array().ok_or("no list")?;
    // Peaks and copies are measured whatever the limit.
    let most = Duration::from_secs_f64(devices.len() as f64 * (1.1 * LIMIT + 6.0));
    if devices.is_empty() || taken > most {
        return Err(format!("{} kinds of numbers in {taken:?}", devices.len()).into());
    }
    for device in devices {
        let rows = device["rows"].as_array().ok_or("no rows")?;
        let sound = |row: &&Value| {
            let part = row["reached"].as_f64().unwrap_or(f64::NAN);
            row["seconds"].as_f64() > Some(0.0)
                && (0.0..2.0).contains(&part)
                && row["dispatches"].as_u64() > Some(0)
        };
        if rows.is_empty() || !rows.iter().all(|row| sound(&row)) || device["tiles"].is_null() {
            return Err(format!("{device:#}").into());
        }
    }
    kept(&cache, devices.len())
}

/// What was tuned is read again; a damaged file, one of another version or with tiles that nobody knows says nothing.
fn kept(cache: &Path, devices: usize) -> Result<(), Failed> {
    let path = cache.join("tuned.json");
    let text = std::fs::read_to_string(&path)?;
    let file: Value = serde_json::from_str(&text)?;
    if file["adapters"].as_array().map(Vec::len) != Some(devices) {
        return Err(text.into());
    }
    let words = ["bound", "tests/data/digits.onnx", "--input", "tests/data/digits.npy#0", "--eps", "0.02"];
    let words: Vec<&str> =
        words.into_iter().chain(["--device", "gpu:0", "--method", "jacobian-interval"]).collect();
    let tile = file["adapters"][0]["wide"].as_str().ok_or("no tile")?;
    let texts = [
        text.clone(),
        text.replace(tile, "7x7x7, 3x3"),
        text.replace("clarke.tuned/1", "clarke.tuned/9"),
        text.replace("\"busy\": ", "\"busy\": 99999999999999999999999"),
        text[..text.len() / 2].to_string(),
    ];
    for text in texts {
        std::fs::write(&path, &text)?;
        let output = clarke(cache, &words)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("{text}\n{said}").into());
        }
    }
    std::fs::remove_dir_all(cache)?;
    Ok(())
}
