//! A proven pair for one region: `cargo run --release --example bound`.

use clarke::{Device, Model, Norm, Options, Question, Region, Scale, Written, load_input};
use std::time::Duration;

pub fn main() -> clarke::Result<()> {
    let model = Model::open("tests/data/digits.onnx")?;
    let sample = load_input("tests/data/digits.npy#0", model.input_shape(), Scale::Unit)?.values;
    let exact = |text| Written::parse(text).expect("a number");
    let region = Region::ball_of(sample, exact("0.02"), Norm::Inf, Some([exact("0"), exact("1")]))?;

    let placed = model.on(Device::auto())?;
    let here = placed.at(region)?;
    let options = Options::default().time(Duration::from_secs(10));
    for norm in [Norm::Inf, Norm::Two] {
        let pair = here.bound(&Question::lipschitz(norm), &options)?;
        println!("{norm}: {} ≤ L ≤ {}, by {}", pair.lower(), pair.upper(), pair.upper_by());
    }
    Ok(())
}
