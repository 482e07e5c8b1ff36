// Upper bounds added up, one a row.
// Proves: sum is not below what was there plus the bound that the part states.
// From: a part is a bound, or a sum of terms with one of their magnitudes (row_dot.wgsl).
// Rounding: up.
// Cost: one pass over rows.
// Loose when: never beyond rounding.

@group(0) @binding(2) var<storage, read> part: array<real>;
@group(0) @binding(3) var<storage, read_write> sum: array<real>;

// Sizes: [0] rows, [1] numbers of a part: 1, or 2 with magnitudes, [2] is it the first part?
// Constants: [4] what magnitudes count, [5] what is added besides.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let value = part[at * sizes[1]];
    var lost = consts[5];
    if sizes[1] == 2u {
        lost += consts[4] * part[at * 2u + 1u];
    }
    var before = ZERO;
    if sizes[2] == 0u {
        before = sum[at];
    }
    sum[at] = before + value + lost + margin(real(8.0), abs(before) + abs(value) + lost);
}
