// The transpose of a convolution, gathered: every input pixel collects the
// outputs that read it.
// Proves: y contains Wᵀ g + b for every g of the argument.
// From: a-priori bounds of sums in any order (shared/product.wgsl).
// Rounding: gamma of depth + 4 operations on centre and radius.
// Cost: two products per tap and input pixel that meet.
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

// The vector's and the group's first channel, and the input's number in the phase.
fn place_of(m: u32, group: u32) -> vec3<i32> {
    let inputs = sizes[23] * sizes[24];
    let i = m % inputs;
    let channel = m / inputs * sizes[7] + group * (sizes[7] / sizes[20]);
    return vec3<i32>(vec3<u32>(channel, i / sizes[24], i % sizes[24]));
}

// From the input's number to the output's: an exact quotient, as all taps of a
// phase meet its first input.
fn tap_of(k: u32, group: u32) -> vec4<i32> {
    let t = k % (sizes[29] * sizes[30]);
    let channel = k / (sizes[29] * sizes[30]);
    let y = sizes[25] + t / sizes[30] * sizes[27];
    let x = sizes[26] + t % sizes[30] * sizes[28];
    let dy = (i32(sizes[21] + sizes[18]) - i32(y * sizes[16])) / i32(sizes[14]);
    let dx = (i32(sizes[22] + sizes[19]) - i32(x * sizes[17])) / i32(sizes[15]);
    let first = (group * (sizes[7] / sizes[20]) + channel) * sizes[1] * sizes[12] * sizes[13];
    return vec4<i32>(i32(channel), dy, dx, i32(first + y * sizes[13] + x));
}

fn operand(place: vec3<i32>, tap: vec4<i32>) -> i32 {
    let at = place + tap.xyz;
    let size = vec2<i32>(i32(sizes[10]), i32(sizes[11]));
    if any(at.yz < vec2<i32>(0)) || any(at.yz >= size) {
        return -1;
    }
    return (at.x * size.x + at.y) * size.y + at.z;
}

fn step_j() -> u32 {
    return sizes[12] * sizes[13];
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
