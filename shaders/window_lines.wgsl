// Lines around maxima of windows, on ends of their entries.
// Proves: below the maximum lies the value of the bounding edge; above it the same where that attains the maximum, else
//   the ceiling.
// From: the largest lower end against the upper ends of all others, as on the host.
// Rounding: none; ends are compared and copied.
// Cost: two reads per entry of a window, and one more of its upper end.
// Loose when: several entries overlap.

@group(0) @binding(2) var<storage, read> low: array<real>;
@group(0) @binding(3) var<storage, read> high: array<real>;
@group(0) @binding(4) var<storage, read> start: array<u32>;
@group(0) @binding(5) var<storage, read> index: array<u32>;
@group(0) @binding(6) var<storage, read_write> bounding: array<u32>;
@group(0) @binding(7) var<storage, read_write> attained: array<u32>;
@group(0) @binding(8) var<storage, read_write> ceiling: array<real>;

// Sizes: [0] entries, [1] outputs, [2] inputs.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let i = at % sizes[1];
    let base = at / sizes[1] * sizes[2];
    let first = start[i];
    let end = start[i + 1u];
    var best = first;
    var alone = true;
    var top = ZERO;
    if first < end {
        var floor = low[base + index[first]];
        for (var e = first + 1u; e < end; e++) {
            let l = low[base + index[e]];
            if l > floor {
                best = e;
                floor = l;
            }
        }
        top = high[base + index[best]];
        for (var e = first; e < end; e++) {
            let u = high[base + index[e]];
            if e != best && u > floor {
                alone = false;
                top = max(top, u);
            }
        }
    }
    bounding[at] = best;
    attained[at] = select(0u, 1u, alone);
    ceiling[at] = select(top, ZERO, alone);
}
