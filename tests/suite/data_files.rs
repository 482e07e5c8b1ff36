//! Data files: what is read is what was written; damaged and hostile files are errors that
//! say where, never panics and never large allocations.

use crate::common::written;
use clarke::data::{
    Array, Scale, Values, csv, gzip, idx, image, load_box, load_input, load_labels, load_rows, load_vnnlib,
    npy, npz, parse_center, vnnlib,
};
use clarke::num::decimal;
use std::io::Write;
use std::path::PathBuf;

fn f64s(shape: &[usize], values: &[f64]) -> Array {
    Array::new(shape.to_vec(), Values::F64(values.to_vec())).unwrap()
}

/// A file that is removed with the value.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("clarke-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Temporary(path)
    }

    fn spec(&self, rest: &str) -> String {
        format!("{}{rest}", self.0.display())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn png_of(width: u32, height: u32, color: png::ColorType, values: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(values).unwrap();
    out
}

/// An .npy file with a header of our own.
fn npy_of(header: &str, data: &[u8]) -> Vec<u8> {
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// Every prefix and many single-byte changes of a file must be read or refused in peace.
fn survive(bytes: &[u8], read: impl Fn(&[u8])) {
    for end in 0..bytes.len().min(600) {
        read(&bytes[..end]);
    }
    let mut changed = bytes.to_vec();
    for at in 0..bytes.len().min(400) {
        for value in [0, 1, 0x7f, 0xff, bytes[at] ^ 1, bytes[at].wrapping_add(1)] {
            changed[at] = value;
            read(&changed);
        }
        changed[at] = bytes[at];
    }
}

#[test]
fn npy_round_trips_every_kind() {
    let arrays = [
        f64s(&[2, 3], &[1.0, -0.0, 5e-324, f64::MAX, 0.1, f64::INFINITY]),
        f64s(&[], &[4.5]),
        f64s(&[0, 7], &[]),
        Array::new(vec![2], Values::I64(vec![i64::MIN, i64::MAX])).unwrap(),
        Array::new(vec![3, 1], Values::U8(vec![0, 128, 255])).unwrap(),
        Array::new(vec![2], Values::Bool(vec![true, false])).unwrap(),
        Array::new(vec![2], Values::Text(vec!["relu".into(), "größe:2".into()])).unwrap(),
    ];
    for array in &arrays {
        assert_eq!(&npy::parse(&npy::write(array)).unwrap(), array);
    }
    let named: Vec<_> = arrays.iter().enumerate().map(|(i, a)| (format!("a{i}"), a.clone())).collect();
    assert_eq!(npz::read(&npz::write(&named).unwrap()).unwrap(), named);
}

#[test]
fn npy_reads_other_orders_and_widths() {
    let header = |descr: &str, fortran: &str, shape: &str| {
        format!("{{'shape': {shape}, \"descr\": '{descr}', 'fortran_order': {fortran}}}   \n")
    };
    let read = |descr: &str, data: &[u8]| npy::parse(&npy_of(&header(descr, "False", "(2,)"), data)).unwrap();
    assert_eq!(read(">f4", &[0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0]), f64s(&[2], &[1.0, -2.0]));
    assert_eq!(read("<f2", &[0, 0x3c, 1, 0]), f64s(&[2], &[1.0, 2f64.powi(-24)]));
    assert_eq!(read(">i2", &[0xff, 0xfe, 1, 0]).values, Values::I64(vec![-2, 256]));
    assert_eq!(read("<u2", &[0xff, 0xff, 1, 0]).values, Values::I64(vec![65535, 1]));
    assert_eq!(read("|i1", &[0x80, 5]).values, Values::I64(vec![-128, 5]));
    assert_eq!(read("|S3", b"ab\0xyz").values, Values::Text(vec!["ab".into(), "xyz".into()]));
    assert_eq!(read(">U1", &[0, 0, 0, 65, 0, 0, 0, 0]).values, Values::Text(vec!["A".into(), "".into()]));
    let columns = npy::parse(&npy_of(&header("|u1", "True", "(2, 3L)"), &[1, 4, 2, 5, 3, 6])).unwrap();
    assert_eq!(columns.values, Values::U8(vec![1, 2, 3, 4, 5, 6]));
    let cube: Vec<u8> = (0..24).collect();
    let cube = npy::parse(&npy_of(&header("|u1", "True", "(2,3,4)"), &cube)).unwrap();
    let expected = (0..24u8).map(|k| (k / 12) + 2 * (k / 4 % 3) + 6 * (k % 4)).collect();
    assert_eq!(cube.values, Values::U8(expected));
}

#[test]
fn npy_refuses_what_it_cannot_mean() {
    let cases = [
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 99999999999), }", ""),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000,), }", ""),
        ("{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000,), }", ""),
        ("{'descr': '<U4611686018427387904', 'fortran_order': False, 'shape': (4,), }", ""),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "12345678"),
        ("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "12345678"),
        ("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", "12345678"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", "12345678"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", "1234567"),
        ("{'descr': '<f8', 'fortran_order': Maybe, 'shape': (1,), }", "12345678"),
        ("{'descr': '<u8', 'fortran_order': False, 'shape': (1,), }", "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\u{ff}"),
        ("{'descr': '<f8', 'shape': (1,), }", "12345678"),
        ("{", ""),
        ("", ""),
    ];
    for (header, data) in cases {
        assert!(npy::parse(&npy_of(header, data.as_bytes())).is_err(), "{header}");
    }
    let file = npy::write_f64(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    survive(&file, |bytes| drop(npy::parse(bytes)));
}

#[test]
fn npz_is_bounded_and_checked() {
    let file = npz::write(&[("x".into(), f64s(&[2], &[1.0, 2.0])), ("y".into(), f64s(&[], &[3.0]))]).unwrap();
    survive(&file, |bytes| drop(npz::read(bytes)));
    // A flipped bit in the data breaks the checksum.
    let mut damaged = file.clone();
    damaged[150] ^= 1;
    assert!(npz::read(&damaged).unwrap_err().to_string().contains("checksum"));
    assert!(npz::read(&[]).is_err() && npz::read(b"PK\x03\x04").is_err());
}

#[test]
fn gzip_is_bounded() {
    assert_eq!(&*gzip::unpack(&gzipped(b"hello")).unwrap(), b"hello");
    assert_eq!(&*gzip::unpack(b"plain").unwrap(), b"plain");
    let bomb = gzipped(&vec![0; (256 << 20) + 1]);
    assert!(gzip::unpack(&bomb).is_err());
    let file = gzipped(b"a few words");
    assert!(gzip::unpack(&file[..file.len() - 9]).is_err());
    survive(&file, |bytes| drop(gzip::unpack(bytes)));
}

#[test]
fn csv_tables() {
    let rows = |text: &str| {
        csv::parse(text).map(|a| (a.shape.clone(), a.to_f64().unwrap())).map_err(|e| e.to_string())
    };
    let expected = Ok((vec![2, 2], vec![1.0, -2.5, 3e2, 4.0]));
    assert_eq!(rows("1,-2.5\n3e2,4\n"), expected);
    assert_eq!(rows("\u{feff}a;b\r\n1; -2.5;\r\n\r\n3e2;4;"), expected);
    assert_eq!(rows("# numbers\n 1\t-2.5\n3e2   4"), expected);
    assert_eq!(rows("\"1\",\"-2.5\"\n300,4"), expected);
    assert!(rows("1,O.2\n3,4").unwrap_err().contains("line 1"));
    assert!(rows("1,2\n3").unwrap_err().contains("line 2"));
    assert!(rows("1,,2").is_err() && rows("").is_err() && rows("a,b\n").is_err());
}

#[test]
fn idx_files() {
    let images = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2][..], &[1, 2, 3, 4]].concat();
    let array = idx::parse(&images).unwrap();
    assert_eq!((array.shape.clone(), array.values), (vec![2, 1, 2], Values::U8(vec![1, 2, 3, 4])));
    let shorts = [0, 0, 0x0b, 1, 0, 0, 0, 1, 0xff, 0xff];
    assert_eq!(idx::parse(&shorts).unwrap().values, Values::I64(vec![-1]));
    assert!(idx::parse(&[0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255]).is_err());
    survive(&images, |bytes| drop(idx::parse(bytes)));
}

#[test]
fn pictures() {
    let rgb = png_of(2, 1, png::ColorType::Rgb, &[1, 2, 3, 4, 5, 6]);
    let picture = image::decode(&rgb).unwrap();
    assert_eq!((picture.width, picture.height, picture.channels), (2, 1, 3));
    assert_eq!(picture.values, [1, 2, 3, 4, 5, 6]);
    let opaque = png_of(1, 1, png::ColorType::Rgba, &[1, 2, 3, 255]);
    assert_eq!(image::decode(&opaque).unwrap().values, [1, 2, 3]);
    assert!(image::decode(&png_of(1, 1, png::ColorType::Rgba, &[1, 2, 3, 254])).is_err());
    survive(&rgb, |bytes| drop(image::decode(bytes)));
    survive(JPEG, |bytes| drop(image::decode(bytes)));
    let gray = image::decode(JPEG).unwrap();
    assert_eq!((gray.width, gray.height, gray.channels), (1, 1, 1));
}

#[test]
fn pictures_follow_the_network_and_are_never_changed() {
    let file = Temporary::new("rgb.png", &png_of(2, 1, png::ColorType::Rgb, &[1, 2, 3, 4, 5, 6]));
    let load = |shape: &[usize]| load_input(&file.spec(""), shape, Scale::Raw);
    assert_eq!(load(&[3, 1, 2]).unwrap().values, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    assert_eq!(load(&[1, 2, 3]).unwrap_err().what, "the image is RGB, the network wants 1 channel");
    assert_eq!(
        load(&[4, 4, 3]).unwrap_err().what,
        "image is 2×1, the network wants 4×4: crop or resize it first"
    );
    assert!(load(&[6]).is_err() && load(&[1, 1, 2]).is_err());
    let unit = load_input(&file.spec(""), &[3, 1, 2], Scale::Unit).unwrap();
    assert!(unit.eight_bit && unit.values[5] == written("6/255"));
    let gray = Temporary::new("gray.png", &png_of(2, 2, png::ColorType::Grayscale, &[0, 255, 3, 4]));
    for shape in [&[1, 2, 2][..], &[2, 2, 1], &[2, 2], &[4], &[1, 1, 1, 4]] {
        assert_eq!(
            load_input(&gray.spec("#0"), shape, Scale::Raw).unwrap().nearest(),
            [0.0, 255.0, 3.0, 4.0]
        );
    }
    assert!(load_input(&gray.spec(""), &[3, 2, 2], Scale::Raw).is_err());
    assert!(load_input(&gray.spec("#1"), &[4], Scale::Raw).is_err());
}

#[test]
fn inputs_by_row() {
    let table = f64s(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let file = Temporary::new("rows.npy", &npy::write(&table));
    let load = |rest: &str, shape: &[usize]| load_input(&file.spec(rest), shape, Scale::Unit);
    assert_eq!(load("#2", &[2]).unwrap().values, [5.0, 6.0]);
    assert_eq!(load("#2", &[1, 2]).unwrap().row, Some(2));
    assert_eq!(load("", &[3, 2]).unwrap().values.len(), 6);
    let none = load("", &[2]).unwrap_err();
    assert!(none.what.contains("3 rows") && none.next.contains("#ROW"), "{none}");
    let beyond = load("#3", &[2]).unwrap_err();
    assert!(beyond.what.contains("no row 3") && beyond.next.contains("#0 to #2"), "{beyond}");
    assert!(load("#x", &[2]).is_err() && load("#-1", &[2]).is_err() && load("#", &[2]).is_err());
    assert!(load("#0", &[2, 3]).unwrap_err().next.contains("transpose"));
    assert!(load("#0", &[7]).is_err());
    let rows = load_rows(&file.spec(""), &[2], Scale::Unit).unwrap();
    assert_eq!((rows.len(), rows.get(1).unwrap()), (3, ["3", "4"].map(written).to_vec()));
    assert!(rows.get(3).is_err());
    let one = load_rows(&file.spec("#1"), &[2], Scale::Unit).unwrap();
    assert_eq!((one.len(), one.get(0).unwrap()), (1, ["3", "4"].map(written).to_vec()));
    assert_eq!(load_input("no-such-file.npy#1", &[2], Scale::Unit).unwrap_err().place, "no-such-file.npy");
}

#[test]
fn eight_bit_arrays_are_scaled_and_others_are_not() {
    let bytes = Array::new(vec![2], Values::U8(vec![255, 51])).unwrap();
    let file = Temporary::new("bytes.npy", &npy::write(&bytes));
    let load = |scale| load_input(&file.spec(""), &[2], scale).unwrap().values;
    assert_eq!(
        (load(Scale::Unit), load(Scale::Raw)),
        (["1", "0.2"].map(written).to_vec(), ["255", "51"].map(written).to_vec())
    );
    let wide =
        Temporary::new("wide.npy", &npy::write(&Array { values: Values::I64(vec![255, 51]), ..bytes }));
    assert_eq!(load_input(&wide.spec(""), &[2], Scale::Unit).unwrap().nearest(), [255.0, 51.0]);
    let nan = Temporary::new("nan.npy", &npy::write(&f64s(&[2], &[0.0, f64::NAN])));
    assert!(load_input(&nan.spec(""), &[2], Scale::Unit).unwrap_err().what.contains("value 1"));
}

#[test]
fn inputs_of_archives_tables_and_idx() {
    let x = f64s(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let several = npz::write(&[("x".into(), x.clone()), ("z".into(), f64s(&[], &[0.0]))]).unwrap();
    let file = Temporary::new("several.npz", &several);
    assert_eq!(load_input(&file.spec("#x#1"), &[2], Scale::Unit).unwrap().nearest(), [3.0, 4.0]);
    assert!(load_input(&file.spec("#x"), &[2], Scale::Unit).unwrap_err().what.contains("2 rows"));
    assert!(load_input(&file.spec(""), &[2], Scale::Unit).unwrap_err().next.contains("x, z"));
    assert!(load_input(&file.spec("#q#0"), &[2], Scale::Unit).unwrap_err().what.contains("\"q\""));
    let single = Temporary::new("single.npz", &npz::write(&[("x".into(), x)]).unwrap());
    assert_eq!(load_input(&single.spec("#0"), &[2], Scale::Unit).unwrap().nearest(), [1.0, 2.0]);
    let table = Temporary::new("table.csv.gz", &gzipped(b"a,b\n1,2\n3,4\n"));
    assert_eq!(load_input(&table.spec("#1"), &[2], Scale::Unit).unwrap().nearest(), [3.0, 4.0]);
    assert!(load_input(&table.spec("#0"), &[1], Scale::Unit).unwrap_err().next.contains("labels"));
    let digits = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1][..], &[0, 255, 51, 0]].concat();
    let digits = Temporary::new("images-idx3-ubyte.gz", &gzipped(&digits));
    assert_eq!(
        load_input(&digits.spec("#1"), &[1, 2, 1], Scale::Unit).unwrap().values,
        ["1/5", "0"].map(written)
    );
    let labels = Temporary::new("labels-idx1-ubyte", &[0, 0, 8, 1, 0, 0, 0, 2, 7, 9]);
    assert_eq!(load_labels(&labels.spec(""), None).unwrap(), [7, 9]);
    let column = Temporary::new("labels.csv", b"label\n7\n9\n");
    assert_eq!(load_labels(&column.spec(""), None).unwrap(), [7, 9]);
    let unknown = Temporary::new("what.bin", b"what");
    assert!(load_input(&unknown.spec(""), &[1], Scale::Unit).unwrap_err().next.contains(".npy"));
}

#[test]
fn centres_and_boxes() {
    assert_eq!(parse_center(" 0.1, -2 ,3e-1,").unwrap(), ["0.1", "-2", "0.3"].map(written));
    assert_eq!(parse_center("8/255 1e400").unwrap_err().what, "\"1e400\" is beyond the range of finite f64");
    assert!(parse_center("0.1,x").is_err() && parse_center("").is_err() && parse_center("nan").is_err());
    let file = |name: &str, values: &[f64]| Temporary::new(name, &npy::write_f64(&[2, 2], values));
    let good = file("box.npy", &[0.0, 1.0, 0.5, 1.0]);
    let ends = load_box(&good.spec(""), 2).unwrap();
    assert_eq!(ends, (["0", "1"].map(written).to_vec(), ["0.5", "1"].map(written).to_vec()));
    assert!(load_box(&good.spec(""), 4).is_err());
    let empty = file("empty.npy", &[0.0, 1.0, 0.5, 0.9]);
    assert!(load_box(&empty.spec(""), 2).unwrap_err().what.contains("empty"));
    let nan = file("nanbox.npy", &[0.0, f64::NAN, 0.5, 0.9]);
    assert!(load_box(&nan.spec(""), 2).is_err());
}

#[test]
fn vnnlib_boxes_are_rounded_outward() {
    let text = "; a comment ) \n(declare-const X_0 Real)(declare-const X_1 Real)\n(declare-const X_2 Real)\
        (declare-const Y_0 Real)(declare-const Y_1 Real)\n(assert (<= X_0 0.1))(assert (>= X_0 -0.3))
        (assert (and (>= 0.5 X_1) (<= (- 0.25) X_1) (<= X_1 7)))
        (assert (>= X_2 0.10)) (assert (<= X_2 0.1))
        (assert (or (and (<= Y_0 Y_1)) (and (>= Y_1 3.5))))";
    let p = vnnlib::parse(text).unwrap();
    assert_eq!(p.lo, ["-0.3", "-0.25", "0.1"].map(written));
    assert_eq!(p.hi, ["0.1", "0.5", "1/10"].map(written));
    assert_eq!((p.outputs, p.output_constraints), (2, 2));
    let condition = |terms: &[(usize, f64)], at_most: &str| vnnlib::Condition {
        terms: terms.to_vec(),
        at_most: written(at_most),
    };
    let either = vec![vec![condition(&[(0, 1.0), (1, -1.0)], "0")], vec![condition(&[(1, -1.0)], "-3.5")]];
    assert_eq!(p.conditions.unwrap().any, either);
    assert_eq!(decimal::parse_up("-0.3"), Some(-0.3));
    survive(text.as_bytes(), |bytes| drop(std::str::from_utf8(bytes).map(vnnlib::parse)));
}

#[test]
fn vnnlib_conditions_are_alternatives_of_what_holds_together() {
    let declared = "(declare-const X_0 Real)(declare-const Y_0 Real)(declare-const Y_1 Real)\
        (assert (<= X_0 1))(assert (>= X_0 0))";
    let any = |rest: &str| vnnlib::parse(&format!("{declared}{rest}")).unwrap().conditions.map(|c| c.any);
    let sizes = |rest: &str| any(rest).unwrap().iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(""), [0]);
    assert_eq!(sizes("(assert (<= Y_0 1))(assert (<= Y_1 1))"), [2]);
    assert_eq!(sizes("(assert (or (<= Y_0 1) (and (<= Y_1 1) (<= Y_0 Y_1))))(assert (>= Y_0 -1))"), [2, 3]);
    // The same again says nothing more.
    assert_eq!(sizes("(assert (<= Y_0 1))(assert (<= Y_0 1))"), [1]);
    let twelve = "(assert (or (<= Y_0 1) (<= Y_1 1)))".repeat(13);
    assert!(any(&twelve).is_none(), "8 192 alternatives");
    assert!(any("(assert (<= 0.5 Y_0))").unwrap()[0][0].at_most == written("-0.5"));
    assert!(any("(assert (>= Y_0 (- 0.5)))").unwrap()[0][0].at_most == written("0.5"));
}

#[test]
fn vnnlib_refuses_what_is_no_box() {
    let declared = "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)\
        (assert (<= X_0 1))(assert (>= X_0 0))(assert (>= X_1 0))";
    let error = |rest: &str| vnnlib::parse(&format!("{declared}{rest}")).unwrap_err().to_string();
    assert!(error("").contains("X_1 has no upper bound"));
    assert!(error("(assert (<= X_1 -1))").contains("empty"));
    assert!(error("(assert (or (<= X_1 1) (<= X_1 2)))").contains("union"));
    assert!(error("(assert (<= X_1 X_0))").contains("compares"));
    assert!(error("(assert (<= X_1 1e999))").contains("range"));
    for rest in ["(assert (<= X_7 1))", "(assert (< X_1 1))", "(assert (<= Y_0 X_1))", "(", ")", "word", "()"]
    {
        assert!(!error(rest).contains("no upper bound"), "{rest}");
    }
    assert!(vnnlib::parse("(declare-const X_99999999999 Real)").is_err());
    assert!(vnnlib::parse(&"(".repeat(1_000_000)).is_err());
    assert!(vnnlib::parse("").is_err());
    let file = Temporary::new("p.vnnlib.gz", &gzipped(declared.as_bytes()));
    assert!(load_vnnlib(&file.spec(""), 2).unwrap_err().place.contains("p.vnnlib.gz"));
}

/// One gray pixel.
const JPEG: &[u8] = &[
    255, 216, 255, 224, 0, 16, 74, 70, 73, 70, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 255, 219, 0, 67, 0, 80, 55, 60,
    70, 60, 50, 80, 70, 65, 70, 90, 85, 80, 95, 120, 200, 130, 120, 110, 110, 120, 245, 175, 185, 145, 200,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 192, 0, 11, 8,
    0, 1, 0, 1, 1, 1, 17, 0, 255, 196, 0, 20, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 255, 196,
    0, 20, 16, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 218, 0, 8, 1, 1, 0, 0, 63, 0, 39, 255,
    217,
];
