//! Weights beside the model, as a hostile model would name them: no file outside of the model's
//! folder is opened, no range is believed, and little memory is taken.

use super::onnx_builder::{model, node};
use clarke::net::onnx::proto::*;
use clarke::net::{Net, Options, Source};
use prost::Message;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of its own, gone afterwards, with `model.onnx`'s data in `w.bin` and a secret next to it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("clarke-external-{}-{name}", std::process::id()));
        fs::create_dir_all(root.join("net/sub")).expect("a folder");
        fs::write(root.join("secret.bin"), weights(4)).expect("a file");
        fs::write(root.join("net/w.bin"), weights(4)).expect("a file");
        fs::write(root.join("net/sub/w.bin"), weights(4)).expect("a file");
        Place(root)
    }

    fn net(&self) -> PathBuf {
        self.0.join("net")
    }

    /// The model x ↦ W x with these entries for W's values.
    fn import(&self, dims: &[i64], entries: &[(&str, &str)]) -> clarke::Result<Net> {
        self.import_all(dims, &[entries])
    }

    /// The sum of several such products.
    fn import_all(&self, dims: &[i64], entries: &[&[(&str, &str)]]) -> clarke::Result<Net> {
        let path = self.net().join("model.onnx");
        fs::write(&path, bytes(dims, entries)).expect("a file");
        Source::read(&path)?.import(&Options::default())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn weights(count: usize) -> Vec<u8> {
    (0..count).flat_map(|k| (k as f32 + 1.0).to_le_bytes()).collect()
}

fn bytes(dims: &[i64], entries: &[&[(&str, &str)]]) -> Vec<u8> {
    let entry =
        |&(key, value): &(&str, &str)| StringStringEntryProto { key: key.into(), value: value.into() };
    let names: Vec<String> = (0..entries.len()).map(|k| format!("w{k}")).collect();
    let stored = names.iter().zip(entries).map(|(name, list)| TensorProto {
        name: name.clone(),
        dims: dims.to_vec(),
        data_type: data_type::FLOAT,
        data_location: 1,
        external_data: list.iter().map(entry).collect(),
        ..Default::default()
    });
    let outputs: Vec<String> = (0..names.len()).map(|k| format!("y{k}")).collect();
    let mut nodes: Vec<NodeProto> =
        names.iter().zip(&outputs).map(|(w, y)| node("MatMul", &["x", w], y, vec![])).collect();
    let parts: Vec<&str> = outputs.iter().map(|y| &y[..]).collect();
    nodes.push(node("Sum", &parts, "y", vec![]));
    model(13, &[1, dims[0]], nodes, stored.collect()).encode_to_vec()
}

fn refused(result: clarke::Result<Net>, part: &str) {
    match result {
        Ok(_) => panic!("was imported, expected an error about {part:?}"),
        Err(e) => {
            assert!(format!("{} {} {}", e.what, e.place, e.next).contains(part), "{part:?}: {e}");
            assert!(!e.next.is_empty(), "{e}");
        }
    }
}

#[test]
fn weights_are_read_from_the_folder() {
    let place = Place::new("plain");
    for entries in [
        &[("location", "w.bin")][..],
        &[("location", "./w.bin"), ("offset", "0"), ("length", "16")],
        &[("location", "sub/w.bin"), ("length", "16")],
        &[("location", "w.bin"), ("checksum", "8b9b6d2f6dcae1a3cd4bf4a57e2bcd39b30e1b90")],
    ] {
        let wrong_sum = entries.iter().any(|(key, _)| *key == "checksum");
        let result = place.import(&[2, 2], entries);
        match wrong_sum {
            true => refused(result, "checksum"),
            false => assert_eq!(result.expect("imports").evaluate(&[1.0, 10.0]), [31.0, 42.0]),
        }
    }
    let right = clarke::data::sha1::hex(&weights(4));
    let net = place.import(&[2, 2], &[("location", "w.bin"), ("checksum", &right)]).expect("imports");
    assert_eq!(net.evaluate(&[1.0, 0.0]), [1.0, 2.0]);
    let net = place.import(&[1, 2], &[("location", "w.bin"), ("offset", "8"), ("length", "8")]);
    assert_eq!(net.expect("imports").evaluate(&[1.0]), [3.0, 4.0]);
}

#[test]
fn no_way_leads_out_of_the_folder() {
    let place = Place::new("escape");
    let absolute = place.0.join("secret.bin");
    for location in [
        "../secret.bin",
        "sub/../../secret.bin",
        "./../secret.bin",
        "sub/../w.bin",
        absolute.to_str().expect("UTF-8"),
        "..",
        "",
        "/",
        "..\\secret.bin",
        "C:\\secret.bin",
        "w.bin\0",
    ] {
        refused(place.import(&[2, 2], &[("location", location)]), "below the model's folder");
    }
    refused(place.import(&[2, 2], &[("location", "sub")]), "no regular file");
    refused(place.import(&[2, 2], &[("location", ".")]), "no regular file");
    refused(place.import(&[2, 2], &[("location", "missing.bin")]), "does not exist");
    refused(place.import(&[2, 2], &[("location", &"x/".repeat(5000))]), "");
    refused(place.import(&[2, 2], &[]), "names no file");
}

#[cfg(unix)]
#[test]
fn links_and_devices() {
    use std::os::unix::fs::symlink;
    let place = Place::new("links");
    let net = place.net();
    symlink(place.0.join("secret.bin"), net.join("out.bin")).expect("a link");
    symlink("../secret.bin", net.join("up.bin")).expect("a link");
    symlink(&place.0, net.join("parent")).expect("a link");
    symlink("out.bin", net.join("twice.bin")).expect("a link");
    symlink("w.bin", net.join("in.bin")).expect("a link");
    symlink("/dev/zero", net.join("zero.bin")).expect("a link");
    symlink("loop.bin", net.join("loop.bin")).expect("a link");
    for location in ["out.bin", "up.bin", "parent/secret.bin", "twice.bin", "zero.bin"] {
        refused(place.import(&[2, 2], &[("location", location)]), "a link out of");
    }
    refused(place.import(&[2, 2], &[("location", "loop.bin")]), "cannot be read");
    assert!(place.import(&[2, 2], &[("location", "in.bin")]).is_ok());
    let pipe = std::process::Command::new("mkfifo").arg(net.join("pipe.bin")).status();
    if pipe.is_ok_and(|s| s.success()) {
        refused(place.import(&[2, 2], &[("location", "pipe.bin")]), "no regular file");
    }
    // A store of files where names are links, both into one folder: the model's real one.
    let store = place.0.join("store");
    let names = place.0.join("names");
    fs::create_dir_all(&store).and_then(|()| fs::create_dir_all(&names)).expect("folders");
    fs::write(store.join("1"), bytes(&[2, 2], &[&[("location", "model.onnx.data")]])).expect("a file");
    fs::write(store.join("2"), weights(4)).expect("a file");
    symlink(store.join("1"), names.join("model.onnx")).expect("a link");
    symlink(store.join("2"), names.join("model.onnx.data")).expect("a link");
    let read = |p: &Path| Source::read(p)?.import(&Options::default());
    assert_eq!(read(&names.join("model.onnx")).expect("imports").evaluate(&[1.0, 0.0]), [1.0, 2.0]);
    symlink(place.0.join("secret.bin"), names.join("other")).expect("a link");
    fs::write(store.join("1"), bytes(&[2, 2], &[&[("location", "other")]])).expect("a file");
    refused(read(&names.join("model.onnx")), "a link out of");
}

#[test]
fn ranges_are_not_believed() {
    let place = Place::new("ranges");
    let most = usize::MAX.to_string();
    for (offset, length) in
        [("0", "17"), ("16", "4"), ("17", "0"), ("4", &most[..]), (&most, "16"), (&most, &most), ("8", "16")]
    {
        let entries = [("location", "w.bin"), ("offset", offset), ("length", length)];
        refused(place.import(&[2, 2], &entries), "lie outside of");
    }
    refused(place.import(&[2, 2], &[("location", "w.bin"), ("offset", "1000")]), "lie outside of");
    for bad in ["-1", "x", "1e3", "0x10", "99999999999999999999999", ""] {
        refused(place.import(&[2, 2], &[("location", "w.bin"), ("offset", bad)]), "no number of bytes");
        refused(place.import(&[2, 2], &[("location", "w.bin"), ("length", bad)]), "no number of bytes");
    }
    // Too few and too many bytes for the shape.
    let eight = [("location", "w.bin"), ("length", "8")];
    assert!(place.import(&[2, 2], &eight).is_err_and(|e| e.what.contains("holds 2 values")));
    assert!(
        place.import(&[1, 2], &[("location", "w.bin")]).is_err_and(|e| e.what.contains("holds 4 values"))
    );
    let huge = place.import(&[1 << 15, 1 << 15], &[("location", "w.bin")]);
    assert!(huge.is_err_and(|e| e.what.contains("holds 4 values")));
    fs::write(place.net().join("w.bin"), &weights(4)[..15]).expect("a file");
    refused(
        place.import(&[2, 2], &[("location", "w.bin"), ("offset", "0"), ("length", "16")]),
        "lie outside of",
    );
    fs::write(place.net().join("w.bin"), []).expect("a file");
    assert!(place.import(&[2, 2], &[("location", "w.bin")]).is_err());
}

/// A range that many tensors name is not held many times.
#[test]
fn memory_follows_the_files() {
    let place = Place::new("memory");
    fs::write(place.net().join("w.bin"), vec![0u8; 1 << 20]).expect("a file");
    let one = [("location", "w.bin")];
    let twice: Vec<&[(&str, &str)]> = vec![&one; 2];
    assert!(place.import_all(&[1 << 9, 1 << 9], &twice).is_ok(), "weights may be shared");
    let many: Vec<&[(&str, &str)]> = vec![&one; 3000];
    refused(place.import_all(&[1 << 9, 1 << 9], &many), "more bytes than the files");
}

#[cfg(unix)]
#[test]
fn sparse_giants_are_not_read() {
    let place = Place::new("giant");
    let file = fs::File::create(place.net().join("w.bin")).expect("a file");
    if file.set_len(5 << 30).is_ok() {
        refused(place.import(&[2, 2], &[("location", "w.bin")]), "larger than is ever read");
    }
}

/// Attributes hold their values; pipes and bytes in memory have no folder.
#[test]
fn nowhere_to_look() {
    let held = bytes(&[2, 2], &[&[("location", "w.bin")]]);
    let e = clarke::net::onnx::load(&held, &Options::default()).expect_err("no folder");
    assert!(e.what.contains("\"w.bin\" beside the model") && e.next.contains("path"), "{e}");
    let entry = StringStringEntryProto { key: "location".into(), value: "w.bin".into() };
    let value = TensorProto {
        dims: vec![2],
        data_type: data_type::FLOAT,
        data_location: 1,
        external_data: vec![entry],
        ..Default::default()
    };
    let attribute = AttributeProto {
        name: "value".into(),
        t: Some(Box::new(value)),
        r#type: attribute_type::TENSOR,
        ..Default::default()
    };
    let nodes = vec![node("Constant", &[], "c", vec![attribute]), node("Add", &["x", "c"], "y", vec![])];
    let place = Place::new("attribute");
    let path = place.net().join("model.onnx");
    fs::write(&path, model(13, &[1, 2], nodes, vec![]).encode_to_vec()).expect("a file");
    let e = Source::read(&path).expect("a file").import(&Options::default()).expect_err("an attribute");
    assert!(e.what.contains("beside the model"), "{e}");
}

/// Every bit of such a model turned over: an error or a network that runs, and never another file.
#[test]
fn flipped_bits() {
    let place = Place::new("flips");
    let entries = [("location", "w.bin"), ("offset", "0"), ("length", "16")];
    let right = bytes(&[2, 2], &[&entries, &entries]);
    let path = place.net().join("model.onnx");
    let mut imported = 0;
    for bit in 0..8 * right.len() {
        let mut wrong = right.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &wrong).expect("a file");
        let mut source = Source::read(&path).expect("a file");
        if let Ok(net) = source.import(&Options::default()) {
            imported += 1;
            assert!(source.external().iter().all(|f| f.bytes == weights(4)), "bit {bit}");
            assert_eq!(net.evaluate(&vec![0.5; net.inputs()]).len(), net.outputs());
        }
    }
    assert!(imported > 20, "{imported} imported");
}
