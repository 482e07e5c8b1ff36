//! Convolutions, and the sliding windows they share with pooling.
//! One spatial axis is a picture of one row.

use super::call::{Call, Value};
use super::importer::Importer;
use super::tensor::dimension;
use crate::error::{Error, Result};
use crate::layer::{Affine, ConvShape, LinearMap};
use crate::net::Op;

/// Sizes of a sliding window, always with two axes.
pub struct Window {
    pub input: [usize; 2],
    pub output: [usize; 2],
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub pad: [usize; 2],
    /// Padding behind the last element.
    pub end: [usize; 2],
}

impl Window {
    pub fn shape(&self, groups: usize, in_channels: usize, out_channels: usize) -> ConvShape {
        ConvShape {
            groups,
            in_channels,
            out_channels,
            input: self.input,
            output: self.output,
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            pad: self.pad,
        }
    }
}

/// An attribute with one value per spatial axis, as two values.
fn per_axis(list: Option<&[i64]>, spatial: usize, least: usize, default: usize) -> Result<[usize; 2]> {
    let Some(list) = list else { return Ok([default; 2]) };
    let sizes = list.iter().map(|&v| dimension(v)).collect::<Result<Vec<_>>>()?;
    match (spatial, &sizes[..]) {
        (1, &[w]) if w >= least => Ok([least, w]),
        (2, &[h, w]) if h >= least && w >= least => Ok([h, w]),
        _ => Err(Error::import(format!("{list:?} does not fit {spatial} spatial axes"))),
    }
}

/// Height and width of `[n, c, w]` or `[n, c, h, w]`.
pub fn spatial(shape: &[usize]) -> Result<(usize, [usize; 2])> {
    match *shape {
        [_, _, w] => Ok((1, [1, w])),
        [_, _, h, w] => Ok((2, [h, w])),
        _ => Err(Error::unsupported(format!("on a tensor of rank {}", shape.len()))),
    }
}

/// What the attributes say before input sizes matter.
struct Geometry {
    auto: String,
    stride: [usize; 2],
    dilation: [usize; 2],
    pad: [usize; 2],
    end: [usize; 2],
}

fn geometry(call: &Call, spatial: usize) -> Result<Geometry> {
    let list = call.ints("pads")?;
    if list.is_some_and(|l| l.len() != 2 * spatial) {
        return Err(Error::import("the number of pads is wrong"));
    }
    if list.is_some_and(|l| l.iter().any(|&p| p < 0)) {
        return Err(Error::unsupported("negative pads"));
    }
    Ok(Geometry {
        auto: call.text("auto_pad", "NOTSET")?,
        stride: per_axis(call.ints("strides")?, spatial, 1, 1)?,
        dilation: per_axis(call.ints("dilations")?, spatial, 1, 1)?,
        pad: per_axis(list.map(|l| &l[..spatial]), spatial, 0, 0)?,
        end: per_axis(list.map(|l| &l[spatial..]), spatial, 0, 0)?,
    })
}

/// The kernel of a pooling operator.
pub fn kernel(call: &Call, spatial: usize) -> Result<[usize; 2]> {
    let list = call.ints("kernel_shape")?.ok_or_else(|| Error::import("has no kernel_shape"))?;
    per_axis(Some(list), spatial, 1, 1)
}

pub fn window(call: &Call, axes: usize, input: [usize; 2], kernel: [usize; 2], ceil: bool) -> Result<Window> {
    let g = geometry(call, axes)?;
    let mut out = Window {
        input,
        output: [0; 2],
        kernel,
        stride: g.stride,
        dilation: g.dilation,
        pad: g.pad,
        end: g.end,
    };
    for k in 0..2 {
        let extent = (kernel[k] - 1) * g.dilation[k] + 1;
        let same = input[k].div_ceil(g.stride[k]);
        let total = ((same.max(1) - 1) * g.stride[k] + extent).saturating_sub(input[k]);
        match &g.auto[..] {
            "NOTSET" | "" => {}
            "VALID" => (out.pad[k], out.end[k]) = (0, 0),
            "SAME_UPPER" => (out.pad[k], out.end[k]) = (total / 2, total - total / 2),
            "SAME_LOWER" => (out.pad[k], out.end[k]) = (total - total / 2, total / 2),
            other => return Err(Error::unsupported(format!("auto_pad {other:?}"))),
        }
        let room = (input[k] + out.pad[k] + out.end[k]).checked_sub(extent);
        let room =
            room.ok_or_else(|| Error::import(format!("a window of {extent} on {} places", input[k])))?;
        out.output[k] = if ceil { room.div_ceil(g.stride[k]) } else { room / g.stride[k] } + 1;
        // A window that starts behind the input is left out.
        if ceil && (out.output[k] - 1) * g.stride[k] >= input[k] + out.pad[k] {
            out.output[k] -= 1;
        }
    }
    Ok(out)
}

struct Kernel {
    groups: usize,
    /// Axes 0 and 1 of the weights.
    channels: [usize; 2],
    size: [usize; 2],
    in_channels: usize,
}

fn kernel_of_weights(call: &Call, axes: usize) -> Result<Kernel> {
    let x = call.computed(0)?;
    if x.shape[0] != 1 {
        return Err(Error::unsupported(format!("on a batch of {}", x.shape[0])));
    }
    let (weights, _) = call.weights(1)?;
    let (&[a, b], size) = weights
        .shape
        .split_first_chunk::<2>()
        .filter(|(_, s)| s.len() == axes && weights.shape.iter().all(|&d| d > 0))
        .ok_or_else(|| Error::import(format!("weights of the shape {:?}", weights.shape)))?;
    if call.ints("kernel_shape")?.is_some_and(|k| !k.iter().map(|&v| v as usize).eq(size.iter().copied())) {
        return Err(Error::import("kernel_shape differs from the weights"));
    }
    let size = if axes == 1 { [1, size[0]] } else { [size[0], size[1]] };
    let groups = dimension(call.int("group", 1)?)?;
    Ok(Kernel { groups, channels: [a, b], size, in_channels: x.shape[1] })
}

/// Several maps of numbers over one or two axes.
struct Picture {
    axes: usize,
    channels: usize,
    size: [usize; 2],
}

impl Picture {
    /// `[1, channels, spatial]` without the axis added for one dimension.
    fn shape(&self) -> Vec<usize> {
        let &Picture { axes, channels, size } = self;
        if axes == 1 { vec![1, channels, size[1]] } else { vec![1, channels, size[0], size[1]] }
    }
}

fn finish(importer: &mut Importer, call: &Call, map: LinearMap, output: Picture) -> Result<Value> {
    let Picture { channels, size, .. } = output;
    let bias = match call.optional(2) {
        Some(_) => Some(call.weights(2)?.1.clone()),
        None => None,
    };
    if let Some(b) = bias.as_ref().filter(|b| b.len() != channels) {
        return Err(Error::import(format!("{} biases for {channels} channels", b.len())));
    }
    let affine = Affine { map, bias, repeat: size[0].saturating_mul(size[1]) };
    let x = call.computed(0)?.node;
    importer.push(call, Op::Affine(affine), vec![x], output.shape()).map(Value::Computed)
}

fn mismatch(k: &Kernel) -> Error {
    let (c, [a, b], g) = (k.in_channels, k.channels, k.groups);
    Error::import(format!("weights [{a}, {b}, …] in {g} groups do not fit {c} channels"))
}

pub fn conv(importer: &mut Importer, call: &Call) -> Result<Value> {
    let (axes, input) = spatial(&call.computed(0)?.shape)?;
    let k = kernel_of_weights(call, axes)?;
    let [out, depth] = k.channels;
    if k.groups == 0 || depth.checked_mul(k.groups) != Some(k.in_channels) || out % k.groups != 0 {
        return Err(mismatch(&k));
    }
    let w = window(call, axes, input, k.size, false)?;
    let shape = w.shape(k.groups, k.in_channels, out);
    let map = LinearMap::Conv { shape, weight: call.weights(1)?.1.clone(), adjoint: false };
    finish(importer, call, map, Picture { axes, channels: out, size: w.output })
}

/// The transpose of the convolution with the same weights, from the output of
/// this operator to its input.
pub fn conv_transpose(importer: &mut Importer, call: &Call) -> Result<Value> {
    let (axes, small) = spatial(&call.computed(0)?.shape)?;
    let k = kernel_of_weights(call, axes)?;
    let [inner, depth] = k.channels;
    let out = depth.checked_mul(k.groups).filter(|&o| o > 0);
    let Some(out) = out.filter(|_| inner == k.in_channels && inner % k.groups == 0) else {
        return Err(mismatch(&k));
    };
    let g = geometry(call, axes)?;
    let extra = per_axis(call.ints("output_padding")?, axes, 0, 0)?;
    let wanted = call.ints("output_shape")?.filter(|s| !s.is_empty());
    let wanted =
        wanted.map(|s| per_axis(Some(&s[s.len().saturating_sub(axes)..]), axes, 1, 1)).transpose()?;
    let (mut pad, mut large) = (g.pad, [0; 2]);
    for a in 0..2 {
        let full = (small[a] - 1) * g.stride[a] + (k.size[a] - 1) * g.dilation[a] + 1 + extra[a];
        let same = matches!(&g.auto[..], "SAME_UPPER" | "SAME_LOWER");
        let target = wanted.map(|s| s[a]).or(same.then_some(small[a] * g.stride[a]));
        if let Some(target) = target {
            if wanted.is_none() && target > full {
                return Err(Error::unsupported("auto_pad SAME with a stride beyond the kernel"));
            }
            let total = full.saturating_sub(target);
            pad[a] = if g.auto == "SAME_UPPER" { total / 2 } else { total - total / 2 };
            large[a] = target;
            continue;
        }
        let (front, end) = match &g.auto[..] {
            "NOTSET" | "" => (g.pad[a], g.end[a]),
            "VALID" => (0, 0),
            other => return Err(Error::unsupported(format!("auto_pad {other:?}"))),
        };
        pad[a] = front;
        large[a] = full
            .checked_sub(front + end)
            .filter(|&n| n > 0)
            .ok_or_else(|| Error::import("nothing is left after padding"))?;
    }
    let w = Window {
        input: large,
        output: small,
        kernel: k.size,
        stride: g.stride,
        dilation: g.dilation,
        pad,
        end: [0; 2],
    };
    let shape = w.shape(k.groups, out, inner);
    let map = LinearMap::Conv { shape, weight: call.weights(1)?.1.clone(), adjoint: true };
    finish(importer, call, map, Picture { axes, channels: out, size: large })
}
