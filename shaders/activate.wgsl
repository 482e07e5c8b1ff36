// A piecewise-linear function on intervals, with the slopes it can have there.
// Proves: y contains f(x), the slopes contain every generalised derivative.
// From: the pieces that the ends of x meet; a kink needs both signs proven.
// Rounding: ends outward; an argument on one piece keeps its centre.
// Cost: one pass.
// Loose when: the interval meets a kink.

@group(0) @binding(2) var<storage, read> xc: array<real>;
@group(0) @binding(3) var<storage, read> xr: array<real>;
@group(0) @binding(4) var<storage, read_write> yc: array<real>;
@group(0) @binding(5) var<storage, read_write> yr: array<real>;
@group(0) @binding(6) var<storage, read_write> slope_lo: array<real>;
@group(0) @binding(7) var<storage, read_write> slope_hi: array<real>;

// Sizes: [0] entries, [1] features, [2] 0: leaky, 1: clip, [3] repeat, [4] slopes.
// Constants of leaky: [4] smallest normal number, then per slope its centre,
// radius, lower and upper end. Of clip: [4] the argument at and below which the
// value is the lower bound, [5] 6] ends of the linear part, [7] where the upper
// bound starts, [8] 9] the lower bound and its radius, [10] 11] the upper one's,
// [12] the lower bound rounded down, [13] the upper one up, [14] the lower up,
// [15] the upper down.
fn clip(x: Entry, e: Ends) -> array<Entry, 2> {
    if e.u <= consts[4] {
        return array<Entry, 2>(Entry(consts[8], consts[9]), Entry(ZERO, ZERO));
    }
    if e.l >= consts[7] {
        return array<Entry, 2>(Entry(consts[10], consts[11]), Entry(ZERO, ZERO));
    }
    if e.l >= consts[5] && e.u <= consts[6] {
        return array<Entry, 2>(x, Entry(ONE, ONE));
    }
    let l = min(max(e.l, consts[12]), consts[15]);
    let u = max(min(e.u, consts[13]), consts[14]);
    return array<Entry, 2>(recentre(l, u), Entry(ZERO, ONE));
}

fn leaky(x: Entry, e: Ends, k: u32) -> array<Entry, 2> {
    if e.l >= consts[4] {
        return array<Entry, 2>(x, Entry(ONE, ONE));
    }
    let c = consts[5u + 4u * k];
    let r = consts[6u + 4u * k];
    let lo = consts[7u + 4u * k];
    let hi = consts[8u + 4u * k];
    if e.u <= -consts[4] {
        let slope = Entry(lo, hi);
        if c == ZERO && r == ZERO {
            return array<Entry, 2>(Entry(ZERO, ZERO), slope);
        }
        let y = c * x.c;
        return array<Entry, 2>(Entry(y, up(abs(c) * x.r + r * (abs(x.c) + x.r)) + margin(ONE, abs(y))), slope);
    }
    let slope = Entry(min(lo, ONE), max(hi, ONE));
    // The lower end may be positive by a flushed amount: min covers it.
    let below = c * e.l;
    let slack = up(r * abs(e.l)) + margin(TWO, abs(below));
    if lo >= ZERO {
        return array<Entry, 2>(recentre(min(below - slack, ZERO), max(e.u, ZERO)), slope);
    }
    let least = select(ZERO, min(ZERO, below - slack), hi > ZERO);
    return array<Entry, 2>(recentre(least, max(max(e.u, below + slack), ZERO)), slope);
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let x = Entry(xc[at], xr[at]);
    let e = ends(x);
    var y: array<Entry, 2>;
    if sizes[2] == 1u {
        y = clip(x, e);
    } else {
        y = leaky(x, e, (at % sizes[1] / sizes[3]) % sizes[4]);
    }
    yc[at] = y[0].c;
    yr[at] = y[0].r;
    slope_lo[at] = y[1].c;
    slope_hi[at] = y[1].r;
}
