//! From arguments to a problem: files read, units applied, region built.

use super::args::{BoundArgs, Centre, RegionArg};
use super::{certificate, hints};
use crate::certificate::file;
use crate::data::{LoadedInput, Scale as Bits, load_box, load_input, load_vnnlib};
use crate::error::{Error, Kind, Result};
use crate::layer::Scale;
use crate::net::{Net, Op, Source};
use crate::num::rational::{Rational, is_positive};
use crate::num::written::enclosed;
use crate::num::{Coefficient, Written};
use crate::ops::values::values;
use crate::problem::{Output, Problem, Quantity, Question};
use crate::region::Region;
use crate::report::{CentreInfo, NetInfo, OutputInfo, QuestionInfo, RegionInfo, Units, WarningInfo};

/// A problem and what a report says about it.
pub struct Loaded {
    pub problem: Problem,
    /// What a certificate says about the network's files.
    pub source: file::Source,
    pub net: NetInfo,
    pub centre: Option<CentreInfo>,
    pub at: Option<Vec<Written>>,
    pub output: Option<OutputInfo>,
    pub region: RegionInfo,
    pub units: Units,
    pub quotient: QuestionInfo,
    pub warnings: Vec<WarningInfo>,
}

pub fn load(args: &BoundArgs) -> Result<Loaded> {
    let path = args.net.display().to_string();
    let mut source = Source::read(&args.net)?;
    let net = source.import(&args.import.options()).map_err(unsupported)?;
    let source = certificate::source(&source, args);
    let shape = net.nodes[0].shape.clone();
    let noted = net.warnings.iter().map(|w| WarningInfo { code: w.code.into(), text: w.text.clone() });
    let mut warnings: Vec<WarningInfo> = args.notes.iter().cloned().chain(noted).collect();
    let net = normalised(net, args.mean.as_deref(), args.std.as_deref())?;
    let mut eight_bit = false;
    let (written, centre_info) = match &args.centre {
        None => (None, None),
        Some(Centre::Values(v)) => (Some(v.clone()), Some(CentreInfo::default())),
        Some(Centre::Input(spec)) => {
            let loaded = load_input(spec, &shape, args.scale)?;
            let info = centre_info(spec, &loaded);
            eight_bit = loaded.eight_bit;
            (Some(loaded.values), Some(info))
        }
    };
    if let Some(x) = &written
        && x.len() != net.inputs()
    {
        return Err(Error::input(format!(
            "the centre has {} values, the network {} inputs",
            x.len(),
            net.inputs()
        ))
        .at("--center")
        .next("give one value per input, in row-major order"));
    }
    let nearest = |list: &[Written]| list.iter().map(Written::nearest).collect::<Vec<f64>>();
    warnings.extend(hints::units(args, written.as_deref(), eight_bit));
    if let (Some(spec), Some(x)) = (&args.expect, &written) {
        expected(spec, &net.evaluate(&nearest(x)), args.tolerance)?;
    }
    let output = written.as_ref().map(|x| output(&net, x));
    let (region, info) = region(args, &net, written.clone())?;
    let quotient = Question {
        in_norm: args.in_norm,
        out_norm: args.out_norm,
        output: args.output,
        quantity: args.quantity,
    };
    let info_net = net_info(&net, path, &source);
    let problem = Problem::new(net, region, quotient)?;
    let region = settled(info, &problem);
    Ok(Loaded {
        quotient: quotient_info(&problem),
        problem,
        source,
        net: info_net,
        centre: centre_info,
        at: written,
        output,
        region,
        units: Units {
            scale: if args.scale == Bits::Unit { "unit" } else { "raw" }.into(),
            mean: args.mean.as_deref().map(nearest),
            std: args.std.as_deref().map(nearest),
            mean_text: args.mean.as_deref().map(texts),
            std_text: args.std.as_deref().map(texts),
        },
        warnings,
    })
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

/// (x - mean) / std per channel in front of the network.
pub fn normalised(net: Net, mean: Option<&[Written]>, std: Option<&[Written]>) -> Result<Net> {
    let exact = |list: &[Written]| list.iter().map(Written::value).collect::<Vec<Rational>>();
    let (mean, std) = match (mean.map(exact), std.map(exact)) {
        (None, None) => return Ok(net),
        (Some(m), Some(s)) => (m, s),
        (Some(m), None) => (m.clone(), vec![Rational::ONE; m.len()]),
        (None, Some(s)) => (vec![Rational::ZERO; s.len()], s),
    };
    let fits = mean.len() == std.len() && std.iter().all(is_positive);
    if !fits {
        return Err(Error::input("means and deviations do not belong together")
            .at("--mean and --std")
            .next("give one positive deviation per mean"));
    }
    let shape = &net.nodes[0].shape;
    let count = mean.len();
    let repeat = if count == 1 || shape.last() == Some(&count) && shape.first() != Some(&count) {
        1
    } else if shape.iter().find(|d| **d != 1) == Some(&count) {
        net.inputs() / count
    } else {
        return Err(Error::input(format!("{count} means for an input of shape {shape:?}"))
            .at("--mean and --std")
            .next("give one number, or one per channel"));
    };
    let factor = std.iter().map(|s| enclosed(&(Rational::ONE / s))).collect();
    let shift = mean.iter().zip(&std).map(|(m, s)| enclosed(&-(m / s))).collect();
    net.behind(Scale::new(factor, shift, repeat))
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
            let region = Region::ball_of(x, radius.clone(), *norm, clip).map_err(|e| e.at("--eps"))?;
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
    let scalar = problem.rows() == 1;
    QuestionInfo {
        in_norm: q.in_norm.to_string(),
        out_norm: if scalar { "abs".into() } else { q.out_norm.to_string() },
        output: match q.output {
            Output::All => "all".into(),
            Output::One(i) => i.to_string(),
            Output::Difference(i, j) => format!("{i}-{j}"),
        },
        quantity: match q.quantity {
            Quantity::Lipschitz => "lipschitz",
            Quantity::Anchored => "anchored",
        }
        .into(),
    }
}
