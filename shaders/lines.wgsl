// Lines around a piecewise linear function on intervals: with one kink at zero, or between two bounds.
// Proves: below_slope x + below_shift <= f(x) <= above_slope x + above_shift for l <= x <= u.
// From: the difference of a piecewise linear function and any line is largest at an end or the kink;
//   chords and the steeper piece's slope, as on the host (layer/chord.rs).
// Rounding: shifts outward, for the slopes as they are stored.
// Cost: one pass.
// Loose when: the interval meets a kink.

@group(0) @binding(2) var<storage, read> low: array<real>;
@group(0) @binding(3) var<storage, read> high: array<real>;
@group(0) @binding(4) var<storage, read_write> below_slope: array<real>;
@group(0) @binding(5) var<storage, read_write> below_shift: array<real>;
@group(0) @binding(6) var<storage, read_write> above_slope: array<real>;
@group(0) @binding(7) var<storage, read_write> above_shift: array<real>;

// Roundings of a difference, and what a slope may be off where it is computed once more instead of kept: a quotient
// is within 3 units, and so are its operands.
const RESERVE: real = real(24.0);

// f(x) − s x at an end, where f has the slope c ± r below zero.
fn gap(x: real, s: real, c: real, r: real) -> Ends {
    if x >= ZERO {
        if s == ONE {
            return Ends(ZERO, ZERO);
        }
        let g = x - s * x;
        let m = margin(RESERVE, abs(x) + abs(s * x));
        return Ends(g - m, g + m);
    }
    if s == c && r == ZERO {
        return Ends(ZERO, ZERO);
    }
    let g = c * x - s * x;
    let m = margin(RESERVE, abs(c * x) + abs(s * x)) + up(r * abs(x));
    return Ends(g - m, g + m);
}

// The least and the largest difference, that at the kink among them.
fn gaps(l: real, u: real, s: real, c: real, r: real) -> Ends {
    let a = gap(l, s, c, r);
    let b = gap(u, s, c, r);
    return Ends(min(min(a.l, b.l), ZERO), max(max(a.u, b.u), ZERO));
}

struct Lines {
    free: real,
    chord: real,
    // Is the lower line the free one?
    convex: bool,
    f: Ends,
    s: Ends,
}

fn bent(l: real, u: real, c: real, r: real) -> Lines {
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
    return Lines(free, chord, c <= ONE, gaps(l, u, free, c, r), gaps(l, u, chord, c, r));
}

// f(x) between two bounds, at a number.
fn clipped(x: real) -> Ends {
    return Ends(min(max(x, consts[12]), consts[15]), max(min(x, consts[13]), consts[14]));
}

// f(x) − s x for ends v of the value, for an x that is off by r.
fn beside(v: Ends, x: real, s: real, r: real) -> Ends {
    if s == ZERO {
        return v;
    }
    if s == ONE && v.l == x && v.u == x && r == ZERO {
        return Ends(ZERO, ZERO);
    }
    let m = margin(RESERVE, max(abs(v.l), abs(v.u)) + abs(s * x)) + up(r * abs(s));
    return Ends(v.l - s * x - m, v.u - s * x + m);
}

// At both ends, and at the kinks that may lie between.
fn clip_gaps(l: real, u: real, s: real, low_kink: bool, high_kink: bool) -> Ends {
    let a = beside(clipped(l), l, s, ZERO);
    let b = beside(clipped(u), u, s, ZERO);
    var y = Ends(min(a.l, b.l), max(a.u, b.u));
    if low_kink {
        let k = beside(Ends(consts[12], consts[14]), consts[8], s, consts[9]);
        y = Ends(min(y.l, k.l), max(y.u, k.u));
    }
    if high_kink {
        let k = beside(Ends(consts[15], consts[13]), consts[10], s, consts[11]);
        y = Ends(min(y.l, k.l), max(y.u, k.u));
    }
    return y;
}

fn clip(l: real, u: real) -> Lines {
    let low_kink = l < consts[14] && u > consts[12];
    let high_kink = l < consts[13] && u > consts[15];
    var chord = ZERO;
    if l >= consts[5] && u <= consts[6] {
        chord = ONE;
    } else if u > l && u > consts[4] && l < consts[7] {
        chord = min(max((clipped(u).l - clipped(l).l) / (u - l), ZERO), ONE);
    }
    var free = chord;
    if low_kink && !high_kink {
        free = select(ZERO, ONE, u - consts[8] > consts[8] - l);
    }
    if high_kink && !low_kink {
        free = select(ZERO, ONE, u - consts[10] < consts[10] - l);
    }
    let f = clip_gaps(l, u, free, low_kink, high_kink);
    let s = clip_gaps(l, u, chord, low_kink, high_kink);
    return Lines(free, chord, !high_kink, f, s);
}

// Sizes: [0] entries, [1] features, [2] repeat, [3] slopes, [4] 1: between bounds. Constants: as in activate.wgsl.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let l = low[at];
    let u = high[at];
    var y: Lines;
    if sizes[4] == 1u {
        y = clip(l, u);
    } else {
        let k = (at % sizes[1] / sizes[2]) % sizes[3];
        y = bent(l, u, consts[5u + 4u * k], consts[6u + 4u * k]);
    }
    below_slope[at] = select(y.chord, y.free, y.convex);
    below_shift[at] = select(y.s.l, y.f.l, y.convex);
    above_slope[at] = select(y.free, y.chord, y.convex);
    above_shift[at] = select(y.f.u, y.s.u, y.convex);
}
