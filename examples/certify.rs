//! A certificate written, read and checked again: `cargo run --release --example certify`.

use clarke::{Certificate, Device, Limits, Model, Norm, Options, Question, Region};
use std::time::Duration;

pub fn main() -> clarke::Result<()> {
    let model = Model::open("tests/data/digits.onnx")?;
    let region = Region::ball(&vec![0.5; model.inputs()], 0.02, Norm::Inf, None)?;
    let options = Options::default().time(Duration::from_secs(20));
    let mut pair = model.on(Device::cpu())?.at(region)?.bound(&Question::lipschitz(Norm::Inf), &options)?;
    let (certificate, why_not) = pair.certificate(&options).expect("the network came from a file");
    println!("L in [{}, {}]", pair.lower(), pair.upper());
    println!("{}", why_not.unwrap_or("every step can be derived again".into()));

    let text = certificate.to_text();
    let rules = Certificate::read(&text)?.check(&Limits::default())?;
    println!("{} bytes, {rules:?}", text.len());
    Ok(())
}
