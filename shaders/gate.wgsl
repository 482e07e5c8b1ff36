// s x for all slopes s of an item's intervals; its rows share them.
// Proves: y contains s x for every s and x of the arguments.
// From: the four products of end points.
// Rounding: ends outward; slope 1 copies, a number scales the centre.
// Cost: one pass.
// Loose when: the same slope meets several rows (their dependence is lost).

@group(0) @binding(2) var<storage, read> xc: array<real>;
@group(0) @binding(3) var<storage, read> xr: array<real>;
@group(0) @binding(4) var<storage, read> slope_lo: array<real>;
@group(0) @binding(5) var<storage, read> slope_hi: array<real>;
@group(0) @binding(6) var<storage, read_write> yc: array<real>;
@group(0) @binding(7) var<storage, read_write> yr: array<real>;

// Sizes: [0] entries, [1] features, [2] rows per item, [3] first vector.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let item = (at / sizes[1] + sizes[3]) / sizes[2];
    let s = item * sizes[1] + at % sizes[1];
    let y = gated(slope_lo[s], slope_hi[s], Entry(xc[at], xr[at]));
    yc[at] = y.c;
    yr[at] = y.r;
}
