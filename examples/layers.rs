//! The norm of every linear layer, both ends proven: `cargo run --release --example layers`.

use clarke::{Model, Norm};

pub fn main() -> clarke::Result<()> {
    let model = Model::open("tests/data/digits.onnx")?;
    for layer in model.layer_norms(Norm::Two, Norm::Two) {
        println!("{}: {} ≤ ‖W‖ ≤ {}", layer.name, layer.lower, layer.upper);
    }
    Ok(())
}
