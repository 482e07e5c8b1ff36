// The transpose of a convolution, gathered: every input pixel collects the
// outputs that read it.
// Proves: y contains Wᵀ g + b for every g of the argument.
// From: a-priori bounds of sums in any order (shared/product.wgsl).
// Rounding: gamma of depth + 4 operations on centre and radius.
// Cost: two products per tap and input pixel, also for taps that a stride skips.
// Loose when: radii are far below gamma |c|.

// Sizes as conv.wgsl; k runs over out channels of the group and taps.

fn operand(m: u32, k: u32, group: u32) -> i32 {
    let pixels = sizes[8] * sizes[9];
    let i = m % pixels;
    let taps = sizes[12] * sizes[13];
    let tap = k % taps;
    let y = i32(i / sizes[9] + sizes[18]) - i32((tap / sizes[13]) * sizes[16]);
    let x = i32(i % sizes[9] + sizes[19]) - i32((tap % sizes[13]) * sizes[17]);
    if y < 0 || x < 0 {
        return -1;
    }
    let oy = u32(y) / sizes[14];
    let ox = u32(x) / sizes[15];
    if oy * sizes[14] != u32(y) || ox * sizes[15] != u32(x) || oy >= sizes[10] || ox >= sizes[11] {
        return -1;
    }
    let channel = group * (sizes[7] / sizes[20]) + k / taps;
    let base = (m / pixels) * sizes[7] + channel;
    return i32((base * sizes[10] + oy) * sizes[11] + ox);
}

fn weight_at(k: u32, j: u32, group: u32) -> u32 {
    let taps = sizes[12] * sizes[13];
    let channel = group * (sizes[7] / sizes[20]) + k / taps;
    return (channel * sizes[1] + j) * taps + k % taps;
}

fn result(m: u32, j: u32, group: u32) -> u32 {
    let pixels = sizes[8] * sizes[9];
    return ((m / pixels) * sizes[6] + group * sizes[1] + j) * pixels + m % pixels;
}

fn bias_at(m: u32, j: u32, group: u32) -> u32 {
    let pixels = sizes[8] * sizes[9];
    return ((group * sizes[1] + j) * pixels + m % pixels) / sizes[5];
}
