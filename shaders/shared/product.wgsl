// One pass over W for centre and radius: c' = W c + b,
// R = |W| (r + gamma |c|) / (1 - gamma) + gamma |b| + underflow, for the
// products of one output in any order. A tile of TILE_M x TILE_J outputs per
// workgroup; backend/gpu/tile.rs says how large and writes the loop over k.
// Long sums come in slices that joined.wgsl adds: then what is stored is bare,
// with a negative radius where nothing but exact zeros was read.
// The kernel file says where operands lie. Coordinates take divisions, so they are
// found once: those of m per invocation, those of k per tile.
//   fn place_of(m: u32, group: u32) -> vec3<i32>    what the operands of m share
//   fn tap_of(k: u32, group: u32) -> vec4<i32>      w: the weight of j = 0
//   fn operand(place: vec3<i32>, tap: vec4<i32>) -> i32   position in x, or -1 for zero
//   fn step_j() -> u32                              from the weight of j to the next
//   fn result(m: u32, j: u32, group: u32) -> u32    position in y
//   fn bias_at(m: u32, j: u32, group: u32) -> u32

@group(0) @binding(2) var<storage, read> xc: array<real>;
@group(0) @binding(3) var<storage, read> xr: array<real>;
@group(0) @binding(5) var<storage, read> bias: array<real>;
@group(0) @binding(6) var<storage, read_write> yc: array<real>;
@group(0) @binding(7) var<storage, read_write> yr: array<real>;

// Sizes: [0] outputs along m, [1] along j (per group), [2] products k,
// [3] first tile along m, [4] is there a bias, [5] repeat of the bias, [6] slices of k,
// [7] products of one, [8] entries of a slice's results, [9..] the kernel's.
// Constants: [4] gamma, [5] 1 / (1 - gamma) with what the radius itself loses,
// [6] underflow, [7] underflow of an operand.

// Which outputs along m read anything but exact zeros.
var<workgroup> alive: array<atomic<u32>, TILE_M>;

// The taps of the products from `first`, into one half of the table; there is no product at `end`.
fn mark(lane: u32, half: u32, first: u32, end: u32, group: u32) {
    if lane < DEPTH {
        taps[half * DEPTH + lane] = tap_of(min(first + lane, end - 1u), group);
    }
}

// An operand with what its rounding costs: zero only for an exact zero.
fn fetch(place: vec3<i32>, tap: vec4<i32>) -> vec2<real> {
    let src = operand(place, tap);
    if src < 0 {
        return vec2<real>();
    }
    let c = xc[src];
    let r = xr[src];
    if nothing(Entry(c, r)) {
        return vec2<real>();
    }
    return vec2<real>(c, r + consts[4] * abs(c) + consts[7]);
}

// Four weights from j on; those behind the last are never stored.
fn weigh(tap: vec4<i32>, j: u32) -> vec4<real> {
    let last = sizes[1] - 1u;
    let step = step_j();
    let at = vec4<u32>(u32(tap.w)) + step * min(vec4<u32>(j, j + 1u, j + 2u, j + 3u), vec4<u32>(last));
    return vec4<real>(weight_of(at.x), weight_of(at.y), weight_of(at.z), weight_of(at.w));
}

fn store(m: u32, j: u32, group: u32, slice: u32, c: vec4<real>, r: vec4<real>) {
    if m >= sizes[0] {
        return;
    }
    let lives = atomicLoad(&alive[m % TILE_M]) != 0u;
    for (var t = 0u; t < 4u; t++) {
        if j + t < sizes[1] {
            var at = result(m, j + t, group);
            if sizes[6] > 1u {
                at += slice * sizes[8];
                yc[at] = c[t];
                yr[at] = select(-ONE, r[t], lives);
                continue;
            }
            if sizes[4] == 0u && !lives {
                yc[at] = ZERO;
                yr[at] = ZERO;
                continue;
            }
            var b = ZERO;
            if sizes[4] != 0u {
                b = bias[bias_at(m, j + t, group)];
            }
            yc[at] = c[t] + b;
            yr[at] = consts[2] * (r[t] * consts[5] + consts[4] * abs(b)) + consts[6];
        }
    }
}
