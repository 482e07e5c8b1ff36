// A convolution: any stride, padding, dilation and groups.
// Proves: y contains W * x + b for every x of the argument.
// From: a-priori bounds of sums in any order (shared/product.wgsl).
// Rounding: gamma of depth + 4 operations on centre and radius.
// Cost: two products per tap and output; patches are never stored.
// Loose when: radii are far below gamma |c|.

// Sizes: [6] in channels, [7] out channels, [8] 9] input, [10] 11] output,
// [12] 13] kernel, [14] 15] stride, [16] 17] dilation, [18] 19] pad, [20] groups.

fn operand(m: u32, k: u32, group: u32) -> i32 {
    let pixels = sizes[10] * sizes[11];
    let o = m % pixels;
    let taps = sizes[12] * sizes[13];
    let tap = k % taps;
    let y = i32((o / sizes[11]) * sizes[14] + (tap / sizes[13]) * sizes[16]) - i32(sizes[18]);
    let x = i32((o % sizes[11]) * sizes[15] + (tap % sizes[13]) * sizes[17]) - i32(sizes[19]);
    if y < 0 || x < 0 || y >= i32(sizes[8]) || x >= i32(sizes[9]) {
        return -1;
    }
    let channel = group * (sizes[6] / sizes[20]) + k / taps;
    let base = (m / pixels) * sizes[6] + channel;
    return i32((base * sizes[8] + u32(y)) * sizes[9] + u32(x));
}

fn weight_at(k: u32, j: u32, group: u32) -> u32 {
    return (group * sizes[1] + j) * sizes[2] + k;
}

fn result(m: u32, j: u32, group: u32) -> u32 {
    let pixels = sizes[10] * sizes[11];
    return ((m / pixels) * sizes[7] + group * sizes[1] + j) * pixels + m % pixels;
}

fn bias_at(m: u32, j: u32, group: u32) -> u32 {
    let pixels = sizes[10] * sizes[11];
    return ((group * sizes[1] + j) * pixels + m % pixels) / sizes[5];
}
