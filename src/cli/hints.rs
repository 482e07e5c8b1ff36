//! Notes about units that are probably not meant: pixels from 0 to 255 for a network of [0, 1], and
//! the other way round. Nothing here changes a result.

use super::args::{BoundArgs, RegionArg};
use crate::data::Scale;
use crate::num::{Norm, Written};
use crate::report::WarningInfo;

/// Fewer inputs than this are no picture and tell nothing about units.
const FEW: usize = 8;

/// `centre`: in the units of the file after `--scale`.
pub fn units(args: &BoundArgs, centre: Option<&[Written]>, eight_bit: bool) -> Vec<WarningInfo> {
    let Some(x) = centre else { return vec![] };
    let x: Vec<f64> = x.iter().map(Written::nearest).collect();
    let divided = eight_bit && args.scale == Scale::Unit;
    let largest = x.iter().fold(0.0f64, |m, v| m.max(*v));
    let plenty = x.len() >= FEW && x.iter().all(|v| *v >= 0.0);
    let unit = plenty && 0.0 < largest && largest <= 1.0;
    let whole = plenty && (2.0..=255.0).contains(&largest) && x.iter().all(|v| v.fract() == 0.0);
    let statistics = [&args.mean, &args.std].into_iter().flatten().flatten();
    let coarse = statistics.fold(0.0f64, |m, v| m.max(v.nearest().abs())) > 2.0;
    let mut notes = vec![];
    let mut note = |code: &str, text: String| notes.push(WarningInfo { code: code.into(), text });
    if divided {
        note("eight-bit", "8-bit values were divided by 255; --scale raw takes them as they are".into());
    }
    if whole && !eight_bit && !coarse {
        let text = format!(
            "the sample holds whole numbers from 0 to {largest}: a network of [0, 1] wants them divided"
        );
        note("whole-numbers", text);
    }
    if unit && coarse {
        let text =
            "the sample lies in [0, 1], --mean and --std look like those of 0 to 255: divide them by 255";
        note("statistics", text.into());
    }
    if let (true, RegionArg::Ball { radius, norm }) = (unit, &args.region)
        && radius.nearest() >= covering(*norm, x.len())
    {
        let text =
            format!("a radius of {radius} leaves [0, 1] everywhere; steps of pixels are written --eps 8/255");
        note("radius", text);
    }
    if let (true, Some([_, high])) = (unit, &args.clip)
        && high.nearest() >= 2.0
    {
        note(
            "clip",
            format!("the sample lies in [0, 1], --clip goes up to {high}: perhaps --clip 0,1 is meant"),
        );
    }
    notes
}

/// A ball of this radius around any point of [0, 1]^n holds all of it.
fn covering(norm: Norm, n: usize) -> f64 {
    match norm {
        Norm::Inf => 1.0,
        Norm::Two => (n as f64).sqrt(),
        Norm::One => n as f64,
    }
}
