// A convolution: any stride, padding, dilation and groups.
// Proves: y contains W * x + b for every x of the argument.
// From: a-priori bounds of sums in any order (shared/product.wgsl).
// Rounding: gamma of depth + 4 operations on centre and radius.
// Cost: two products per tap and output; patches are never stored.
// Loose when: radii are far below gamma |c|.

// Sizes: [6] in channels, [7] out channels, [8] 9] input, [10] 11] output,
// [12] 13] kernel, [14] 15] stride, [16] 17] dilation, [18] 19] pad, [20] groups.

// The vector's and the group's first channel, and where the kernel's corner lies.
fn place_of(m: u32, group: u32) -> vec3<i32> {
    let pixels = sizes[10] * sizes[11];
    let o = m % pixels;
    let channel = m / pixels * sizes[6] + group * (sizes[6] / sizes[20]);
    let y = i32(o / sizes[11] * sizes[14]) - i32(sizes[18]);
    let x = i32(o % sizes[11] * sizes[15]) - i32(sizes[19]);
    return vec3<i32>(i32(channel), y, x);
}

fn tap_of(k: u32, group: u32) -> vec4<i32> {
    let taps = sizes[12] * sizes[13];
    let tap = k % taps;
    let y = tap / sizes[13] * sizes[16];
    let x = tap % sizes[13] * sizes[17];
    return vec4<i32>(vec4<u32>(k / taps, y, x, group * sizes[1] * sizes[2] + k));
}

fn operand(place: vec3<i32>, tap: vec4<i32>) -> i32 {
    let at = place + tap.xyz;
    let size = vec2<i32>(i32(sizes[8]), i32(sizes[9]));
    if any(at.yz < vec2<i32>(0)) || any(at.yz >= size) {
        return -1;
    }
    return (at.x * size.x + at.y) * size.y + at.z;
}

fn step_j() -> u32 {
    return sizes[2];
}

fn result(m: u32, j: u32, group: u32) -> u32 {
    let pixels = sizes[10] * sizes[11];
    return ((m / pixels) * sizes[7] + group * sizes[1] + j) * pixels + m % pixels;
}

fn bias_at(m: u32, j: u32, group: u32) -> u32 {
    let pixels = sizes[10] * sizes[11];
    return ((group * sizes[1] + j) * pixels + m % pixels) / sizes[5];
}
