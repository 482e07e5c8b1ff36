//! Samples as small pictures, where they are pictures.

use crate::data::base64;

/// Pixels of an edge; of larger pictures every second, third, … is left.
const EDGE: usize = 64;

/// How many values of a flat sample make which picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    height: usize,
    width: usize,
    channels: usize,
    channels_first: bool,
}

impl Layout {
    /// [C,H,W] or [H,W,C] with one or three channels, or [H,W]; None of what is no picture.
    pub fn of(shape: &[usize]) -> Option<Layout> {
        let mut axes = shape;
        while axes.len() > 3 && axes[0] == 1 {
            axes = &axes[1..];
        }
        let (height, width, channels, channels_first) = match *axes {
            [c @ (1 | 3), h, w] => (h, w, c, true),
            [h, w, c @ (1 | 3)] => (h, w, c, false),
            [h, w] => (h, w, 1, true),
            _ => return None,
        };
        let large = |k: usize| (4..=1 << 14).contains(&k);
        (large(height) && large(width)).then_some(Layout { height, width, channels, channels_first })
    }

    fn at(&self, row: usize, column: usize, channel: usize) -> usize {
        match self.channels_first {
            true => (channel * self.height + row) * self.width + column,
            false => (row * self.width + column) * self.channels + channel,
        }
    }

    /// The sample as the address of a picture that holds it: uncompressed, so that it needs no encoder.
    pub fn picture(&self, values: &[f64]) -> Option<String> {
        if values.len() != self.height * self.width * self.channels {
            return None;
        }
        let ends = values.iter().fold((0.0f64, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        // Units, bytes, or whatever else there is.
        let (low, high) = match ends {
            (0.0, h) if h <= 1.0 => (0.0, 1.0),
            (0.0, h) if h <= 255.0 => (0.0, 255.0),
            other => other,
        };
        let byte = |v: f64| (255.0 * ((v - low) / (high - low)).clamp(0.0, 1.0)).round() as u8;
        let step = self.height.max(self.width).div_ceil(EDGE);
        let (rows, columns) = (self.height.div_ceil(step), self.width.div_ceil(step));
        // From the lowest row up, blue first, every row filled up to four bytes.
        let mut pixels = vec![];
        for row in (0..rows).rev() {
            for column in 0..columns {
                let of = |c: usize| byte(values[self.at(row * step, column * step, c % self.channels)]);
                pixels.extend(if self.channels == 3 { [of(2), of(1), of(0)] } else { [of(0); 3] });
            }
            pixels.resize(pixels.len().next_multiple_of(4), 0);
        }
        Some(format!(
            "data:image/bmp;base64,{}",
            base64::encode(&[header(rows, columns, pixels.len()), pixels].concat())
        ))
    }
}

/// Of a bitmap with 24 bits a pixel.
fn header(rows: usize, columns: usize, bytes: usize) -> Vec<u8> {
    const SIZE: u32 = 54;
    let words = [
        SIZE + bytes as u32,
        0,
        SIZE,
        40,
        columns as u32,
        rows as u32,
        1 | 24 << 16,
        0,
        bytes as u32,
        0,
        0,
        0,
        0,
    ];
    b"BM".iter().copied().chain(words.iter().flat_map(|w| w.to_le_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_picture() {
        let of =
            |shape: &[usize]| Layout::of(shape).map(|l| (l.height, l.width, l.channels, l.channels_first));
        assert_eq!(of(&[3, 32, 24]), Some((32, 24, 3, true)));
        assert_eq!(of(&[1, 1, 28, 28]), Some((28, 28, 1, true)));
        assert_eq!(of(&[32, 24, 3]), Some((32, 24, 3, false)));
        assert_eq!(of(&[8, 8]), Some((8, 8, 1, true)));
        assert_eq!((of(&[784]), of(&[2, 2]), of(&[5, 8, 8]), of(&[])), (None, None, None, None));
    }

    #[test]
    fn pictures_hold_their_pixels() {
        let layout = Layout::of(&[4, 5]).expect("a picture");
        let values: Vec<f64> = (0..20).map(|k| k as f64 / 19.0).collect();
        let text = layout.picture(&values).expect("its picture");
        let bytes =
            base64::decode(text.strip_prefix("data:image/bmp;base64,").expect("an address")).expect("base64");
        // Four rows of five pixels, fifteen bytes filled up to sixteen.
        assert_eq!((bytes.len(), &bytes[..2]), (54 + 4 * 16, &b"BM"[..]));
        assert_eq!(bytes[2..6], (54u32 + 64).to_le_bytes());
        assert_eq!((bytes[18], bytes[22], bytes[28]), (5, 4, 24));
        // The first pixel of the file is the first of the lowest row.
        assert_eq!(bytes[54], (255.0f64 * 15.0 / 19.0).round() as u8);
        assert_eq!(layout.picture(&values[1..]), None);
        let wide = Layout::of(&[3, 200, 100]).expect("a picture");
        assert!(wide.picture(&vec![7.0; 60_000]).is_some_and(|t| t.len() < 20_000));
    }
}
