// Slopes of lines around a piecewise linear function on intervals: with one kink at zero, or between two bounds.
// Proves: nothing; any slopes serve (shifts.wgsl).
// From: chords, and the steeper piece's slope for the line that is free, as on the host (layer/chord.rs).
// Rounding: any.
// Cost: one pass.
// Loose when: the interval meets a kink.

@group(0) @binding(2) var<storage, read> low: array<real>;
@group(0) @binding(3) var<storage, read> high: array<real>;
@group(0) @binding(4) var<storage, read_write> below: array<real>;
@group(0) @binding(5) var<storage, read_write> above: array<real>;

// The slope of the line that is free, that of the chord, and is the lower line the free one?
struct Slopes {
    free: real,
    chord: real,
    convex: bool,
}

fn bent(l: real, u: real, c: real) -> Slopes {
    var free = c;
    var chord = c;
    if l >= ZERO {
        free = ONE;
        chord = ONE;
    } else if u > ZERO {
        if u > -l {
            free = ONE;
        }
        chord = min(max((u - c * l) / (u - l), min(c, ONE)), max(c, ONE));
    }
    return Slopes(free, chord, c <= ONE);
}

fn clip(l: real, u: real) -> Slopes {
    let low_kink = l < consts[14] && u > consts[12];
    let high_kink = l < consts[13] && u > consts[15];
    var chord = ZERO;
    if l >= consts[5] && u <= consts[6] {
        chord = ONE;
    } else if u > l && u > consts[4] && l < consts[7] {
        let rise = min(max(u, consts[12]), consts[15]) - min(max(l, consts[12]), consts[15]);
        chord = min(max(rise / (u - l), ZERO), ONE);
    }
    var free = chord;
    if low_kink && !high_kink {
        free = select(ZERO, ONE, u - consts[8] > consts[8] - l);
    }
    if high_kink && !low_kink {
        free = select(ZERO, ONE, u - consts[10] < consts[10] - l);
    }
    return Slopes(free, chord, !high_kink);
}

// Too small for anybody to read it as what another read.
fn plain(s: real) -> real {
    return select(ZERO, s, abs(s) >= consts[1]);
}

// Sizes: [0] entries, [1] features, [2] repeat, [3] slopes, [4] 1: between bounds. Constants: as in activate.wgsl.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    var y: Slopes;
    if sizes[4] == 1u {
        y = clip(low[at], high[at]);
    } else {
        let k = (at % sizes[1] / sizes[2]) % sizes[3];
        y = bent(low[at], high[at], consts[5u + 4u * k]);
    }
    below[at] = plain(select(y.chord, y.free, y.convex));
    above[at] = plain(select(y.free, y.chord, y.convex));
}
