// Ends of enclosures.
// Proves: low <= every member <= high.
// From: centre and radius.
// Rounding: outward.
// Cost: one pass.
// Loose when: never beyond rounding.

@group(0) @binding(2) var<storage, read> xc: array<real>;
@group(0) @binding(3) var<storage, read> xr: array<real>;
@group(0) @binding(4) var<storage, read_write> low: array<real>;
@group(0) @binding(5) var<storage, read_write> high: array<real>;

// Sizes: [0] entries.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let x = Entry(xc[at], xr[at]);
    var e = Ends(ZERO, ZERO);
    if !nothing(x) {
        e = ends(x);
    }
    low[at] = e.l;
    high[at] = e.u;
}
