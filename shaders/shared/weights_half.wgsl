// Weights that are normal f16 numbers or zero, two in a word: the conversion is exact.

@group(0) @binding(4) var<storage, read> weight: array<u32>;

fn weight_of(at: u32) -> real {
    let pair = unpack2x16float(weight[at / 2u]);
    return real(select(pair.x, pair.y, at % 2u == 1u));
}
