// The transpose of a convolution, gathered: every input pixel collects the
// outputs that read it.
// Proves: y contains Wᵀ g + b for every g of the argument.
// From: a-priori bounds of sums in any order (shared/product.wgsl).
// Rounding: gamma of depth + 4 operations on centre and radius.
// Cost: two products per tap and input pixel, also for taps that a stride skips.
// Loose when: radii are far below gamma |c|.

// Sizes as conv.wgsl; k runs over out channels of the group and taps. Inputs of one
// residue by the stride meet every so-manieth tap only: m runs over one such
// phase. [21] 22] its first input, [23] 24] inputs of it along both axes, [25] 26]
// the first tap that it meets, [27] 28] the step to the next, [29] 30] how many.

// The input that m stands for.
fn place(m: u32) -> vec2<u32> {
    let i = m % (sizes[23] * sizes[24]);
    return vec2<u32>(sizes[21] + i / sizes[24] * sizes[14], sizes[22] + i % sizes[24] * sizes[15]);
}

// The tap that k stands for.
fn tap_of(k: u32) -> vec2<u32> {
    let t = k % (sizes[29] * sizes[30]);
    return vec2<u32>(sizes[25] + t / sizes[30] * sizes[27], sizes[26] + t % sizes[30] * sizes[28]);
}

fn channel_of(k: u32, group: u32) -> u32 {
    return group * (sizes[7] / sizes[20]) + k / (sizes[29] * sizes[30]);
}

fn operand(m: u32, k: u32, group: u32) -> i32 {
    let at = place(m);
    let tap = tap_of(k);
    let y = i32(at.x + sizes[18]) - i32(tap.x * sizes[16]);
    let x = i32(at.y + sizes[19]) - i32(tap.y * sizes[17]);
    if y < 0 || x < 0 {
        return -1;
    }
    let oy = u32(y) / sizes[14];
    let ox = u32(x) / sizes[15];
    if oy >= sizes[10] || ox >= sizes[11] {
        return -1;
    }
    let base = m / (sizes[23] * sizes[24]) * sizes[7] + channel_of(k, group);
    return i32((base * sizes[10] + oy) * sizes[11] + ox);
}

fn weight_at(k: u32, j: u32, group: u32) -> u32 {
    let tap = tap_of(k);
    return ((channel_of(k, group) * sizes[1] + j) * sizes[12] + tap.x) * sizes[13] + tap.y;
}

fn result(m: u32, j: u32, group: u32) -> u32 {
    let at = place(m);
    let vector = m / (sizes[23] * sizes[24]);
    return ((vector * sizes[6] + group * sizes[1] + j) * sizes[8] + at.x) * sizes[9] + at.y;
}

fn bias_at(m: u32, j: u32, group: u32) -> u32 {
    let at = place(m);
    return (((group * sizes[1] + j) * sizes[8] + at.x) * sizes[9] + at.y) / sizes[5];
}
