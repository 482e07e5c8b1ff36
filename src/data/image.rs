//! PNG and JPEG pictures as 8-bit gray or RGB values, rows from the top.
//!
//! Values are those stored in (PNG) or decoded from (JPEG) the file: no colour management,
//! no rotation from metadata, no resizing.

use super::{Array, Values};
use crate::error::{Error, Result};
use std::io::Cursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Pictures beyond this many values are no network input.
const MAX_VALUES: usize = 1 << 28;

/// `values` holds height × width × channels bytes; channels is 1 or 3.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    pub values: Vec<u8>,
}

impl Image {
    /// The picture as a height × width × channels array.
    pub fn into_array(self) -> Array {
        Array { shape: vec![self.height, self.width, self.channels], values: Values::U8(self.values) }
    }
}

pub fn is_png(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG\r\n\x1a\n")
}

pub fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8, 0xff])
}

fn bad(what: impl Into<String>) -> Error {
    Error::input(what).next("save it again as an 8-bit gray or RGB .png")
}

fn check_size(width: usize, height: usize) -> Result<usize> {
    width
        .checked_mul(height)
        .filter(|&pixels| pixels > 0 && pixels <= MAX_VALUES / 4)
        .ok_or_else(|| bad(format!("the image claims to be {width}x{height}")))
}

pub fn decode(bytes: &[u8]) -> Result<Image> {
    let image = if is_png(bytes) {
        decode_png(bytes)?
    } else if is_jpeg(bytes) {
        decode_jpeg(bytes)?
    } else {
        return Err(bad("this is neither a PNG nor a JPEG file"));
    };
    if image.values.len() != image.width * image.height * image.channels {
        return Err(bad("the image is damaged: its pixels do not fill its size"));
    }
    Ok(image)
}

fn decode_png(bytes: &[u8]) -> Result<Image> {
    let damaged = |e: png::DecodingError| bad(format!("the PNG file cannot be read: {e}"));
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: MAX_VALUES });
    // Palettes and 1, 2 or 4 bits become 8-bit values; 16 bits would lose some and are refused.
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    check_size(width, height)?;
    let (color, depth) = reader.output_color_type();
    if depth != png::BitDepth::Eight {
        return Err(bad("the PNG file has 16 bits per channel"));
    }
    if reader.info().is_animated() {
        return Err(bad("the PNG file is an animation"));
    }
    let size = reader.output_buffer_size().ok_or_else(|| bad("the image is too large"))?;
    let mut values = vec![0; size];
    reader.next_frame(&mut values).map_err(damaged)?;
    let (values, channels) = match color {
        png::ColorType::Grayscale => (values, 1),
        png::ColorType::Rgb => (values, 3),
        png::ColorType::GrayscaleAlpha => (without_alpha(values, 2)?, 1),
        png::ColorType::Rgba => (without_alpha(values, 4)?, 3),
        png::ColorType::Indexed => return Err(bad("the PNG file has an unusable palette")),
    };
    Ok(Image { width, height, channels, values })
}

/// Drops a fully opaque alpha channel, the only one that says nothing.
fn without_alpha(values: Vec<u8>, per_pixel: usize) -> Result<Vec<u8>> {
    if values.chunks_exact(per_pixel).any(|p| p[per_pixel - 1] != 255) {
        return Err(
            bad("the image has transparent pixels").next("put it on a background: save it without alpha")
        );
    }
    Ok(values.chunks_exact(per_pixel).flat_map(|p| p[..per_pixel - 1].iter().copied()).collect())
}

fn decode_jpeg(bytes: &[u8]) -> Result<Image> {
    let damaged = |e| bad(format!("the JPEG file cannot be read: {e}"));
    let options =
        DecoderOptions::default().set_strict_mode(true).set_max_width(1 << 16).set_max_height(1 << 16);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(Cursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| bad("the JPEG file has no size"))?;
    check_size(width, height)?;
    let (out, channels) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (ColorSpace::Luma, 1),
        Some(ColorSpace::YCbCr | ColorSpace::RGB) => (ColorSpace::RGB, 3),
        other => return Err(bad(format!("the JPEG file has the colour space {other:?}"))),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(out));
    let values = decoder.decode().map_err(damaged)?;
    Ok(Image { width, height, channels, values })
}
