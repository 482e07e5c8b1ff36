// Coefficients of a linear bound behind window maxima: to the bounding edge,
// positive ones only where it attains the maximum.
// Proves: y contains the sum of the coefficients that reach an input.
// From: linear relaxation of a maximum (constants: row_dot.wgsl).
// Rounding: one outward step per addition.
// Cost: one read per entry of a window and row.
// Loose when: several entries overlap.

@group(0) @binding(2) var<storage, read> ac: array<real>;
@group(0) @binding(3) var<storage, read> bounding: array<u32>;
@group(0) @binding(4) var<storage, read> attained: array<u32>;
@group(0) @binding(5) var<storage, read> start: array<u32>;
@group(0) @binding(6) var<storage, read> index: array<u32>;
@group(0) @binding(7) var<storage, read> edge: array<u32>;
@group(0) @binding(8) var<storage, read_write> yc: array<real>;
@group(0) @binding(9) var<storage, read_write> yr: array<real>;

// Sizes: [0] entries, [1] inputs, [2] outputs, [3] rows, [4] first vector.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let j = at % sizes[1];
    let vector = at / sizes[1];
    let lines = (vector + sizes[4]) / sizes[3] * sizes[2];
    var sum = Sum(ZERO, ZERO, ZERO, ZERO);
    for (var t = start[j]; t < start[j + 1u]; t++) {
        let i = index[t];
        let c = ac[vector * sizes[2] + i];
        let passes = c < ZERO || attained[lines + i] != 0u;
        if bounding[lines + i] == edge[t] && passes {
            sum = plus(sum, Entry(c, ZERO));
        }
    }
    let y = total(sum);
    yc[at] = y.c;
    yr[at] = up(y.r);
}
