// Norms of all columns of a block's items: the sum of magnitudes or of their
// squares over the rows, and the largest.
// Proves: with the host's bound, the norm of every member's column.
// From: norms are monotone in magnitudes, which |c| + r bounds; sums in any order.
// Rounding: gamma of the rows and what underflows, added by the host.
// Cost: one read per entry; one invocation per column.
// Loose when: there are many rows.

@group(0) @binding(2) var<storage, read> xc: array<real>;
@group(0) @binding(3) var<storage, read> xr: array<real>;
@group(0) @binding(4) var<storage, read_write> norms: array<real>;

// Sizes: [0] columns of all items, [1] features, [2] rows, [3] are squares summed.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let base = at / sizes[1] * sizes[2] * sizes[1] + at % sizes[1];
    var sum = ZERO;
    var most = ZERO;
    for (var row = 0u; row < sizes[2]; row++) {
        let size = abs(xc[base + row * sizes[1]]) + xr[base + row * sizes[1]];
        sum += select(size, size * size, sizes[3] != 0u);
        most = max(most, size);
    }
    norms[2u * at] = sum;
    norms[2u * at + 1u] = most;
}
