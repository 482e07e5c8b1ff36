//! On a GPU where one is at hand, else on the CPU: `cargo run --release --example gpu`.

use clarke::{Device, Model, Norm, Options, Question, Region};

pub fn main() -> clarke::Result<()> {
    let model = Model::open("tests/data/digits.onnx")?;
    let region = Region::ball(&vec![0.5; model.inputs()], 0.02, Norm::Inf, None)?;
    let device = Device::gpu(None);
    let placed = model.on(device).or_else(|e| {
        println!("{e}");
        model.on(Device::cpu())
    })?;
    let pair = placed.at(region)?.bound(&Question::lipschitz(Norm::Inf), &Options::default().passes())?;
    println!("{} ≤ L ≤ {} on {}", pair.lower(), pair.upper(), pair.device().name);
    pair.assumptions().iter().for_each(|a| println!("it assumes that {a}"));
    Ok(())
}
