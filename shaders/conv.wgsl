// A convolution: any stride, padding, dilation and groups.
// Proves: y contains W * x + b for every x of the argument.
// From: a-priori bounds of sums in any order (shared/product.wgsl).
// Rounding: gamma of depth + 4 operations on centre and radius.
// Cost: two products per tap and output; patches are never stored.
// Loose when: radii are far below gamma |c|.

// Sizes: [9] in channels, [10] out channels, [11] 12] input, [13] 14] output,
// [15] 16] kernel, [17] 18] stride, [19] 20] dilation, [21] 22] pad, [23] groups.

// The vector's and the group's first channel, and where the kernel's corner lies.
fn place_of(m: u32, group: u32) -> vec3<i32> {
    let pixels = sizes[13] * sizes[14];
    let o = m % pixels;
    let channel = m / pixels * sizes[9] + group * (sizes[9] / sizes[23]);
    let y = i32(o / sizes[14] * sizes[17]) - i32(sizes[21]);
    let x = i32(o % sizes[14] * sizes[18]) - i32(sizes[22]);
    return vec3<i32>(i32(channel), y, x);
}

fn tap_of(k: u32, group: u32) -> vec4<i32> {
    let taps = sizes[15] * sizes[16];
    let tap = k % taps;
    let y = tap / sizes[16] * sizes[19];
    let x = tap % sizes[16] * sizes[20];
    return vec4<i32>(vec4<u32>(k / taps, y, x, group * sizes[1] * sizes[2] + k));
}

fn operand(place: vec3<i32>, tap: vec4<i32>) -> i32 {
    let at = place + tap.xyz;
    let size = vec2<i32>(i32(sizes[11]), i32(sizes[12]));
    if any(at.yz < vec2<i32>(0)) || any(at.yz >= size) {
        return -1;
    }
    return (at.x * size.x + at.y) * size.y + at.z;
}

fn step_j() -> u32 {
    return sizes[2];
}

fn result(m: u32, j: u32, group: u32) -> u32 {
    let pixels = sizes[13] * sizes[14];
    return ((m / pixels) * sizes[10] + group * sizes[1] + j) * pixels + m % pixels;
}

fn bias_at(m: u32, j: u32, group: u32) -> u32 {
    let pixels = sizes[13] * sizes[14];
    return ((group * sizes[1] + j) * pixels + m % pixels) / sizes[5];
}
