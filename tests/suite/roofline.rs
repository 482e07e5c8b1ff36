//! The bounds of docs/src/reference/gpu.md on what product kernels can reach come from the kernels' own text.
//! `CLARKE_REWRITE=1 cargo test --test suite roofline` writes the table anew.

use crate::readme::replaced;
use clarke::backend::gpu::tile::{LOW, SLIM, Tile, WIDE};
use clarke::backend::gpu::{Real, kernel_texts};
use std::path::PathBuf;

/// Products and sums per clock of one unit (SM), and numbers of 32 bits that its shared memory gives: NVIDIA's since
/// Ampere, and AMD's pairs of compute units.
const PER_CLOCK: (f64, f64) = (128.0, 32.0);

/// A card by its data sheet: TFLOP/s in f32 and TB/s.
const CARDS: [(&str, f64, f64); 3] = [
    ("laptop (RTX 4060 Laptop)", 14.6, 0.256),
    ("workstation (RTX 4090)", 82.6, 1.008),
    ("data centre (H100 SXM)", 66.9, 3.35),
];

/// What the innermost loop of a kernel does: products and sums, reads of fours, and other operations.
struct Loop {
    sums: f64,
    reads: f64,
    rest: f64,
}

/// Counted in the text of the dense kernel.
fn counted(tile: Tile) -> Loop {
    let name = format!("dense, {}", tile.name());
    let (_, text) =
        kernel_texts(Real::F32).into_iter().find(|(n, _)| *n == name).expect("a kernel of that name");
    let start = text.find("for (var k = 0u; k < DEPTH;").expect("a loop over products");
    let body = &text[start..];
    // It ends where its steps' blocks do: each is closed, then the loop.
    let mut depth = 0;
    let end = body.char_indices().find_map(|(at, c)| {
        depth += (c == '{') as i32 - (c == '}') as i32;
        (c == '}' && depth == 0).then_some(at)
    });
    let body = &body[..end.expect("a closed loop")];
    let steps = body.matches("let row = ").count() as f64;
    let count = |word: &str| body.matches(word).count() as f64 / steps;
    let reads = ["= tile_c[", "= tile_r[", "= tile_w["].map(count).iter().sum::<f64>();
    // Magnitudes of weights, four at a time; of every read its place and the guard around it; the row's own place.
    let rest = 4.0 * count("= abs(") + 2.0 * reads + 2.0;
    Loop { sums: 4.0 * (count(" += p") + count(" += e")), reads, rest }
}

fn percent(x: f64) -> String {
    format!("{:.0} %", 100.0 * x.min(1.0))
}

fn table() -> String {
    let mut out = String::from(
        "| tile, outputs of an invocation | shared memory, f32 | sums per number read there | by shared memory | by \
         instructions | flop per byte |",
    );
    CARDS.iter().for_each(|(name, ..)| out += &format!(" {name} |"));
    out += "\n| --- | --- | --- | --- | --- | --- |";
    CARDS.iter().for_each(|_| out += " --- |");
    out.push('\n');
    for tile in WIDE.iter().chain(&SLIM).chain(&LOW) {
        let Loop { sums, reads, rest } = counted(*tile);
        let shared = (sums / PER_CLOCK.0) / (4.0 * reads / PER_CLOCK.1);
        let issued = sums / (sums + reads + rest);
        let flop = tile.traffic() / 4.0;
        out += &format!(
            "| {} | {:.1} KiB | {:.1} | {} | {} | {flop:.0} |",
            tile.name(),
            tile.shared(Real::F32) as f64 / 1024.0,
            sums / (4.0 * reads),
            percent(shared),
            percent(issued)
        );
        for (_, flops, bytes) in CARDS {
            out += &format!(" {} |", percent((flop * bytes / flops).min(shared).min(issued)));
        }
        out.push('\n');
    }
    out
}

#[test]
fn tables_are_those_of_the_kernels() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/src/reference/gpu.md");
    let text = std::fs::read_to_string(&path).expect("the page");
    let wanted = replaced(&text, "roofline", &table());
    if text == wanted {
        return;
    }
    if std::env::var_os("CLARKE_REWRITE").is_some() {
        return std::fs::write(path, wanted).expect("the page can be written");
    }
    panic!("the page is stale: run CLARKE_REWRITE=1 cargo test --test suite roofline");
}

/// The counts that tiles tell of themselves are those of the text.
#[test]
fn tiles_count_as_their_text() {
    for tile in WIDE.iter().chain(&SLIM).chain(&LOW) {
        let Loop { sums, reads, .. } = counted(*tile);
        assert_eq!(sums, (2 * tile.own_m * tile.own_j) as f64, "{}", tile.name());
        assert_eq!(sums / (4.0 * reads), tile.intensity(), "{}", tile.name());
        assert!(tile.lanes() <= 256 && tile.lanes() >= tile.depth, "{}", tile.name());
    }
}
