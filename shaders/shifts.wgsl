// Shifts of lines around a piecewise linear function on intervals, for slopes that are there.
// Proves: below_slope x + below_shift <= f(x) <= above_slope x + above_shift for l <= x <= u.
// From: the difference of a piecewise linear function and any line is largest at an end or a kink.
// Rounding: outward. Slopes are read, so nobody computes them otherwise.
// Cost: one pass.
// Loose when: slopes are far from those of the pieces.

@group(0) @binding(2) var<storage, read> low: array<real>;
@group(0) @binding(3) var<storage, read> high: array<real>;
@group(0) @binding(4) var<storage, read> below_slope: array<real>;
@group(0) @binding(5) var<storage, read> above_slope: array<real>;
@group(0) @binding(6) var<storage, read_write> below_shift: array<real>;
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
fn bent(l: real, u: real, s: real, c: real, r: real) -> Ends {
    let a = gap(l, s, c, r);
    let b = gap(u, s, c, r);
    return Ends(min(min(a.l, b.l), ZERO), max(max(a.u, b.u), ZERO));
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
    let m = margin(real(6.0), max(abs(v.l), abs(v.u)) + abs(s * x)) + up(r * abs(s));
    return Ends(v.l - s * x - m, v.u - s * x + m);
}

// At both ends, and at the kinks that may lie between.
fn clip(l: real, u: real, s: real) -> Ends {
    let a = beside(clipped(l), l, s, ZERO);
    let b = beside(clipped(u), u, s, ZERO);
    var y = Ends(min(a.l, b.l), max(a.u, b.u));
    if l < consts[14] && u > consts[12] {
        let k = beside(Ends(consts[12], consts[14]), consts[8], s, consts[9]);
        y = Ends(min(y.l, k.l), max(y.u, k.u));
    }
    if l < consts[13] && u > consts[15] {
        let k = beside(Ends(consts[15], consts[13]), consts[10], s, consts[11]);
        y = Ends(min(y.l, k.l), max(y.u, k.u));
    }
    return y;
}

// Sizes and constants: as in slopes.wgsl.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let l = low[at];
    let u = high[at];
    if sizes[4] == 1u {
        below_shift[at] = clip(l, u, below_slope[at]).l;
        above_shift[at] = clip(l, u, above_slope[at]).u;
        return;
    }
    let k = (at % sizes[1] / sizes[2]) % sizes[3];
    let c = consts[5u + 4u * k];
    let r = consts[6u + 4u * k];
    below_shift[at] = bent(l, u, below_slope[at], c, r).l;
    above_shift[at] = bent(l, u, above_slope[at], c, r).u;
}
