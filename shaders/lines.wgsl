// Lines around a function with one kink at zero, on intervals.
// Proves: below_slope x + below_shift <= f(x) <= above_slope x + above_shift for l <= x <= u.
// From: the difference of a piecewise linear function and any line is largest at an end or the kink;
//   chords and the steeper piece's slope, as on the host (layer/chord.rs).
// Rounding: shifts outward, for the slopes as they are stored.
// Cost: one pass.
// Loose when: the interval meets the kink.

@group(0) @binding(2) var<storage, read> low: array<real>;
@group(0) @binding(3) var<storage, read> high: array<real>;
@group(0) @binding(4) var<storage, read_write> below_slope: array<real>;
@group(0) @binding(5) var<storage, read_write> below_shift: array<real>;
@group(0) @binding(6) var<storage, read_write> above_slope: array<real>;
@group(0) @binding(7) var<storage, read_write> above_shift: array<real>;

// f(x) − s x at an end, where f has the slope c ± r below zero.
fn gap(x: real, s: real, c: real, r: real) -> Ends {
    if x >= ZERO {
        if s == ONE {
            return Ends(ZERO, ZERO);
        }
        let g = x - s * x;
        let m = margin(real(6.0), abs(x) + abs(s * x));
        return Ends(g - m, g + m);
    }
    if s == c && r == ZERO {
        return Ends(ZERO, ZERO);
    }
    let g = c * x - s * x;
    let m = margin(real(6.0), abs(c * x) + abs(s * x)) + up(r * abs(x));
    return Ends(g - m, g + m);
}

// The least and the largest difference, that at the kink among them.
fn gaps(l: real, u: real, s: real, c: real, r: real) -> Ends {
    let a = gap(l, s, c, r);
    let b = gap(u, s, c, r);
    return Ends(min(min(a.l, b.l), ZERO), max(max(a.u, b.u), ZERO));
}

// Sizes: [0] entries, [1] features, [2] repeat, [3] slopes. Constants: [4] the smallest normal number, then per
// slope its centre, radius, lower and upper end.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let k = (at % sizes[1] / sizes[2]) % sizes[3];
    let c = consts[5u + 4u * k];
    let r = consts[6u + 4u * k];
    let l = low[at];
    let u = high[at];
    var free = c;
    var chord = c;
    if l >= ZERO {
        free = ONE;
        chord = ONE;
    } else if u > ZERO {
        if u > -l {
            free = ONE;
        }
        // Whatever this is: a line with any slope serves.
        chord = min(max((u - c * l) / (u - l), min(c, ONE)), max(c, ONE));
    }
    let f = gaps(l, u, free, c, r);
    let s = gaps(l, u, chord, c, r);
    // Convex: the lower line is free.
    let convex = c <= ONE;
    below_slope[at] = select(chord, free, convex);
    below_shift[at] = select(s.l, f.l, convex);
    above_slope[at] = select(free, chord, convex);
    above_shift[at] = select(f.u, s.u, convex);
}
