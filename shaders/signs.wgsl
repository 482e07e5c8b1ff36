// Rows e_j and −e_j in turn, for features j of every item.
// Proves: every entry is exact.
// From: a list of features.
// Rounding: none.
// Cost: one write per entry.
// Loose when: never.

@group(0) @binding(2) var<storage, read> wanted: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<real>;

// Sizes: [0] entries, [1] features, [2] first row as the list counts.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let row = at / sizes[1] + sizes[2];
    var value = ZERO;
    // Two rows each; no feature has the number of a row that wants none.
    if wanted[row / 2u] == at % sizes[1] {
        value = select(ONE, -ONE, row % 2u == 1u);
    }
    y[at] = value;
}
