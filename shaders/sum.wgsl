// a + b.
// Proves: y contains a + b for all members of the arguments.
// From: interval arithmetic in centre-radius form.
// Rounding: radii up; one operation on the centre.
// Cost: one pass.
// Loose when: never beyond rounding.

@group(0) @binding(2) var<storage, read> ac: array<real>;
@group(0) @binding(3) var<storage, read> ar: array<real>;
@group(0) @binding(4) var<storage, read> bc: array<real>;
@group(0) @binding(5) var<storage, read> br: array<real>;
@group(0) @binding(6) var<storage, read_write> yc: array<real>;
@group(0) @binding(7) var<storage, read_write> yr: array<real>;

// Sizes: [0] entries.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let y = added(Entry(ac[at], ar[at]), Entry(bc[at], br[at]));
    yc[at] = y.c;
    yr[at] = y.r;
}
