//! Inputs from a small corpus: bits, bytes, runs and numbers changed, parts joined.

/// A small generator; quality matters less than repeatability.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Noise(seed)
    }

    /// Splitmix64.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`, which is positive.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

const WORDS: &[&str] = &[
    "nan",
    "inf",
    "-inf",
    "1e999",
    "-0",
    "1e-400",
    "18446744073709551616",
    "-1",
    "0",
    "(",
    ")",
    "{",
    "'",
    "#",
    ",",
    "\n",
];

/// One input: a member of the corpus after a few changes, sometimes pure noise.
pub fn mutated(corpus: &[Vec<u8>], noise: &mut Noise) -> Vec<u8> {
    let mut bytes = match noise.below(20) {
        0 => (0..noise.below(600)).map(|_| noise.next() as u8).collect(),
        _ => corpus[noise.below(corpus.len())].clone(),
    };
    for _ in 0..1 + noise.below(1 + noise.0 as usize % 8) {
        change(&mut bytes, corpus, noise);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], noise: &mut Noise) {
    if bytes.is_empty() {
        bytes.push(noise.next() as u8);
        return;
    }
    let at = noise.below(bytes.len());
    let run = at..(at + 1 + noise.below(16)).min(bytes.len());
    match noise.below(11) {
        0..3 => bytes[at] ^= 1 << noise.below(8),
        3 => bytes[at] = noise.next() as u8,
        4 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][noise.below(5)],
        5 => drop(bytes.drain(run)),
        6 => {
            let copy = bytes[run].to_vec();
            bytes.splice(at..at, copy);
        }
        7 => {
            let wide = [u64::MAX, 1 << 63, 1 << 32, (1 << 31) - 1, 0][noise.below(5)].to_le_bytes();
            let size = [2, 4, 8][noise.below(3)].min(bytes.len() - at);
            bytes[at..at + size].copy_from_slice(&wide[..size]);
        }
        8 => {
            let word = WORDS[noise.below(WORDS.len())].bytes();
            let end = (at + noise.below(6)).min(bytes.len());
            bytes.splice(at..end, word);
        }
        9 => {
            let other = &corpus[noise.below(corpus.len())];
            bytes.truncate(at);
            bytes.extend(&other[noise.below(other.len().max(1)).min(other.len())..]);
        }
        _ => bytes.truncate(at),
    }
}
