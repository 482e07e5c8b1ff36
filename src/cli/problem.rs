//! From arguments to a problem: files read, units applied, region built.

use super::args::{BoundArgs, Centre, RegionArg};
use super::hints;
use crate::certificate::file;
use crate::data::{LoadedInput, Scale as Bits, held_input, load_box, load_input, load_vnnlib};
use crate::engine::Model;
use crate::error::{Error, Kind, Result};
use crate::net::{Net, Op};
use crate::num::{Coefficient, Written};
use crate::problem::{Problem, Quantity, Question};
use crate::region::Region;
use crate::report::{CentreInfo, NetInfo, OutputInfo, QuestionInfo, RegionInfo, Units, WarningInfo};
use crate::sweep::values::values;

/// A problem and what a report says about it.
pub struct Loaded {
    pub problem: Problem,
    pub model: Model,
    pub net: NetInfo,
    pub centre: Option<CentreInfo>,
    pub at: Option<Vec<Written>>,
    pub output: Option<OutputInfo>,
    pub region: RegionInfo,
    pub units: Units,
    pub quotient: QuestionInfo,
    pub warnings: Vec<WarningInfo>,
}

/// The network, with what is applied to inputs first.
pub fn open(args: &BoundArgs) -> Result<Model> {
    let model = Model::import(&args.net, &args.import.options()).map_err(unsupported)?;
    model.normalised(args.mean.as_deref(), args.std.as_deref())
}

/// From the arguments to the problem: the network, the sample, the region, the question.
pub fn load(args: &BoundArgs) -> Result<Loaded> {
    of(args, open(args)?)
}

/// The same of a network that is open.
pub fn of(args: &BoundArgs, model: Model) -> Result<Loaded> {
    let path = args.net.display().to_string();
    let noted = model.net().warnings.iter();
    let noted = noted.map(|w| WarningInfo { code: w.code.into(), text: w.text.clone() });
    let mut warnings: Vec<WarningInfo> = args.notes.iter().cloned().chain(noted).collect();
    let shape = model.net().nodes[0].shape.clone();
    let net = model.net();
    let sample = sample(args, &shape, net)?;
    warnings.extend(hints::units(args, sample.values.as_deref(), sample.eight_bit));
    let output = sample.values.as_ref().map(|x| output(net, x));
    let (region, info) = region(args, net, sample.values.clone())?;
    let quotient = Question {
        in_norm: args.in_norm,
        out_norm: args.out_norm,
        output: args.output,
        quantity: args.quantity,
    };
    let info_net = net_info(net, path, model.source());
    let problem = Problem::new(net.clone(), region, quotient)?;
    Ok(Loaded {
        quotient: quotient_info(&problem),
        region: settled(info, &problem),
        problem,
        model,
        net: info_net,
        centre: sample.info,
        at: sample.values,
        output,
        units: units(args),
        warnings,
    })
}

/// The point that was named.
#[derive(Default)]
struct Sample {
    values: Option<Vec<Written>>,
    info: Option<CentreInfo>,
    eight_bit: bool,
}

fn read(spec: &str, loaded: LoadedInput) -> Sample {
    let info = Some(centre_info(spec, &loaded));
    Sample { eight_bit: loaded.eight_bit, values: Some(loaded.values), info }
}

fn nearest(list: &[Written]) -> Vec<f64> {
    list.iter().map(Written::nearest).collect()
}

fn sample(args: &BoundArgs, shape: &[usize], net: &Net) -> Result<Sample> {
    let sample = match &args.centre {
        None => Sample::default(),
        Some(Centre::Values(v)) => {
            Sample { values: Some(v.clone()), info: Some(CentreInfo::default()), eight_bit: false }
        }
        Some(Centre::Input(spec)) => read(spec, load_input(spec, shape, args.scale)?),
        Some(Centre::Held(bytes)) => read("array", held_input(bytes, shape, args.scale)?),
    };
    let Some(x) = &sample.values else { return Ok(sample) };
    if x.len() != net.inputs() {
        return Err(Error::input(format!(
            "the centre has {} values, the network {} inputs",
            x.len(),
            net.inputs()
        ))
        .at("--center")
        .next("give one value per input, in row-major order"));
    }
    if let Some(spec) = &args.expect {
        expected(spec, &net.evaluate(&nearest(x)), args.tolerance)?;
    }
    Ok(sample)
}

fn units(args: &BoundArgs) -> Units {
    Units {
        scale: if args.scale == Bits::Unit { "unit" } else { "raw" }.into(),
        mean: args.mean.as_deref().map(nearest),
        std: args.std.as_deref().map(nearest),
        mean_text: args.mean.as_deref().map(texts),
        std_text: args.std.as_deref().map(texts),
    }
}

/// What reports say of a network.
pub fn net_info(net: &Net, path: String, source: &file::Source) -> NetInfo {
    NetInfo {
        sha256: source.sha256.clone(),
        path,
        inputs: net.inputs(),
        outputs: net.outputs(),
        parameters: net.parameters(),
        free_neurons: None,
        layers: net.nodes.iter().filter(|n| matches!(n.op, Op::Affine(_))).count(),
        neurons: net.neurons(),
    }
}

/// A region's description with what the problem makes of it.
pub fn settled(info: RegionInfo, problem: &Problem) -> RegionInfo {
    RegionInfo {
        fixed_inputs: problem.region.fixed().iter().filter(|f| **f).count(),
        global: problem.region.is_global(),
        ..info
    }
}

/// An import's error, with the command that helps where it says nothing itself.
pub fn unsupported(e: Error) -> Error {
    match e.kind {
        Kind::Unsupported => {
            e.next("export the network without these operators: the README lists those that are supported")
        }
        _ => e.next("networks are .onnx, .npz, .safetensors or .nnet files"),
    }
}

/// The file and the row of `--input`.
fn centre_info(spec: &str, loaded: &LoadedInput) -> CentreInfo {
    let (file, row) = match spec.rsplit_once('#').and_then(|(file, row)| Some((file, row.parse().ok()?))) {
        Some((file, row)) => (file, Some(row)),
        None => (spec, loaded.row),
    };
    CentreInfo { input: Some(file.into()), row, sha256: Some(loaded.sha256.clone()) }
}

/// The network's values at the centre, enclosed.
pub fn output(net: &Net, x: &[Written]) -> OutputInfo {
    let x: Vec<Coefficient> = x.iter().map(Written::coefficient).collect();
    let y = values(net, &x);
    OutputInfo::of(y.lo().iter().copied().collect(), y.hi().iter().copied().collect())
}

/// The import check of `--expect`.
fn expected(spec: &str, y: &[f64], tolerance: f64) -> Result<()> {
    let want = load_input(spec, &[y.len()], Bits::Raw)?.nearest();
    let size = want.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    for (i, (a, b)) in y.iter().zip(&want).enumerate() {
        // Not turned around: NaN agrees with nothing.
        let agrees = (a - b).abs() <= tolerance * (1.0 + size);
        if !agrees {
            return Err(Error::import(format!("output {i} at the centre is {a}, expected {b}"))
                .at(spec)
                .next("check --mean, --std, --scale and the order of axes; --expect-tolerance allows more"));
        }
    }
    Ok(())
}

pub fn texts(list: &[Written]) -> Vec<String> {
    list.iter().map(Written::to_string).collect()
}

fn region(args: &BoundArgs, net: &Net, centre: Option<Vec<Written>>) -> Result<(Region, RegionInfo)> {
    let n = net.inputs();
    let clip = args.clip.clone();
    let mut info = RegionInfo {
        kind: "box".into(),
        clip: clip.as_ref().map(|ends| ends.each_ref().map(Written::nearest)),
        clip_text: clip.as_ref().map(|ends| ends.each_ref().map(Written::to_string)),
        ..RegionInfo::default()
    };
    let (lo, hi, place) = match &args.region {
        RegionArg::Ball { radius, norm } => {
            info.kind = "ball".into();
            info.norm = Some(norm.to_string());
            (info.radius, info.radius_text) = (Some(radius.nearest()), Some(radius.to_string()));
            let x = centre.ok_or_else(|| Error::input("a ball needs a centre").at("--eps"))?;
            let place = if clip.is_some() { "--eps and --clip" } else { "--eps" };
            let region = Region::ball_of(x, radius.clone(), *norm, clip).map_err(|e| e.at(place))?;
            return Ok((region, info));
        }
        RegionArg::Box(path) => {
            let (lo, hi) = load_box(path, n)?;
            info.source = Some(path.clone());
            (lo, hi, path.as_str())
        }
        RegionArg::Vnnlib(path) => {
            let property = load_vnnlib(path, n)?;
            info.source = Some(path.clone());
            (property.lo, property.hi, path.as_str())
        }
        RegionArg::Global => match &clip {
            Some([a, b]) => (vec![a.clone(); n], vec![b.clone(); n], "--clip"),
            None => {
                info.kind = "global".into();
                return Ok((Region::Whole, info));
            }
        },
    };
    let (lo, hi): (Vec<_>, Vec<_>) = match clip {
        None => (lo, hi),
        Some([a, b]) => (
            lo.into_iter().map(|l| l.max(a.clone())).collect(),
            hi.into_iter().map(|h| h.min(b.clone())).collect(),
        ),
    };
    let place = match (&centre, args.quantity) {
        (Some(_), Quantity::Anchored) => format!("{place}, --quantity anchored"),
        (Some(_), Quantity::Lipschitz) => format!("{place}, --input or --center"),
        (None, _) => place.into(),
    };
    Ok((Region::box_of(lo, hi, centre).map_err(|e| e.at(place))?, info))
}

/// The question in words.
pub fn quotient_info(problem: &Problem) -> QuestionInfo {
    let q = &problem.quotient;
    let scalar = problem.rows() == 1 || q.output.is_steepest();
    QuestionInfo {
        in_norm: q.in_norm.to_string(),
        out_norm: if scalar { "abs".into() } else { q.out_norm.to_string() },
        output: q.output.to_string(),
        quantity: match q.quantity {
            Quantity::Lipschitz => "lipschitz",
            Quantity::Anchored => "anchored",
        }
        .into(),
    }
}
