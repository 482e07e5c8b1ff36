//! One sample as the flat input of a network: which shapes agree, axis order of pictures,
//! the scale of 8-bit values.

use super::{Array, Values, product, shape_text};
use crate::error::{Error, Result};

/// What happens to 8-bit values: v becomes the f64 nearest to v / 255, or stays v. The sample
/// is that f64, and everything proven is about it; no rounding is left to account for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Scale {
    #[default]
    Unit,
    Raw,
}

impl Scale {
    pub fn apply(self, byte: u8) -> f64 {
        match self {
            Scale::Unit => byte as f64 / 255.0,
            Scale::Raw => byte as f64,
        }
    }
}

/// Same elements in the same order: equal up to axes of size one, or one of them flat.
pub fn agrees(shape: &[usize], wanted: &[usize]) -> bool {
    let squeeze = |s: &[usize]| s.iter().copied().filter(|&k| k != 1).collect::<Vec<_>>();
    let (a, b) = (squeeze(shape), squeeze(wanted));
    product(&a).is_some() && product(&a) == product(&b) && (a == b || a.len() <= 1 || b.len() <= 1)
}

/// An array as one sample, its numbers finite.
pub fn from_array(array: &Array, wanted: &[usize], scale: Scale) -> Result<Vec<f64>> {
    if !agrees(&array.shape, wanted) {
        let next = match product(&array.shape) == product(wanted) {
            true => "the size is right, the order of axes is not: transpose the array",
            false => "give one sample, or one sample per row, in the network's input shape",
        };
        let (found, wanted) = (shape_text(&array.shape), shape_text(wanted));
        return Err(
            Error::input(format!("the sample has shape {found}, the network wants {wanted}")).next(next)
        );
    }
    let values = match &array.values {
        Values::U8(bytes) => bytes.iter().map(|&b| scale.apply(b)).collect(),
        _ => array.to_f64()?,
    };
    finite(values)
}

pub fn finite(values: Vec<f64>) -> Result<Vec<f64>> {
    match values.iter().position(|x| !x.is_finite()) {
        Some(k) => Err(Error::input(format!("value {k} is {}, not a finite number", values[k]))
            .next("inputs must be finite numbers")),
        None => Ok(values),
    }
}

/// A picture (height × width × channels) as one sample. Pictures are never resized and never
/// change their number of channels; only the order of axes follows the network.
pub fn from_image(image: &Array, wanted: &[usize], scale: Scale) -> Result<Vec<f64>> {
    let (&[height, width, channels], Values::U8(bytes)) = (&image.shape[..], &image.values) else {
        return Err(Error::input("a picture needs height, width and channels of 8 bits"));
    };
    let name = if channels == 1 { "gray" } else { "RGB" };
    let layout = Layout::of(wanted, channels).ok_or_else(|| {
        let wanted = shape_text(wanted);
        Error::input(format!(
            "the image is {width}×{height} {name}, the network wants a flat input ({wanted})"
        ))
        .next("save the pixels as .npy in the order that the network was trained with")
    })?;
    if layout.channels != channels {
        let next = match channels {
            1 => "repeat the gray channel yourself and save it as RGB",
            _ => "convert it to gray yourself: there are several ways",
        };
        let wanted = format!("{} channel{}", layout.channels, if layout.channels == 1 { "" } else { "s" });
        return Err(Error::input(format!("the image is {name}, the network wants {wanted}")).next(next));
    }
    if layout.size.is_some_and(|s| s != [height, width]) || product(wanted) != Some(bytes.len()) {
        let wanted = match layout.size {
            Some([h, w]) => format!("{w}×{h}"),
            None => format!("{} values", shape_text(wanted)),
        };
        let what = format!("image is {width}×{height}, the network wants {wanted}: crop or resize it first");
        return Err(
            Error::input(what).next("images are never resized here, every way of doing it is another input")
        );
    }
    if layout.channels_last || channels == 1 {
        return Ok(bytes.iter().map(|&b| scale.apply(b)).collect());
    }
    let pixels = height * width;
    let order = (0..channels * pixels).map(|k| bytes[k % pixels * channels + k / pixels]);
    Ok(order.map(|b| scale.apply(b)).collect())
}

/// How a network's input shape stands for a picture.
struct Layout {
    /// Height and width; none where the network's input is flat.
    size: Option<[usize; 2]>,
    channels: usize,
    channels_last: bool,
}

impl Layout {
    /// [C,H,W] or [H,W,C] with C = 1 or 3 ([C,H,W] when both fit), [H,W]; a flat input only
    /// for gray pictures, where there is just one order.
    fn of(wanted: &[usize], channels: usize) -> Option<Layout> {
        let mut shape = wanted;
        while shape.len() > 3 && shape[0] == 1 {
            shape = &shape[1..];
        }
        let flat = shape.iter().filter(|&&k| k != 1).count() <= 1;
        if flat && product(wanted) != Some(1) {
            return (channels == 1).then_some(Layout { size: None, channels: 1, channels_last: true });
        }
        match *shape {
            [c @ (1 | 3), h, w] => Some(Layout { size: Some([h, w]), channels: c, channels_last: false }),
            [h, w, c @ (1 | 3)] => Some(Layout { size: Some([h, w]), channels: c, channels_last: true }),
            [h, w] => Some(Layout { size: Some([h, w]), channels: 1, channels_last: true }),
            [c, h, w] => Some(Layout { size: Some([h, w]), channels: c, channels_last: false }),
            _ => None,
        }
    }
}
