//! Which of a hundred samples keep their class within a radius, from one placed network and one analysis of
//! all regions: `cargo run --release --example margins`.

use clarke::{Device, Model, Norm, Options, Region, Scale, Written, load_rows};

const RADIUS: &str = "0.01";

pub fn main() -> clarke::Result<()> {
    let model = Model::open("tests/data/digits.onnx")?;
    let rows = load_rows("tests/data/digits.npy", model.input_shape(), Scale::Unit)?;
    let radius = Written::parse(RADIUS).expect("a number");
    let samples: Vec<Vec<Written>> =
        (0..rows.len().min(100)).map(|i| rows.get(i)).collect::<Result<_, _>>()?;
    let outputs: Vec<_> = samples.iter().map(|x| model.output(x)).collect();
    let classes: Vec<usize> = outputs.iter().map(|y| y.class().unwrap_or(0)).collect();
    let ball = |x: &Vec<Written>| Region::ball_of(x.clone(), radius.clone(), Norm::Inf, None);
    let regions = samples.iter().map(ball).collect::<Result<Vec<_>, _>>()?;

    let placed = model.on(Device::auto())?;
    let here = placed.at_all(regions)?;
    let margins = here.margins(&classes, Norm::Inf, &Options::default().passes())?;
    let mut certified = 0;
    for (y, pairs) in outputs.iter().zip(&margins) {
        // A class stays ahead where its lead is larger than the radius times how steep the lead is.
        let leads = y.class().map(|class| y.leads(class)).unwrap_or_default();
        let holds = |(lead, pair): (&f64, &clarke::Answer)| *lead > pair.reach(&radius);
        certified += (!leads.is_empty() && leads.iter().zip(pairs).all(holds)) as usize;
    }
    println!("{certified} of {} samples keep their class within {RADIUS}", samples.len());
    assert!(certified > 0);
    Ok(())
}
