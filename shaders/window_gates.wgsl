// Which entries of a window can attain its maximum.
// Proves: every generalised gradient of the maximum is a convex combination
//   of the open entries.
// From: an entry that never exceeds the champion's lower end is never needed.
// Rounding: ends outward.
// Cost: two reads per entry of a window.
// Loose when: several entries overlap.

@group(0) @binding(2) var<storage, read> xc: array<real>;
@group(0) @binding(3) var<storage, read> xr: array<real>;
@group(0) @binding(4) var<storage, read> start: array<u32>;
@group(0) @binding(5) var<storage, read> index: array<u32>;
@group(0) @binding(6) var<storage, read_write> gate_lo: array<real>;
@group(0) @binding(7) var<storage, read_write> gate_hi: array<real>;

// Sizes: [0] windows of all items, [1] windows, [2] inputs, [3] edges.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let i = at % sizes[1];
    let item = at / sizes[1];
    let base = item * sizes[2];
    var best = start[i];
    let first = base + index[best];
    var floor = ends(Entry(xc[first], xr[first])).l;
    for (var e = start[i] + 1u; e < start[i + 1u]; e++) {
        let src = base + index[e];
        let l = ends(Entry(xc[src], xr[src])).l;
        if l > floor {
            best = e;
            floor = l;
        }
    }
    var alone = true;
    for (var e = start[i]; e < start[i + 1u]; e++) {
        let src = base + index[e];
        let open = e != best && ends(Entry(xc[src], xr[src])).u > floor;
        let to = item * sizes[3] + e;
        gate_lo[to] = ZERO;
        gate_hi[to] = select(ZERO, ONE, open);
        alone = alone && !open;
    }
    let to = item * sizes[3] + best;
    gate_hi[to] = ONE;
    gate_lo[to] = select(ZERO, ONE, alone);
}
