// Per row: how large a · y can be where a box around 0 and a ball around 0 meet.
// Proves: for every v, a · y <= Σ max((a − v) l, (a − v) u) + r ‖v‖*; the first sum, its terms' magnitudes and what
//   ‖v‖* is made of come out (the host adds what they may have lost).
// From: the support function of an intersection is the infimal convolution of the two (polytope/ball.rs).
// Rounding: left to the host. v is whatever the search for it ends with.
// Cost: a pass over the row for every round of the search; one workgroup per row.
// Loose when: never much: the bound is flat around the best v.

@group(0) @binding(2) var<storage, read> a: array<real>;
@group(0) @binding(3) var<storage, read> low: array<real>;
@group(0) @binding(4) var<storage, read> high: array<real>;
@group(0) @binding(5) var<storage, read> radius: array<real>;
@group(0) @binding(6) var<storage, read_write> found: array<real>;

const LANES: u32 = 64u;

var<workgroup> part: array<vec2<real>, LANES>;

// Sums over the row, or the maximum of the second.
fn joined(lane: u32, own: vec2<real>, largest: bool) -> vec2<real> {
    workgroupBarrier();
    part[lane] = own;
    workgroupBarrier();
    for (var step = LANES / 2u; step > 0u; step /= 2u) {
        if lane < step {
            let other = part[lane + step];
            let mine = part[lane];
            part[lane] = vec2<real>(mine.x + other.x, select(mine.y + other.y, max(mine.y, other.y), largest));
        }
        workgroupBarrier();
    }
    return part[0];
}

// Of an l2 ball v = clamp(a, l μ, u μ), of an l1 ball v = clamp(a, −level, level).
fn cut(c: real, l: real, u: real, at: real) -> real {
    if sizes[4] == 1u {
        return min(max(c, -at), at);
    }
    return min(max(c, l * at), u * at);
}

// Sizes: [0] vectors, [1] features, [2] rows per item, [3] first vector, [4] l1, [5] rounds. Constants: [4] no multiplier is larger.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) at: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Beyond the last one the last one once more, for nobody.
    let inside = at.x + at.y * groups.x < sizes[0];
    let vector = min(at.x + at.y * groups.x, sizes[0] - 1u);
    let item = (vector + sizes[3]) / sizes[2];
    let row = vector * sizes[1];
    let table = item * sizes[1];
    let r = radius[item];
    var own = vec2<real>(ZERO, ZERO);
    for (var k = lane; k < sizes[1]; k += LANES) {
        let c = a[row + k];
        own = vec2<real>(own.x + c * c, max(own.y, abs(c)));
    }
    let size = joined(lane, own, true);
    // What multiplies the box, or the level: between these.
    var least = ZERO;
    var most = size.y;
    var now = ZERO;
    if sizes[4] == 0u {
        most = ZERO;
        // A ball of one point says all by itself.
        if r > ZERO {
            now = min(sqrt(size.x) / r, consts[4]);
        }
    }
    for (var round = 0u; round < sizes[5]; round++) {
        own = vec2<real>(ZERO, ZERO);
        for (var k = lane; k < sizes[1]; k += LANES) {
            let c = a[row + k];
            let l = low[table + k];
            let u = high[table + k];
            if sizes[4] == 1u {
                // Coefficients above the level take all the room that they have.
                if abs(c) > now {
                    own.x += select(-l, u, c > ZERO);
                }
            } else {
                let v = cut(c, l, u, now);
                if v == c {
                    own.x += c * c;
                } else {
                    let end = select(l, u, c > ZERO);
                    own.y += end * end;
                }
            }
        }
        let sum = joined(lane, own, false);
        if sizes[4] == 1u {
            if sum.x > r {
                least = now;
            } else {
                most = now;
            }
            now = consts[3] * (least + most);
        } else if now > ZERO {
            // ‖y‖ falls as μ grows; at the right one it is the radius.
            let rest = r * r - sum.y;
            if rest * now * now < sum.x {
                least = now;
            } else {
                most = now;
            }
            let boxed = sum.x == ZERO && rest >= ZERO;
            var next = ZERO;
            if rest * consts[4] * consts[4] > sum.x {
                next = sqrt(sum.x / rest);
            }
            if !(next > least && (most == ZERO || next < most)) {
                if most == ZERO {
                    next = real(4.0) * least;
                } else if least == ZERO {
                    next = consts[3] * consts[3] * most;
                } else {
                    next = sqrt(least) * sqrt(most);
                }
            }
            // The box alone decides.
            now = select(min(next, consts[4]), ZERO, boxed);
        }
    }
    if !(now >= ZERO && now <= max(consts[4], size.y)) {
        now = ZERO;
    }
    var sums = vec2<real>(ZERO, ZERO);
    own = vec2<real>(ZERO, ZERO);
    for (var k = lane; k < sizes[1]; k += LANES) {
        let c = a[row + k];
        let l = low[table + k];
        let u = high[table + k];
        let v = min(max(cut(c, l, u, now), -size.y), size.y);
        let d = c - v;
        sums += vec2<real>(d * select(l, u, d > ZERO), (abs(c) + TWO * abs(v)) * max(abs(l), abs(u)));
        own = vec2<real>(own.x + v * v, max(own.y, abs(v)));
    }
    sums = joined(lane, sums, false);
    own = joined(lane, own, true);
    if lane == 0u && inside {
        found[3u * vector] = sums.x;
        found[3u * vector + 1u] = sums.y;
        found[3u * vector + 2u] = select(own.x, own.y, sizes[4] == 1u);
    }
}
