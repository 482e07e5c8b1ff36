// What attains the levels of scaled feedback loops in some directions of the output: of their neurons' arguments, and of
// what the columns stand for.
// Proves: nothing; scalings that are found with it are proven on the CPU.
// From: z = P^-1 A B' u and A' z + B' u for P = 1 - A A'; one workgroup a direction.
// Rounding: what it is.
// Cost: two products of the order squared.
// Loose when: never.

@group(0) @binding(2) var<storage, read> scaled: array<real>;
@group(0) @binding(3) var<storage, read> factor: array<real>;
@group(0) @binding(4) var<storage, read> inverse: array<real>;
@group(0) @binding(5) var<storage, read> directions: array<real>;
@group(0) @binding(6) var<storage, read_write> rising: array<real>;
@group(0) @binding(7) var<storage, read_write> fed: array<real>;

// Sizes: [0] neurons, [1] rows, [2] columns of the scaled rows, [3] directions.

const LANES: u32 = 256u;

var<workgroup> half: array<real, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) at: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let k = at.y;
    let own = k * sizes[3] + at.x;
    let n = sizes[0];
    let rows = sizes[1];
    let outputs = rows - n;
    let all = n + sizes[2];
    for (var first = 0u; first < n; first += LANES) {
        let i = first + lane;
        var sum = ZERO;
        for (var base = first; base < n; base += LANES) {
            workgroupBarrier();
            var h = ZERO;
            if base + lane < n {
                for (var o = 0u; o < outputs; o++) {
                    h -= factor[(k * rows + base + lane) * rows + n + o] * directions[own * outputs + o];
                }
            }
            half[lane] = h;
            workgroupBarrier();
            if i < n {
                for (var s = 0u; s < min(LANES, n - base); s++) {
                    if base + s >= i {
                        sum += inverse[(k * n + base + s) * all + i] * half[s];
                    }
                }
            }
        }
        if i < n {
            rising[own * n + i] = sum;
        }
    }
    storageBarrier();
    workgroupBarrier();
    for (var t = lane; t < sizes[2]; t += LANES) {
        let origin = (k * sizes[2] + t) * rows;
        var sum = ZERO;
        for (var i = 0u; i < n; i++) {
            sum += scaled[origin + i] * rising[own * n + i];
        }
        for (var o = 0u; o < outputs; o++) {
            sum += scaled[origin + n + o] * directions[own * outputs + o];
        }
        fed[own * sizes[2] + t] = sum;
    }
}
