//! `clarke certify`: rows, journals that go on, and what they refuse.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const NET: &str = "tests/data/digits.onnx";
const INPUTS: &str = "tests/data/digits.npy";
const LABELS: &str = "tests/data/digits_labels.npy";

/// A folder of its own for every test.
fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("jobs").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder");
    path
}

fn clarke(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_clarke")).args(words).output().expect("the binary starts")
}

fn certify(out: &Path, more: &[&str]) -> Output {
    let out = out.display().to_string();
    let words = ["certify", NET, "--inputs", INPUTS, "--labels", LABELS, "--device", "cpu", "-o", &out];
    clarke(&[&words, more].concat())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Header and rows.
fn lines(path: &Path) -> (serde_json::Value, Vec<serde_json::Value>) {
    let all = fs::read_to_string(path).expect("a journal");
    let mut lines = all.lines().map(|l| serde_json::from_str(l).expect("JSON"));
    (lines.next().expect("a header"), lines.collect())
}

/// Without what differs from run to run.
fn settled(mut rows: Vec<serde_json::Value>) -> Vec<serde_json::Value> {
    rows.iter_mut().for_each(|r| r["seconds"] = 0.into());
    rows.sort_by_key(|r| r["row"].as_u64());
    rows
}

#[test]
fn radii_agree_with_yes_or_no() {
    let at = folder("radii");
    let (radii, yes) = (at.join("radii.jsonl"), at.join("yes.jsonl"));
    let ran = certify(&radii, &["--rows", "0..20", "--radius", "--time", "0", "--clip", "0,1"]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    let (header, rows) = lines(&radii);
    assert_eq!(header["schema"], "clarke.certify/1");
    assert_eq!(rows.len(), 20);
    certify(&yes, &["--rows", "0..20", "--eps", "0.02", "--time", "2s", "--clip", "0,1"]);
    for (radius, yes) in rows.iter().zip(settled(lines(&yes).1)) {
        assert_eq!(radius["key"], yes["key"]);
        if radius["correct"] == false {
            assert_eq!((&yes["verified"], &yes["status"]), (&false.into(), &"misclassified".into()));
            continue;
        }
        let r = radius["radius"].as_f64().expect("a radius");
        assert!(r > 0.0 && radius["margin"].as_f64().expect("a margin") > 0.0);
        // What is proven to this radius cannot be refuted at it.
        assert!(r < 0.02 || yes["verified"] != false, "{radius} {yes}");
        if yes["verified"] == true {
            assert_eq!(yes["radius"].as_f64(), Some(0.02), "{yes}");
        }
    }
}

#[test]
fn counterexamples_are_kept_and_hold() {
    let at = folder("refuted");
    let path = at.join("run.jsonl");
    certify(&path, &["--rows", "0..12", "--eps", "0.5", "--time", "0"]);
    let refuted: Vec<_> = lines(&path).1.into_iter().filter(|r| r["status"] == "refuted").collect();
    assert!(refuted.len() > 6, "{}", refuted.len());
    for row in refuted {
        let found = &row["counterexample"];
        let point = found["file"].as_str().expect("a file");
        // The class of the point itself, by another command.
        let ran = clarke(&["bound", NET, "--input", point, "--eps", "0", "--time", "0", "--format", "json"]);
        let json: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
        assert_ne!(json["output"]["class"], row["predicted"], "{row}");
        assert!(found["distance"].as_f64().expect("a distance") <= 0.5 + 1e-12);
    }
}

#[test]
fn a_journal_goes_on_where_it_ended() {
    let at = folder("resumed");
    let (whole, part) = (at.join("whole.jsonl"), at.join("part.jsonl"));
    let asked = ["--rows", "0..24", "--radius", "--time", "0"];
    assert_eq!(certify(&whole, &asked).status.code(), Some(0));
    let all = fs::read_to_string(&whole).expect("a journal");
    let lines_of: Vec<&str> = all.lines().collect();
    // A torn line at the end, after a header and some rows, or in the header itself.
    for cut in [lines_of[..9].join("\n") + "\n" + &lines_of[9][..20], lines_of[0][..30].into(), String::new()]
    {
        fs::write(&part, &cut).expect("a file");
        let ran = certify(&part, &asked);
        assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
        assert_eq!(settled(lines(&part).1), settled(lines(&whole).1));
    }
    // Once more: nothing to do, nothing lost.
    let before = fs::read_to_string(&part).expect("a journal");
    assert_eq!(certify(&part, &asked).status.code(), Some(0));
    assert_eq!(fs::read_to_string(&part).expect("a journal"), before);
    // Failed rows are tried again.
    let failed = before.replacen("\"error\":null", "\"error\":\"no memory\"", 1);
    fs::write(&part, failed).expect("a file");
    certify(&part, &asked);
    assert_eq!(lines(&part).1.len(), 25);
}

#[test]
fn other_settings_are_refused_with_the_difference() {
    let at = folder("settings");
    let path = at.join("run.jsonl");
    certify(&path, &["--rows", "0..4", "--eps", "0.01", "--time", "0"]);
    let before = fs::read_to_string(&path).expect("a journal");
    for (changed, name) in [
        (["--rows", "0..4", "--eps", "0.02", "--time", "0"], "settings.eps was \"0.01\" and is \"0.02\""),
        (["--rows", "0..5", "--eps", "0.01", "--time", "0"], "inputs.rows was [0,4] and is [0,5]"),
        (["--rows", "0..4", "--eps", "0.01", "--time", "1"], "settings.time was 0.0 and is 1.0"),
    ] {
        let ran = certify(&path, &changed);
        assert_eq!(ran.status.code(), Some(2));
        assert!(text(&ran.stderr).contains(name), "{}", text(&ran.stderr));
        assert_eq!(fs::read_to_string(&path).expect("a journal"), before);
    }
}

#[test]
fn a_damaged_line_is_named() {
    let at = folder("damaged");
    let path = at.join("run.jsonl");
    let asked = ["--rows", "0..6", "--eps", "0.01", "--time", "0"];
    certify(&path, &asked);
    let whole = fs::read_to_string(&path).expect("a journal");
    let mut lines: Vec<String> = whole.lines().map(String::from).collect();
    lines[3].truncate(25);
    let damaged = lines.join("\n") + "\n";
    fs::write(&path, &damaged).expect("a file");
    let ran = certify(&path, &asked);
    assert_eq!(ran.status.code(), Some(2));
    assert!(text(&ran.stderr).contains("line 4 of the journal is damaged"), "{}", text(&ran.stderr));
    assert_eq!(fs::read_to_string(&path).expect("a journal"), damaged);
    // As the message says: without that line its sample is computed again.
    lines.remove(3);
    fs::write(&path, lines.join("\n") + "\n").expect("a file");
    assert_eq!(certify(&path, &asked).status.code(), Some(0));
    assert_eq!(settled(self::lines(&path).1).len(), 6);
}

#[test]
fn two_runs_on_one_journal_are_refused() {
    let at = folder("locked");
    let path = at.join("run.jsonl");
    let asked = ["--rows", "0..4", "--eps", "0.01", "--time", "0"];
    certify(&path, &asked);
    let held = fs::OpenOptions::new().read(true).write(true).open(&path).expect("a journal");
    held.try_lock().expect("nobody else");
    let ran = certify(&path, &asked);
    assert_eq!(ran.status.code(), Some(4), "{}", text(&ran.stderr));
    assert!(text(&ran.stderr).contains("another run is writing"), "{}", text(&ran.stderr));
}

#[test]
fn mistakes_are_named() {
    let at = folder("mistakes");
    let out = at.join("run.jsonl");
    for (more, words) in [
        (vec!["--rows", "5..5", "--radius"], "5..5"),
        (vec!["--rows", "0..999999", "--radius"], "rows 0..999999 are asked for"),
        (vec!["--shard", "5/4", "--radius"], "no part of a whole"),
        (vec!["--radius", "--eps", "0.1"], "cannot be used with"),
        (vec![], "required"),
        (vec!["--eps", "-1"], "is negative"),
    ] {
        let ran = certify(&out, &more);
        assert_eq!(ran.status.code(), Some(2), "{more:?}");
        assert!(text(&ran.stderr).contains(words), "{more:?}: {}", text(&ran.stderr));
        assert!(!out.exists() || fs::metadata(&out).expect("a file").len() == 0, "{more:?}");
    }
    let labels = at.join("labels.csv");
    fs::write(&labels, "1\n2\n").expect("a file");
    let labels = labels.display().to_string();
    let ran = clarke(&["certify", NET, "--inputs", INPUTS, "--labels", &labels, "--radius"]);
    assert!(text(&ran.stderr).contains("samples and 2 labels"), "{}", text(&ran.stderr));
}

#[test]
fn radii_of_parts_are_those_of_the_whole() {
    let at = folder("parts");
    let asked = ["--rows", "0..70", "--radius", "--norm", "2", "--time", "0"];
    let whole = at.join("whole.jsonl");
    certify(&whole, &asked);
    let mut rows = vec![];
    for k in 1..=3 {
        let part = at.join(format!("{k}.jsonl"));
        certify(&part, &[&asked[..], &["--shard", &format!("{k}/3")]].concat());
        rows.extend(lines(&part).1);
    }
    assert_eq!(settled(rows), settled(lines(&whole).1));
}

#[test]
fn parts_merged_are_the_whole() {
    let at = folder("shards");
    let asked = ["--rows", "0..22", "--eps", "0.05", "--time", "0"];
    let whole = at.join("whole.jsonl");
    certify(&whole, &asked);
    let parts: Vec<PathBuf> = (1..=4).map(|k| at.join(format!("{k}.jsonl"))).collect();
    for (k, part) in parts.iter().enumerate() {
        certify(part, &[&asked[..], &["--shard", &format!("{}/4", k + 1)]].concat());
    }
    let merged = at.join("all.jsonl");
    let merge = |parts: &[PathBuf]| {
        let out = merged.display().to_string();
        let names: Vec<String> = parts.iter().map(|p| p.display().to_string()).collect();
        let words: Vec<&str> = ["merge"].into_iter().chain(names.iter().map(String::as_str)).collect();
        clarke(&[&words[..], &["-o", &out]].concat())
    };
    assert_eq!(merge(&parts).status.code(), Some(0));
    let without_files = |rows: Vec<serde_json::Value>| {
        let mut rows = settled(rows);
        for row in rows.iter_mut().filter(|r| !r["counterexample"].is_null()) {
            row["counterexample"]["file"] = "".into();
        }
        rows
    };
    let unnamed = |mut header: serde_json::Value| {
        header.as_object_mut().expect("a header").remove("command");
        header
    };
    assert_eq!(unnamed(lines(&merged).0), unnamed(lines(&whole).0));
    assert_eq!(without_files(lines(&merged).1), without_files(lines(&whole).1));
    // The merged journal is one that the command goes on with.
    assert_eq!(certify(&merged, &asked).status.code(), Some(0));

    let gap = merge(&parts[..3]);
    assert_eq!(gap.status.code(), Some(2));
    assert!(text(&gap.stderr).contains("5 of 22 rows are missing: 3, 7, 11"), "{}", text(&gap.stderr));

    // A result that contradicts another one is a defect of the program, and is called one.
    let forged = fs::read_to_string(&parts[0]).expect("a journal").replacen(
        "\"verified\":true",
        "\"verified\":false",
        1,
    );
    let other = at.join("forged.jsonl");
    fs::write(&other, forged).expect("a file");
    let against = merge(&[&parts[..], &[other]].concat());
    assert_eq!(against.status.code(), Some(3), "{}", text(&against.stderr));
    // A part of another job is none of this one.
    let another = at.join("another.jsonl");
    certify(&another, &["--rows", "0..22", "--eps", "0.06", "--time", "0"]);
    assert_eq!(merge(&[&parts[..], &[another]].concat()).status.code(), Some(2));
}

#[test]
fn methods_side_by_side() {
    let at = folder("compare");
    let asked = ["--input", "tests/data/digits.npy#0", "--eps", "0.02", "--norm", "2", "--time", "2s"];
    let words = [&["compare", NET][..], &asked].concat();
    let ran = clarke(&[&words[..], &["--format", "json"]].concat());
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    let json: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    let rows = json["rows"].as_array().expect("rows");
    let ends = |name: &str| rows.iter().filter_map(|r| r[name].as_f64()).collect::<Vec<f64>>();
    let (upper, lower) = (ends("upper"), ends("lower"));
    assert!(upper.len() > 8 && upper.is_sorted() && lower.len() > 2);
    let best = lower.iter().fold(0.0f64, |m, v| m.max(*v));
    assert!(upper.iter().all(|u| *u >= best), "{upper:?} {best}");
    // The smallest is that of `auto`, up to what methods owe to each other's time.
    assert!(rows.iter().any(|r| r["method"] == "auto"));
    let named = clarke(&[&words[..], &["--methods", "product,scaled-gain", "--markdown"]].concat());
    let table = text(&named.stdout);
    assert_eq!(table.lines().filter(|l| l.starts_with("| ")).count(), 4, "{table}");
    let unknown = clarke(&[&words[..], &["--methods", "product,nonsense"]].concat());
    assert_eq!(unknown.status.code(), Some(2));
    drop(at);
}

#[test]
fn ends_against_the_radius() {
    let at = folder("sweep");
    let picture = at.join("sweep.svg");
    let out = picture.display().to_string();
    let input = "tests/data/digits.npy#0";
    let words = ["sweep", NET, "--input", input, "--eps", "0.001..0.1", "--points", "6", "--time", "1s"];
    let ran = clarke(&[&words[..], &["--plot", &out, "--format", "json"]].concat());
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    let json: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    let column = |name: &str| -> Vec<f64> {
        json["rows"].as_array().expect("rows").iter().map(|r| r[name].as_f64().expect("a number")).collect()
    };
    let (radius, upper, lower) = (column("radius"), column("upper"), column("lower"));
    assert_eq!((radius.len(), radius[0], radius[5]), (6, 0.001, 0.1));
    assert!(upper.is_sorted() && lower.is_sorted() && lower.iter().zip(&upper).all(|(l, u)| l <= u));
    let svg = fs::read_to_string(&picture).expect("a picture");
    assert!(svg.contains("radius (log scale)") && svg.ends_with("</svg>\n"));
    for range in ["0.1..0.01", "0.1", "0..1"] {
        let words = ["sweep", NET, "--input", input, "--eps", range];
        assert_eq!(clarke(&words).status.code(), Some(2), "{range}");
    }
}

#[test]
fn a_report_needs_nothing_else() {
    let at = folder("report");
    let (run, page) = (at.join("run.jsonl"), at.join("run.html"));
    certify(&run, &["--rows", "0..40", "--radius", "--time", "0", "--clip", "0,1"]);
    let (run, out) = (run.display().to_string(), page.display().to_string());
    assert_eq!(clarke(&["report", &run, "-o", &out]).status.code(), Some(0));
    let html = fs::read_to_string(&page).expect("a page");
    for part in
        ["<!doctype html>", "Certified accuracy", "Certified radii", "Margins and radii", "Slowest samples"]
    {
        assert!(html.contains(part), "{part}");
    }
    // No script, and nothing from anywhere.
    for foreign in ["<script", "http:", "https:", "url(", "@import", " src="] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    assert!(html.contains("prefers-color-scheme:dark") && html.contains("width=device-width"));
    // The command that it names begins the same journal again.
    assert!(html.contains("clarke certify tests/data/digits.onnx"), "{html}");
    // What is no journal is none, and hostile names stay text.
    let other = at.join("other.jsonl");
    fs::write(&other, "{\"a\":1}\n").expect("a file");
    assert_eq!(clarke(&["report", &other.display().to_string()]).status.code(), Some(2));
    let text_of =
        fs::read_to_string(&run).expect("a journal").replace("\"key\":\"3\"", "\"key\":\"<script>x\"");
    let hostile = at.join("hostile.jsonl");
    fs::write(&hostile, text_of).expect("a file");
    let ran = clarke(&["report", &hostile.display().to_string()]);
    assert!(text(&ran.stdout).contains("&lt;script&gt;x") && !text(&ran.stdout).contains("<script"));
}

#[test]
fn a_table_of_jobs() {
    let at = folder("batch");
    let (jobs, out) = (at.join("jobs.csv"), at.join("out.jsonl"));
    let net = Path::new(NET).canonicalize().expect("a network").display().to_string();
    let input = Path::new(INPUTS).canonicalize().expect("samples").display().to_string();
    let table = format!(
        "key,net,input,eps,in_norm,out_norm,output,quantity,clip,time\n\
         a,{net},{input}#0,0.01,inf,inf,all,,\"0,1\",1s\n\
         b,{net},{input}#1,2/255,2,2,3-5,anchored,,500ms\n\
         c,{net},,,2,2,,,,1s\n\
         d,{net},{input}#99999,0.01,,,,,,\n"
    );
    fs::write(&jobs, &table).expect("a file");
    let (jobs_name, name) = (jobs.display().to_string(), out.display().to_string());
    let ran = clarke(&["batch", &jobs_name, "-o", &name, "--device", "cpu", "--time", "2s"]);
    assert_eq!(ran.status.code(), Some(1), "{}", text(&ran.stderr));
    let (header, rows) = lines(&out);
    assert_eq!((header["schema"].as_str(), rows.len()), (Some("clarke.batch/1"), 4));
    let of = |key: &str| rows.iter().find(|r| r["key"] == key).expect("a row");
    for key in ["a", "b", "c"] {
        let end = |name: &str| of(key)[name]["value"].as_f64().expect("a number");
        assert!(0.0 < end("lower") && end("lower") <= end("upper"), "{key}");
    }
    assert_eq!(of("b")["quotient"]["quantity"], "anchored");
    assert_eq!(of("b")["region"]["radius_text"], "2/255");
    assert_eq!(of("c")["region"]["global"], true);
    assert!(of("d")["error"].as_str().expect("an error").contains("there is no row 99999"));
    // Once more: what failed is tried again, the rest is there.
    clarke(&["batch", &jobs_name, "-o", &name, "--device", "cpu", "--time", "2s"]);
    assert_eq!(lines(&out).1.len(), 5);
    // Mistakes are found before anything is begun.
    for (wrong, words) in [
        (table.replace("0.01", "x"), "job a"),
        (table.replace("key,net", "key,nett"), "no column"),
        (table.replace("\nb,", "\na,"), "twice"),
        (table.replace(",1s\n", "\n"), "cells"),
        (table.replace("anchored", "steep"), "no quantity"),
    ] {
        let path = at.join("wrong.csv");
        fs::write(&path, wrong).expect("a file");
        let ran = clarke(&["batch", &path.display().to_string(), "--time", "1s"]);
        assert_eq!(ran.status.code(), Some(2), "{words}");
        assert!(text(&ran.stderr).contains(words), "{words}: {}", text(&ran.stderr));
        assert!(ran.stdout.is_empty());
    }
}

/// A box of 64 inputs, and what may not happen there.
fn property(conditions: &str) -> String {
    let declare = |name: &str, count: usize| -> String {
        (0..count).map(|i| format!("(declare-const {name}_{i} Real)\n")).collect()
    };
    let ends: String =
        (0..64).map(|i| format!("(assert (>= X_{i} 0.4))\n(assert (<= X_{i} 0.41))\n")).collect();
    declare("X", 64) + &declare("Y", 10) + &ends + conditions
}

#[test]
fn properties_of_a_list() {
    let at = folder("properties");
    let net = Path::new(NET).canonicalize().expect("a network").display().to_string();
    for (name, conditions) in [
        ("never", "(assert (<= Y_0 -1000000))"),
        ("always", "(assert (or (<= Y_0 -1000000) (and (>= Y_1 -1000000) (<= Y_2 1000000))))"),
        ("nothing", ""),
        ("beyond", "(declare-const Y_10 Real)(assert (<= Y_10 0))"),
    ] {
        fs::write(at.join(name), property(conditions)).expect("a file");
    }
    let (jobs, out) = (at.join("instances.csv"), at.join("out.jsonl"));
    let list = ["never", "always", "nothing", "beyond"].map(|name| format!("{net},{name},2\n")).concat();
    fs::write(&jobs, list).expect("a file");
    let (jobs, name) = (jobs.display().to_string(), out.display().to_string());
    let ran = clarke(&["batch", &jobs, "-o", &name, "--device", "cpu"]);
    assert_eq!(ran.status.code(), Some(1), "{}", text(&ran.stderr));
    let rows = lines(&out).1;
    assert_eq!(rows[0]["property"]["verdict"], "holds");
    let violated = &rows[1]["property"];
    assert_eq!(violated["verdict"], "violated");
    assert!(violated["counterexample"]["values"].as_array().is_some_and(|y| y.len() == 10));
    let file = violated["counterexample"]["file"].as_str().expect("a file");
    assert!(fs::metadata(file).is_ok_and(|m| m.len() > 64 * 8));
    // Where nothing is said of outputs, how steep the network is.
    assert!(rows[2]["property"].is_null() && rows[2]["upper"]["value"].as_f64() > Some(0.0));
    assert!(rows[3]["error"].as_str().expect("an error").contains("11 outputs"));
    // In a table by name only.
    let table = at.join("table.csv");
    let ask = |rows: &str| {
        fs::write(&table, format!("net,vnnlib,quantity,time\n{rows}")).expect("a file");
        clarke(&["batch", &table.display().to_string(), "--device", "cpu"])
    };
    let ran = ask(&format!("{net},never,property,2s\n{net},never,,2s\n"));
    let said = text(&ran.stdout);
    assert!(ran.status.success() && said.contains("\"verdict\":\"holds\"") && said.contains("\"upper\""));
    let ran = ask(&format!("{net},,property,2s\n"));
    assert!(ran.status.code() == Some(2) && text(&ran.stderr).contains("column vnnlib"));
}

#[test]
fn journals_side_by_side() {
    let at = folder("diff");
    let (a, b, page) = (at.join("a.jsonl"), at.join("b.jsonl"), at.join("diff.html"));
    certify(&a, &["--rows", "0..20", "--radius", "--time", "0"]);
    certify(&b, &["--rows", "0..20", "--eps", "0.1", "--time", "0"]);
    let diff = |paths: [&Path; 2], more: &[&str]| {
        let names = paths.map(|p| p.display().to_string());
        clarke(&[&["diff", &names[0], &names[1]][..], more].concat())
    };
    let same = diff([&a, &a], &[]);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same.stderr));
    assert!(text(&same.stdout).contains("no row differs"), "{}", text(&same.stdout));
    let out = page.display().to_string();
    let ran = diff([&a, &b], &["-o", &out]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stdout));
    let html = fs::read_to_string(&page).expect("a page");
    assert!(html.contains("Rows decided") && html.contains("Rows that differ") && !html.contains("<script"));
    // A radius beyond a proven counterexample.
    let (_, rows) = lines(&b);
    let refuted = rows.iter().find(|r| !r["counterexample"].is_null()).expect("a refuted row");
    let row = format!("\"row\":{},", refuted["row"]);
    let forge = |line: &str| match line.contains(&row) {
        true => {
            let at = line.find("\"radius\":").expect("a radius") + 9;
            let end = at + line[at..].find(',').expect("an end");
            format!("{}9.5{}", &line[..at], &line[end..])
        }
        false => line.to_string(),
    };
    let forged: Vec<String> = fs::read_to_string(&a).expect("a journal").lines().map(forge).collect();
    let wrong = at.join("wrong.jsonl");
    fs::write(&wrong, forged.join("\n") + "\n").expect("a file");
    let ran = diff([&wrong, &b], &[]);
    assert_eq!(ran.status.code(), Some(3), "{}", text(&ran.stdout));
    assert!(text(&ran.stdout).contains("contradiction: row"), "{}", text(&ran.stdout));
}
