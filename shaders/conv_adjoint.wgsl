// The transpose of a convolution, gathered: every input pixel collects the
// outputs that read it.
// Proves: y contains Wᵀ g + b for every g of the argument.
// From: a-priori bounds of sums in any order (shared/product.wgsl).
// Rounding: gamma of depth + 4 operations on centre and radius.
// Cost: two products per tap and input pixel that meet.
// Loose when: radii are far below gamma |c|.

// Sizes as conv.wgsl; k runs over out channels of the group and taps. Inputs of one
// residue by the stride meet every so-manieth tap only: m runs over one such
// phase. [24] 25] its first input, [26] 27] inputs of it along both axes, [28] 29]
// the first tap that it meets, [30] 31] the step to the next, [32] 33] how many.

// The input that m stands for.
fn place(m: u32) -> vec2<u32> {
    let i = m % (sizes[26] * sizes[27]);
    return vec2<u32>(sizes[24] + i / sizes[27] * sizes[17], sizes[25] + i % sizes[27] * sizes[18]);
}

// The vector's and the group's first channel, and the input's number in the phase.
fn place_of(m: u32, group: u32) -> vec3<i32> {
    let inputs = sizes[26] * sizes[27];
    let i = m % inputs;
    let channel = m / inputs * sizes[10] + group * (sizes[10] / sizes[23]);
    return vec3<i32>(vec3<u32>(channel, i / sizes[27], i % sizes[27]));
}

// From the input's number to the output's: an exact quotient, as all taps of a
// phase meet its first input.
fn tap_of(k: u32, group: u32) -> vec4<i32> {
    let t = k % (sizes[32] * sizes[33]);
    let channel = k / (sizes[32] * sizes[33]);
    let y = sizes[28] + t / sizes[33] * sizes[30];
    let x = sizes[29] + t % sizes[33] * sizes[31];
    let dy = (i32(sizes[24] + sizes[21]) - i32(y * sizes[19])) / i32(sizes[17]);
    let dx = (i32(sizes[25] + sizes[22]) - i32(x * sizes[20])) / i32(sizes[18]);
    let first = (group * (sizes[10] / sizes[23]) + channel) * sizes[1] * sizes[15] * sizes[16];
    return vec4<i32>(i32(channel), dy, dx, i32(first + y * sizes[16] + x));
}

fn operand(place: vec3<i32>, tap: vec4<i32>) -> i32 {
    let at = place + tap.xyz;
    let size = vec2<i32>(i32(sizes[13]), i32(sizes[14]));
    if any(at.yz < vec2<i32>(0)) || any(at.yz >= size) {
        return -1;
    }
    return (at.x * size.x + at.y) * size.y + at.z;
}

fn step_j() -> u32 {
    return sizes[15] * sizes[16];
}

fn result(m: u32, j: u32, group: u32) -> u32 {
    let at = place(m);
    let vector = m / (sizes[26] * sizes[27]);
    return ((vector * sizes[9] + group * sizes[1] + j) * sizes[11] + at.x) * sizes[12] + at.y;
}

fn bias_at(m: u32, j: u32, group: u32) -> u32 {
    let at = place(m);
    return (((group * sizes[1] + j) * sizes[11] + at.x) * sizes[12] + at.y) / sizes[5];
}
