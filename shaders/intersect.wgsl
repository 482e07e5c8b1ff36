// Two enclosures of the same quantity.
// Proves: y contains what both contain.
// From: the ends of both; one inside the other is copied.
// Rounding: ends outward.
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
    let a = Entry(ac[at], ar[at]);
    let b = Entry(bc[at], br[at]);
    let x = ends(a);
    let z = ends(b);
    var y = a;
    if z.l >= x.l && z.u <= x.u {
        y = b;
    }
    let l = max(x.l, z.l);
    let u = min(x.u, z.u);
    let inside = (x.l >= z.l && x.u <= z.u) || (z.l >= x.l && z.u <= x.u);
    if !inside && l <= u {
        y = recentre(l, u);
    }
    yc[at] = y.c;
    yr[at] = y.r;
}
