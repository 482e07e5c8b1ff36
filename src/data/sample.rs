//! One sample as the flat input of a network: which shapes agree, axis order of pictures,
//! the scale of 8-bit values.

use super::{Array, Values, product, shape_text};
use crate::error::{Error, Result};
use crate::num::Written;
use crate::num::rational::Rational;

/// What happens to 8-bit values: v becomes v / 255, exactly that, or stays v.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Scale {
    #[default]
    Unit,
    Raw,
}

impl Scale {
    /// What each byte becomes.
    fn numbers(self) -> Vec<Written> {
        let below = Rational::from(if self == Scale::Unit { 255u8 } else { 1 });
        let number = |byte: u8| Written::exact(Rational::from(byte) / &below).expect("a small number");
        (0..=255).map(number).collect()
    }
}

/// Same elements in the same order: equal up to axes of size one, or one of them flat.
pub fn agrees(shape: &[usize], wanted: &[usize]) -> bool {
    let squeeze = |s: &[usize]| s.iter().copied().filter(|&k| k != 1).collect::<Vec<_>>();
    let (a, b) = (squeeze(shape), squeeze(wanted));
    product(&a).is_some() && product(&a) == product(&b) && (a == b || a.len() <= 1 || b.len() <= 1)
}

/// An array as one sample, its numbers finite.
pub fn from_array(array: &Array, wanted: &[usize], scale: Scale) -> Result<Vec<Written>> {
    if !agrees(&array.shape, wanted) {
        let next = match product(&array.shape) == product(wanted) {
            true => "the size is right, the order of axes is not: transpose the array",
            false => "give one sample, or one sample per row, in that shape",
        };
        let (found, wanted) = (shape_text(&array.shape), shape_text(wanted));
        return Err(
            Error::input(format!("the sample has shape {found}, the network wants {wanted}")).next(next)
        );
    }
    match &array.values {
        Values::U8(bytes) => {
            let numbers = scale.numbers();
            Ok(bytes.iter().map(|&b| numbers[b as usize].clone()).collect())
        }
        _ => array.written(),
    }
}

/// A picture (height × width × channels) as one sample. Pictures are never resized and never
/// change their number of channels; only the order of axes follows the network.
pub fn from_image(image: &Array, wanted: &[usize], scale: Scale) -> Result<Vec<Written>> {
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
    let numbers = scale.numbers();
    if layout.channels_last || channels == 1 {
        return Ok(bytes.iter().map(|&b| numbers[b as usize].clone()).collect());
    }
    let pixels = height * width;
    let order = (0..channels * pixels).map(|k| bytes[k % pixels * channels + k / pixels]);
    Ok(order.map(|b| numbers[b as usize].clone()).collect())
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
