// Enclosures c ± r in arithmetic that may round either way, flush subnormal
// numbers and reorder. Needs `alias real`. Constants: see backend/gpu/inflate.rs.

@group(0) @binding(0) var<storage, read> sizes: array<u32>;
// [0] relative slack of ends, [1] absolute slack, [2] growth of radii, [3] one half.
@group(0) @binding(1) var<storage, read> consts: array<real>;

const ZERO: real = real(0.0);
const ONE: real = real(1.0);

struct Entry {
    c: real,
    r: real,
}

struct Ends {
    l: real,
    u: real,
}

// Covers the roundings and flushes of a few operations on numbers of this size.
fn margin(size: real) -> real {
    return consts[0] * size + consts[1];
}

// Not below the exact value of a sum of nonnegative products.
fn up(e: real) -> real {
    return consts[2] * e + consts[1];
}

fn ends(e: Entry) -> Ends {
    let m = margin(abs(e.c) + e.r);
    return Ends(e.c - e.r - m, e.c + e.r + m);
}

// The margin covers a centre that is rounded otherwise when it is stored than
// inside the radius.
fn recentre(l: real, u: real) -> Entry {
    let c = consts[3] * l + consts[3] * u;
    return Entry(c, up(max(u - c, c - l)) + margin(abs(l) + abs(u)));
}

// s e for all s in [a, b].
fn gated(a: real, b: real, e: Entry) -> Entry {
    if a == b {
        if a == ONE {
            return e;
        }
        if a == ZERO {
            return Entry(ZERO, ZERO);
        }
        let c = a * e.c;
        return Entry(c, up(abs(a) * e.r) + margin(abs(c)));
    }
    let x = ends(e);
    let m = margin(max(abs(a), abs(b)) * max(abs(x.l), abs(x.u)));
    let lo = min(min(a * x.l, a * x.u), min(b * x.l, b * x.u)) - m;
    let hi = max(max(a * x.l, a * x.u), max(b * x.l, b * x.u)) + m;
    return recentre(lo, hi);
}

// a + b.
fn added(a: Entry, b: Entry) -> Entry {
    return Entry(a.c + b.c, up(a.r + b.r) + margin(abs(a.c) + abs(b.c)));
}

// The flat position of an invocation in a grid folded into x and y.
fn position(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.x + id.y * groups.x * 256u;
}
