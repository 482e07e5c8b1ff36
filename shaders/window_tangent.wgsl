// The hull of the open entries' tangents.
// Proves: y contains every convex combination of a window's open entries.
// From: convexity of intervals.
// Rounding: ends outward; a sole open entry is copied.
// Cost: one read per entry of a window and row.
// Loose when: several entries are open.

@group(0) @binding(2) var<storage, read> xc: array<real>;
@group(0) @binding(3) var<storage, read> xr: array<real>;
@group(0) @binding(4) var<storage, read> gate_lo: array<real>;
@group(0) @binding(5) var<storage, read> gate_hi: array<real>;
@group(0) @binding(6) var<storage, read> start: array<u32>;
@group(0) @binding(7) var<storage, read> index: array<u32>;
@group(0) @binding(8) var<storage, read_write> yc: array<real>;
@group(0) @binding(9) var<storage, read_write> yr: array<real>;

// Sizes: [0] entries, [1] outputs, [2] inputs, [3] edges, [4] rows, [5] first vector.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let i = at % sizes[1];
    let vector = at / sizes[1];
    let gates = (vector + sizes[5]) / sizes[4] * sizes[3];
    let base = vector * sizes[2];
    var hull = Ends(ZERO, ZERO);
    var any = false;
    var most = ZERO;
    var sole = Entry(ZERO, ZERO);
    var decided = false;
    for (var e = start[i]; e < start[i + 1u]; e++) {
        if gate_hi[gates + e] == ZERO {
            continue;
        }
        let src = base + index[e];
        let x = Entry(xc[src], xr[src]);
        if gate_lo[gates + e] == ONE {
            sole = x;
            decided = true;
        }
        let n = ends(x);
        most = max(most, max(abs(x.c), x.r));
        if any {
            hull = Ends(min(hull.l, n.l), max(hull.u, n.u));
        } else {
            hull = n;
        }
        any = true;
    }
    var y = sole;
    if !decided && most > ZERO {
        y = recentre(hull.l, hull.u);
    }
    yc[at] = y.c;
    yr[at] = y.r;
}
