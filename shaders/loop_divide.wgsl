// The factor's inverse times 1 and times the rows of a scaled feedback loop that feed back, and the squares of their
// columns, summed.
// Proves: nothing; scalings that are found with it are proven on the CPU.
// From: forward substitution, sixteen rows at a time; an invocation a column.
// Rounding: what it is.
// Cost: half the order squared a column.
// Loose when: never.

@group(0) @binding(2) var<storage, read> scaled: array<real>;
@group(0) @binding(3) var<storage, read> factor: array<real>;
@group(0) @binding(4) var<storage, read_write> result: array<real>;
@group(0) @binding(5) var<storage, read_write> sums: array<real>;

// Sizes: [0] neurons, [1] rows, [2] columns of the scaled rows.

const LANES: u32 = 64u;
const WIDE: u32 = 16u;

var<workgroup> left: array<real, 256>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) at: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let k = at.y;
    let n = sizes[0];
    let rows = sizes[1];
    let all = n + sizes[2];
    let j = at.x * LANES + lane;
    // Columns of 1 have nothing above their own row.
    let begin = select(0u, at.x * LANES, at.x * LANES + LANES <= n);
    var sum = ZERO;
    for (var p = begin; p < n; p += WIDE) {
        let width = min(WIDE, n - p);
        var own: array<real, 16>;
        for (var c = 0u; c < WIDE; c++) {
            own[c] = ZERO;
            if c < width && j < n {
                own[c] = select(ZERO, ONE, p + c == j);
            }
            if c < width && j >= n && j < all {
                own[c] = scaled[(k * sizes[2] + j - n) * rows + p + c];
            }
        }
        for (var q = begin; q < p; q += WIDE) {
            workgroupBarrier();
            for (var e = lane; e < WIDE * WIDE; e += LANES) {
                left[e] = factor[(k * rows + q + e / WIDE) * rows + min(p + e % WIDE, rows - 1u)];
            }
            workgroupBarrier();
            if j < all {
                for (var s = 0u; s < WIDE; s++) {
                    let x = result[(k * n + q + s) * all + j];
                    for (var c = 0u; c < WIDE; c++) {
                        own[c] -= x * left[s * WIDE + c];
                    }
                }
            }
        }
        workgroupBarrier();
        for (var e = lane; e < WIDE * width; e += LANES) {
            left[e] = factor[(k * rows + p + e / WIDE) * rows + min(p + e % WIDE, rows - 1u)];
        }
        workgroupBarrier();
        if j < all {
            for (var c = 0u; c < WIDE; c++) {
                if c < width {
                    var x = own[c];
                    for (var d = 0u; d < c; d++) {
                        x -= own[d] * left[d * WIDE + c];
                    }
                    x /= left[c * WIDE + c];
                    own[c] = x;
                    result[(k * n + p + c) * all + j] = x;
                    sum += x * x;
                }
            }
        }
    }
    if j < all {
        sums[k * all + j] = sum;
    }
}
