// The maximum over each window.
// Proves: y contains the maximum for every x of the argument.
// From: the largest lower end against the upper ends of all others.
// Rounding: ends outward; a sole winner is copied.
// Cost: two reads per entry of a window.
// Loose when: several entries overlap.

@group(0) @binding(2) var<storage, read> xc: array<real>;
@group(0) @binding(3) var<storage, read> xr: array<real>;
@group(0) @binding(4) var<storage, read> start: array<u32>;
@group(0) @binding(5) var<storage, read> index: array<u32>;
@group(0) @binding(6) var<storage, read_write> yc: array<real>;
@group(0) @binding(7) var<storage, read_write> yr: array<real>;

// Sizes: [0] entries, [1] outputs, [2] inputs.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let i = at % sizes[1];
    let base = at / sizes[1] * sizes[2];
    var best = base + index[start[i]];
    var top = ends(Entry(xc[best], xr[best]));
    let first = top;
    var floor = first.l;
    // The greatest upper end of all but the champion.
    var others = ZERO;
    var any = false;
    for (var e = start[i] + 1u; e < start[i + 1u]; e++) {
        let src = base + index[e];
        let x = ends(Entry(xc[src], xr[src]));
        var loser = x.u;
        if x.l > floor {
            loser = top.u;
            top = x;
            floor = x.l;
            best = src;
        }
        if !any || loser > others {
            others = loser;
        }
        any = true;
    }
    var y = Entry(xc[best], xr[best]);
    if any && others > floor {
        y = recentre(floor, max(others, top.u));
    }
    yc[at] = y.c;
    yr[at] = y.r;
}
