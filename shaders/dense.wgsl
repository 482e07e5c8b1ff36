// W x + b for a matrix, forward or transposed.
// Proves: y contains W x + b for every x of the argument.
// From: a-priori bounds of sums in any order (shared/product.wgsl).
// Rounding: gamma of depth + 4 operations on centre and radius.
// Cost: two products per weight and vector, one pass over W.
// Loose when: radii are far below gamma |c|.

// Sizes: [6] is W read transposed.

fn operand(m: u32, k: u32, group: u32) -> i32 {
    return i32(m * sizes[2] + k);
}

fn weight_at(k: u32, j: u32, group: u32) -> u32 {
    return select(j * sizes[2] + k, k * sizes[1] + j, sizes[6] != 0u);
}

fn result(m: u32, j: u32, group: u32) -> u32 {
    return m * sizes[1] + j;
}

fn bias_at(m: u32, j: u32, group: u32) -> u32 {
    return j / sizes[5];
}
