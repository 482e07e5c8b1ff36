// Part of the features of x, put somewhere among those of y.
// Proves: equal entries.
// From: nothing but positions.
// Rounding: none; a flushed copy is covered by the absolute slack.
// Cost: one pass.
// Loose when: never beyond that.

@group(0) @binding(2) var<storage, read> xc: array<real>;
@group(0) @binding(3) var<storage, read> xr: array<real>;
@group(0) @binding(4) var<storage, read_write> yc: array<real>;
@group(0) @binding(5) var<storage, read_write> yr: array<real>;

// Sizes: [0] entries, [1] features copied, [2] features of x, [3] first of
// them, [4] features of y, [5] first of them.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let vector = at / sizes[1];
    let k = at % sizes[1];
    let src = vector * sizes[2] + sizes[3] + k;
    let to = vector * sizes[4] + sizes[5] + k;
    yc[to] = xc[src];
    yr[to] = up(xr[src]);
}
