// Enclosures c ± r in arithmetic that may round either way, flush subnormal
// numbers and reorder. Needs `alias real`. Constants: see backend/gpu/inflate.rs.

@group(0) @binding(0) var<storage, read> sizes: array<u32>;
// [0] one rounding per unit of size, [1] absolute slack, [2] growth of radii, [3] one half.
@group(0) @binding(1) var<storage, read> consts: array<real>;

const ZERO: real = real(0.0);
const ONE: real = real(1.0);
const TWO: real = real(2.0);

struct Entry {
    c: real,
    r: real,
}

struct Ends {
    l: real,
    u: real,
}

// Exactly zero? Radii are never subnormal, and a centre is only where the radius
// is positive, so that flushing does not matter.
fn nothing(e: Entry) -> bool {
    return e.c == ZERO && e.r == ZERO;
}

// Covers n roundings of results up to this size, in any order, and flushes.
fn margin(n: real, size: real) -> real {
    return n * consts[0] * size + consts[1];
}

// Not below the exact value of a sum of nonnegative products.
fn up(e: real) -> real {
    return consts[2] * e + consts[1];
}

// Two roundings each.
fn ends(e: Entry) -> Ends {
    let m = margin(TWO, abs(e.c) + e.r);
    return Ends(e.c - e.r - m, e.c + e.r + m);
}

// The margin covers a centre that is rounded otherwise when it is stored than
// inside the radius: by twice u |c|.
fn recentre(l: real, u: real) -> Entry {
    let c = consts[3] * l + consts[3] * u;
    return Entry(c, up(max(u - c, c - l)) + margin(ONE, abs(l) + abs(u)));
}

// s e for all s in [a, b].
fn gated(a: real, b: real, e: Entry) -> Entry {
    if nothing(e) {
        return e;
    }
    if a == b {
        if a == ONE {
            return e;
        }
        if a == ZERO {
            return Entry(ZERO, ZERO);
        }
        let c = a * e.c;
        return Entry(c, up(abs(a) * e.r) + margin(ONE, abs(c)));
    }
    let x = ends(e);
    let m = margin(TWO, max(abs(a), abs(b)) * max(abs(x.l), abs(x.u)));
    let lo = min(min(a * x.l, a * x.u), min(b * x.l, b * x.u)) - m;
    let hi = max(max(a * x.l, a * x.u), max(b * x.l, b * x.u)) + m;
    return recentre(lo, hi);
}

// a + b.
fn added(a: Entry, b: Entry) -> Entry {
    if nothing(a) {
        return b;
    }
    if nothing(b) {
        return a;
    }
    return Entry(a.c + b.c, up(a.r + b.r) + margin(TWO, abs(a.c) + abs(b.c)));
}

// A sum of many: what is written as a loop may be added in any order, so
// roundings count against the sum of magnitudes, not of partial sums.
struct Sum {
    c: real,
    r: real,
    size: real,
    terms: real,
}

fn plus(s: Sum, e: Entry) -> Sum {
    return Sum(s.c + e.c, s.r + e.r, s.size + abs(e.c), s.terms + ONE);
}

fn total(s: Sum) -> Entry {
    if s.terms <= ONE || nothing(Entry(s.size, s.r)) {
        return Entry(s.c, s.r);
    }
    // terms u < 1/8, so 1 / (1 - terms u) <= 1 + 2 terms u.
    let n = s.terms + TWO;
    let r = s.r + TWO * n * consts[0] * s.r + n * consts[0] * (s.size + TWO * n * consts[0] * s.size);
    return Entry(s.c, up(r) + n * consts[1]);
}

// The flat position of an invocation in a grid folded into x and y.
fn position(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.x + id.y * groups.x * 256u;
}
