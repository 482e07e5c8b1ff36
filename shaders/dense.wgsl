// W x + b for a matrix, forward or transposed.
// Proves: y contains W x + b for every x of the argument.
// From: a-priori bounds of sums in any order (shared/product.wgsl).
// Rounding: gamma of depth + 4 operations on centre and radius.
// Cost: two products per weight and vector, one pass over W.
// Loose when: radii are far below gamma |c|.

// Sizes: [9] is W read transposed.

fn place_of(m: u32, group: u32) -> vec3<i32> {
    return vec3<i32>(i32(m * sizes[2]), 0, 0);
}

fn tap_of(k: u32, group: u32) -> vec4<i32> {
    return vec4<i32>(i32(k), 0, 0, i32(select(k, k * sizes[1], sizes[9] != 0u)));
}

fn operand(place: vec3<i32>, tap: vec4<i32>) -> i32 {
    return place.x + tap.x;
}

fn step_j() -> u32 {
    return select(sizes[2], 1u, sizes[9] != 0u);
}

fn result(m: u32, j: u32, group: u32) -> u32 {
    return m * sizes[1] + j;
}

fn bias_at(m: u32, j: u32, group: u32) -> u32 {
    return j / sizes[5];
}
