// Sums of squared magnitudes over every column of a batch of matrices.
// Proves: with the host's bound, the norm of every column.
// From: sums in any order.
// Rounding: gamma of twice the rows, added by the host.
// Cost: one pass.
// Loose when: never beyond rounding.

@group(0) @binding(2) var<storage, read> re: array<real>;
@group(0) @binding(3) var<storage, read> im: array<real>;
@group(0) @binding(4) var<storage, read_write> sums: array<real>;

// Sizes: [0] columns of all matrices, [1] rows, [2] cols, [3] is it complex.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let base = at / sizes[2] * sizes[1] * sizes[2] + at % sizes[2];
    var sum = ZERO;
    for (var r = 0u; r < sizes[1]; r++) {
        let x = re[base + r * sizes[2]];
        sum += x * x;
        if sizes[3] != 0u {
            let y = im[base + r * sizes[2]];
            sum += y * y;
        }
    }
    sums[at] = sum;
}
