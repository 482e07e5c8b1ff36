// One pass over W for centre and radius: c' = W c + b,
// R = |W| (r + gamma |c|) / (1 - gamma) + gamma |b| + underflow, for the
// products of one output in any order. A tile of TILE_M x TILE_J outputs per
// workgroup, 4 x 4 per invocation; shared/tile_*.wgsl says how large.
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
// [3] first tile along m, [4] is there a bias, [5] repeat of the bias, [6..] the kernel's.
// Constants: [4] gamma, [5] 1 / (1 - gamma) with what the radius itself loses,
// [6] underflow, [7] underflow of an operand.

const ALONG_J: u32 = TILE_J / 4u;
const LANES: u32 = TILE_M / 4u * ALONG_J;
// An invocation loads operands of so many m, and every so-manieth k.
const PLACES: u32 = max(1u, TILE_M / LANES);
const STRIDE: u32 = max(1u, LANES / TILE_M);

var<workgroup> tile_c: array<real, TILE_M * DEPTH>;
var<workgroup> tile_r: array<real, TILE_M * DEPTH>;
var<workgroup> tile_w: array<real, TILE_J * DEPTH>;
var<workgroup> taps: array<vec4<i32>, DEPTH>;
// Which outputs along m read anything but exact zeros.
var<workgroup> alive: array<atomic<u32>, TILE_M>;

fn store(m: u32, j: u32, group: u32, c: vec4<real>, r: vec4<real>) {
    if m >= sizes[0] {
        return;
    }
    for (var t = 0u; t < 4u; t++) {
        if j + t < sizes[1] {
            if sizes[4] == 0u && atomicLoad(&alive[m % TILE_M]) == 0u {
                let at = result(m, j + t, group);
                yc[at] = ZERO;
                yr[at] = ZERO;
                continue;
            }
            var b = ZERO;
            if sizes[4] != 0u {
                b = bias[bias_at(m, j + t, group)];
            }
            let at = result(m, j + t, group);
            yc[at] = c[t] + b;
            yr[at] = consts[2] * (r[t] * consts[5] + consts[4] * abs(b)) + consts[6];
        }
    }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) at: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let m0 = (at.x + sizes[3]) * TILE_M;
    let j0 = at.y * TILE_J;
    let group = at.z;
    let mine = vec2<u32>(lane % ALONG_J, lane / ALONG_J) * 4u;
    var c0 = vec4<real>();
    var c1 = vec4<real>();
    var c2 = vec4<real>();
    var c3 = vec4<real>();
    var r0 = vec4<real>();
    var r1 = vec4<real>();
    var r2 = vec4<real>();
    var r3 = vec4<real>();
    let spot = lane % TILE_M;
    var places: array<vec3<i32>, PLACES>;
    for (var p = 0u; p < PLACES; p++) {
        places[p] = place_of(min(m0 + spot + p * LANES, sizes[0] - 1u), group);
    }
    for (var k0 = 0u; k0 < sizes[2]; k0 += DEPTH) {
        if lane < DEPTH {
            taps[lane] = tap_of(min(k0 + lane, sizes[2] - 1u), group);
        }
        // Also: nobody reads the tiles of the last round any more.
        workgroupBarrier();
        for (var k = lane / TILE_M; k < DEPTH; k += STRIDE) {
            let tap = taps[k];
            for (var p = 0u; p < PLACES; p++) {
                let m = spot + p * LANES;
                var c = ZERO;
                var r = ZERO;
                if k0 + k < sizes[2] && m0 + m < sizes[0] {
                    let src = operand(places[p], tap);
                    if src >= 0 {
                        c = xc[src];
                        r = xr[src];
                        if !nothing(Entry(c, r)) {
                            r = r + consts[4] * abs(c) + consts[7];
                            atomicStore(&alive[m], 1u);
                        }
                    }
                }
                tile_c[k * TILE_M + m] = c;
                tile_r[k * TILE_M + m] = r;
            }
        }
        for (var at = lane; at < TILE_J * DEPTH; at += LANES) {
            let k = at / TILE_J;
            let j = j0 + at % TILE_J;
            var w = ZERO;
            if k0 + k < sizes[2] && j < sizes[1] {
                w = weight_of(u32(taps[k].w) + j * step_j());
            }
            tile_w[at] = w;
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let left = k * TILE_M + mine.y;
            let right = k * TILE_J + mine.x;
            let w = vec4<real>(tile_w[right], tile_w[right + 1u], tile_w[right + 2u], tile_w[right + 3u]);
            let s = abs(w);
            c0 += tile_c[left] * w;
            c1 += tile_c[left + 1u] * w;
            c2 += tile_c[left + 2u] * w;
            c3 += tile_c[left + 3u] * w;
            r0 += tile_r[left] * s;
            r1 += tile_r[left + 1u] * s;
            r2 += tile_r[left + 2u] * s;
            r3 += tile_r[left + 3u] * s;
        }
    }
    let m = m0 + mine.y;
    let j = j0 + mine.x;
    store(m, j, group, c0, r0);
    store(m + 1u, j, group, c1, r1);
    store(m + 2u, j, group, c2, r2);
    store(m + 3u, j, group, c3, r3);
}
