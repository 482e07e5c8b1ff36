//! From arguments to a problem: files read, units applied, region built.

use super::args::{BoundArgs, Centre, RegionArg};
use crate::data::{LoadedInput, Scale as Bits, load_box, load_input, load_vnnlib, read_file, sha256};
use crate::error::{Error, Result};
use crate::net::{Net, Op};
use crate::num::{Coefficient, Enclosure, Scale};
use crate::ops::values::values;
use crate::problem::{Output, Problem, Quantity, Quotient};
use crate::region::Region;
use crate::report::{
    CentreInfo, NetInfo, OutputInfo, Quotient as QuotientInfo, RegionInfo, Units, WarningInfo,
};

/// A problem and what a report says about it.
pub struct Loaded {
    pub problem: Problem,
    pub net: NetInfo,
    pub centre: Option<CentreInfo>,
    pub output: Option<OutputInfo>,
    pub region: RegionInfo,
    pub units: Units,
    pub quotient: QuotientInfo,
    pub warnings: Vec<WarningInfo>,
    pub assumptions: Vec<String>,
}

pub fn load(args: &BoundArgs) -> Result<Loaded> {
    let path = args.net.display().to_string();
    let net = crate::net::load(&args.net, &args.import.options())?;
    let shape = net.nodes[0].shape.clone();
    let warnings =
        net.warnings.iter().map(|w| WarningInfo { code: w.code.into(), text: w.text.clone() }).collect();
    let net = normalised(net, args.mean.as_deref(), args.std.as_deref())?;
    let (centre, centre_info) = match &args.centre {
        None => (None, None),
        Some(Centre::Values(v)) => (Some(v.clone()), Some(CentreInfo::default())),
        Some(Centre::Input(spec)) => {
            let loaded = load_input(spec, &shape, args.scale)?;
            let info = source(spec, &loaded);
            (Some(loaded.values), Some(info))
        }
    };
    if let Some(x) = &centre
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
    if let (Some(spec), Some(x)) = (&args.expect, &centre) {
        expected(spec, &net.evaluate(x))?;
    }
    let output = centre.as_ref().map(|x| output(&net, x));
    let mut assumptions = vec![];
    let (region, info) = region(args, &net, centre.as_deref(), &mut assumptions)?;
    let quotient = Quotient {
        in_norm: args.in_norm,
        out_norm: args.out_norm,
        output: args.output,
        quantity: args.quantity,
    };
    let layers = net.nodes.iter().filter(|n| matches!(n.op, Op::Affine(_))).count();
    let info_net = NetInfo {
        sha256: sha256::hex(&read_file(&args.net)?),
        path,
        inputs: net.inputs(),
        outputs: net.outputs(),
        parameters: net.parameters(),
        free_neurons: None,
        layers,
        neurons: net.neurons(),
    };
    let problem = Problem::new(net, region, quotient)?;
    let region = RegionInfo {
        fixed_inputs: problem.region.fixed().iter().filter(|f| **f).count(),
        global: problem.region.is_global(),
        ..info
    };
    Ok(Loaded {
        quotient: quotient_info(&problem),
        problem,
        net: info_net,
        centre: centre_info,
        output,
        region,
        units: Units {
            scale: if args.scale == Bits::Unit { "unit" } else { "raw" }.into(),
            mean: args.mean.clone(),
            std: args.std.clone(),
        },
        warnings,
        assumptions,
    })
}

/// The file and the row of `--input`.
fn source(spec: &str, loaded: &LoadedInput) -> CentreInfo {
    let (file, row) = match spec.rsplit_once('#').and_then(|(file, row)| Some((file, row.parse().ok()?))) {
        Some((file, row)) => (file, Some(row)),
        None => (spec, loaded.row),
    };
    CentreInfo { input: Some(file.into()), row, sha256: Some(loaded.sha256.clone()) }
}

/// The network's values at the centre, enclosed.
fn output(net: &Net, x: &[f64]) -> OutputInfo {
    let y = values(net, &Enclosure::vector(x));
    OutputInfo::of(y.lo().iter().copied().collect(), y.hi().iter().copied().collect())
}

/// (x - mean) / std per channel in front of the network.
pub fn normalised(net: Net, mean: Option<&[f64]>, std: Option<&[f64]>) -> Result<Net> {
    let (mean, std) = match (mean, std) {
        (None, None) => return Ok(net),
        (Some(m), Some(s)) => (m.to_vec(), s.to_vec()),
        (Some(m), None) => (m.to_vec(), vec![1.0; m.len()]),
        (None, Some(s)) => (vec![0.0; s.len()], s.to_vec()),
    };
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
    let factor: Vec<Coefficient> =
        std.iter().map(|s| Coefficient::ONE.over(Coefficient::exact(*s))).collect();
    let shift =
        mean.iter().zip(&std).map(|(m, s)| Coefficient::exact(-*m).over(Coefficient::exact(*s))).collect();
    net.behind(Scale::new(factor, shift, repeat))
}

/// The import check of `--expect`.
fn expected(spec: &str, y: &[f64]) -> Result<()> {
    let want = load_input(spec, &[y.len()], Bits::Raw)?.values;
    let size = want.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    for (i, (a, b)) in y.iter().zip(&want).enumerate() {
        // Not turned around: NaN agrees with nothing.
        let agrees = (a - b).abs() <= 1e-4 * (1.0 + size);
        if !agrees {
            return Err(Error::import(format!("output {i} at the centre is {a}, expected {b}"))
                .at(spec)
                .next("check --mean, --std, --scale and the order of axes"));
        }
    }
    Ok(())
}

fn region(
    args: &BoundArgs,
    net: &Net,
    centre: Option<&[f64]>,
    assumptions: &mut Vec<String>,
) -> Result<(Region, RegionInfo)> {
    let n = net.inputs();
    let clip = args.clip;
    let mut info = RegionInfo { clip: clip.map(|(a, b)| [a, b]), ..RegionInfo::default() };
    let boxed = |lo: Vec<f64>, hi: Vec<f64>, place: &str| -> Result<Region> {
        let (lo, hi) = match clip {
            None => (lo, hi),
            Some((a, b)) => (
                lo.into_iter().map(|l| l.max(a)).collect::<Vec<f64>>(),
                hi.into_iter().map(|h| h.min(b)).collect(),
            ),
        };
        Region::boxed(lo, hi).map_err(|e| e.at(place))
    };
    let region = match &args.region {
        RegionArg::Ball { radius, norm } => {
            info.kind = "ball".into();
            info.norm = Some(norm.to_string());
            info.radius = Some(*radius);
            let x = centre.ok_or_else(|| Error::input("a ball needs a centre").at("--eps"))?;
            Region::ball(x, *radius, *norm, clip).map_err(|e| e.at("--eps"))?
        }
        RegionArg::Box(path) => {
            info.kind = "box".into();
            info.source = Some(path.clone());
            let (lo, hi) = load_box(path, n)?;
            boxed(lo, hi, path)?
        }
        RegionArg::Vnnlib(path) => {
            info.kind = "box".into();
            info.source = Some(path.clone());
            let property = load_vnnlib(path, n)?;
            assumptions.push("decimal bounds of the box are rounded outward to f64".into());
            boxed(property.lo, property.hi, path)?.with_constants(&property.fixed)
        }
        RegionArg::Global => match clip {
            Some((a, b)) => {
                info.kind = "box".into();
                boxed(vec![a; n], vec![b; n], "--clip")?
            }
            None => {
                info.kind = "global".into();
                Region::Whole
            }
        },
    };
    match (centre, &args.region) {
        (Some(x), RegionArg::Box(_) | RegionArg::Vnnlib(_) | RegionArg::Global) if !region.is_global() => {
            Ok((recentred(region, x, args)?, info))
        }
        _ => Ok((region, info)),
    }
}

/// A box with the given centre instead of its midpoint.
fn recentred(region: Region, x: &[f64], args: &BoundArgs) -> Result<Region> {
    if !region.contains(x) {
        return Err(Error::input("the centre does not lie in the region")
            .at(if args.quantity == Quantity::Anchored {
                "--quantity anchored"
            } else {
                "--input or --center"
            })
            .next("choose a centre inside the box"));
    }
    match region {
        Region::Bounded { lo, hi, fixed, ball, .. } => {
            Ok(Region::Bounded { lo, hi, fixed, centre: x.to_vec(), ball })
        }
        Region::Whole => Ok(Region::Whole),
    }
}

fn quotient_info(problem: &Problem) -> QuotientInfo {
    let q = &problem.quotient;
    let scalar = problem.rows() == 1;
    QuotientInfo {
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
