// The transpose of window maxima: every input collects what its open edges pass.
// Proves: y contains Gᵀ g for every G of the gates and g of the argument.
// From: end-point gates per edge.
// Rounding: one outward step per addition.
// Cost: one read per entry of a window and row.
// Loose when: several entries of a window are open.

@group(0) @binding(2) var<storage, read> gc: array<real>;
@group(0) @binding(3) var<storage, read> gr: array<real>;
@group(0) @binding(4) var<storage, read> gate_lo: array<real>;
@group(0) @binding(5) var<storage, read> gate_hi: array<real>;
@group(0) @binding(6) var<storage, read> start: array<u32>;
@group(0) @binding(7) var<storage, read> index: array<u32>;
@group(0) @binding(8) var<storage, read> edge: array<u32>;
@group(0) @binding(9) var<storage, read_write> yc: array<real>;
@group(0) @binding(10) var<storage, read_write> yr: array<real>;

// Sizes: [0] entries, [1] inputs, [2] outputs, [3] edges, [4] rows, [5] first vector.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let j = at % sizes[1];
    let vector = at / sizes[1];
    let gates = (vector + sizes[5]) / sizes[4] * sizes[3];
    var sum = Sum(ZERO, ZERO, ZERO, ZERO);
    for (var t = start[j]; t < start[j + 1u]; t++) {
        let g = gates + edge[t];
        if gate_hi[g] == ZERO {
            continue;
        }
        let src = vector * sizes[2] + index[t];
        sum = plus(sum, gated(gate_lo[g], gate_hi[g], Entry(gc[src], gr[src])));
    }
    let y = total(sum);
    yc[at] = y.c;
    yr[at] = y.r;
}
