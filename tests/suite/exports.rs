//! Files that real exporters wrote (`tests/data/make_exports.py`) against what onnxruntime computed
//! with them: every one is imported and agrees, or is refused under the name of what is in it.

use clarke::data::sha256;
use clarke::error::Kind;
use clarke::net::{Options, Source};
use serde_json::Value;
use std::path::PathBuf;

/// What cannot be imported, and a word of the reason.
const REFUSED: [(&str, &str); 8] = [
    ("torch-attention", "attention (torch.nn.MultiheadAttention"),
    ("torch-half-activations", "rounds computed values to float16"),
    ("torch-layer-norm", "LayerNorm (torch.nn.LayerNorm)"),
    ("torch-training", "model.eval()"),
    ("torch1-attention", "attention (torch.nn.MultiheadAttention"),
    ("torch1-gelu-tanh", "GELU's tanh approximation"),
    ("torch1-layer-norm", "LayerNorm (torch.nn.LayerNorm)"),
    ("torch1-training", "model.eval()"),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/exports")
}

/// The names of all exports and their records.
fn exports() -> Vec<(String, Value)> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder()).expect("the folder of exports") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "json") {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let record = serde_json::from_slice(&std::fs::read(&path).expect("a record")).expect("JSON");
            found.push((name, record));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn source(name: &str) -> Source {
    Source::read(&folder().join(format!("{name}.onnx"))).expect("a file")
}

#[test]
fn real_exports_agree_or_are_refused_by_name() {
    let (mut outputs, mut refused) = (0, 0);
    for (name, record) in exports() {
        let reason = REFUSED.iter().find(|(n, _)| *n == name).map(|(_, word)| *word);
        let all = record["outputs"].as_array().expect("outputs");
        let all = all.iter().map(|o| (o["name"].as_str().expect("a name"), numbers(&o["values"])));
        let all: Vec<(&str, Vec<f64>)> = all.collect();
        let first_float = all.iter().map(|o| o.0).find(|name| !name.contains("label"));
        for (output, wanted) in &all {
            let options =
                Options { keep_softmax: true, output: Some(output.to_string()), ..Options::default() };
            let imported = source(&name).import(&options);
            if reason.is_some() || output.contains("label") {
                let e = imported.expect_err(&name);
                assert_eq!(e.kind, Kind::Unsupported, "{name}: {e}");
                assert!(e.to_string().contains(reason.unwrap_or("jumps")), "{name}: {e}");
                refused += 1;
                continue;
            }
            let net = imported.unwrap_or_else(|e| panic!("{name}: {e}"));
            let y = net.evaluate(&numbers(&record["input"]));
            // One half of its units in the last place per operation, for float16.
            let accuracy = if name == "torch-half" { 2e-3 } else { 2e-6 };
            let scale = wanted.iter().fold(1.0f64, |m, v| m.max(v.abs()));
            assert_eq!(y.len(), wanted.len(), "{name}, {output}");
            for (a, b) in y.iter().zip(wanted) {
                assert!((a - b).abs() <= accuracy * scale, "{name}, {output}: {a} instead of {b}");
            }
            outputs += 1;
            if Some(*output) == first_float {
                let by_default = Options { keep_softmax: true, ..Options::default() };
                let net = source(&name).import(&by_default).expect("the same");
                assert_eq!(net.evaluate(&numbers(&record["input"])), y, "{name}: {output} is the default");
                let noted = net.warnings.iter().any(|w| w.code == "several-outputs");
                assert_eq!(
                    noted,
                    name.starts_with("skl-") && name != "skl-regressor" || all.len() > 1,
                    "{name}"
                );
            }
        }
    }
    assert!(outputs >= 20 && refused >= 11, "{outputs} outputs, {refused} refusals");
}

/// The digest names all files, as a shell can compute it, and the bytes read are those of the folder.
#[test]
fn digests_cover_the_weights() {
    let name = "torch-mlp";
    let mut from = source(name);
    let alone = from.file.sha256();
    assert_eq!(from.sha256(), alone, "before the import nothing else is known");
    from.import(&Options::default()).expect("a network");
    let data = std::fs::read(folder().join(format!("{name}.onnx.data"))).expect("weights");
    assert_eq!(from.external().len(), 1);
    assert_eq!(from.external()[0].bytes, data);
    assert_eq!(from.sha256(), sha256::hex(format!("{alone}\n{}\n", sha256::hex(&data)).as_bytes()));
    assert_eq!(from.size(), from.file.bytes.len() + data.len());
}

/// Without the second file nothing is guessed.
#[test]
fn missing_weights() {
    let from = source("torch-mlp");
    let e = Source::held(from.file.clone(), vec![]).import(&Options::default()).expect_err("no weights");
    assert!(e.what.contains("torch-mlp.onnx.data"), "{e}");
}

#[test]
fn outputs_have_names() {
    let options = Options { output: Some("logits".into()), ..Options::default() };
    let e = source("torch-two-outputs").import(&options).expect_err("no such output");
    assert!(e.place == "--output-name" || e.place.ends_with(", --output-name"), "{e}");
    assert!(e.next.contains("its outputs are: "), "{e}");
}
