// Factors 1 - A A' for the rows A of scaled feedback loops that feed back, and eliminates them from those that are
// measured: what remains are squares of levels, for every pair of outputs.
// Proves: nothing; scalings that are found with it are proven on the CPU.
// From: Cholesky, sixteen columns at a time, each from those before it; one workgroup a loop.
// Rounding: what it is; a pivot that is not positive is stored as 0.
// Cost: a sixth of the order cubed, and the order squared an output.
// Loose when: never.

@group(0) @binding(2) var<storage, read> asked: array<u32>;
@group(0) @binding(3) var<storage, read> outer: array<real>;
// The inputs' columns times their transpose, where these are not scaled.
@group(0) @binding(4) var<storage, read> known: array<real>;
// The square of a loop's rows; then the factor, by columns.
@group(0) @binding(5) var<storage, read_write> square: array<real>;
@group(0) @binding(6) var<storage, read_write> pivots: array<real>;
@group(0) @binding(7) var<storage, read_write> levels: array<real>;

// Sizes: [0] neurons, [1] rows, [2] rows with all outputs, [3] is there something known.

const LANES: u32 = 256u;
const WIDE: u32 = 16u;

// Rows of the panel's own block, and of the factor left of it, by columns.
var<workgroup> block: array<real, 256>;
var<workgroup> left: array<real, 256>;

fn source(k: u32, i: u32) -> u32 {
    let row = asked[2u * k + 1u];
    return select(i, sizes[0] + row - 1u, i >= sizes[0] && row > 0u);
}

fn outside(k: u32, i: u32) -> real {
    if i < sizes[0] {
        return outer[k * sizes[0] + i];
    }
    return ONE;
}

fn place(k: u32, i: u32, j: u32) -> u32 {
    return (k * sizes[1] + j) * sizes[1] + i;
}

// An entry of diag(1, 0) - K K'.
fn entry(k: u32, i: u32, j: u32) -> real {
    var x = square[place(k, i, j)];
    if sizes[3] != 0u {
        let at = (asked[2u * k] * sizes[2] + source(k, i)) * sizes[2] + source(k, j);
        x += outside(k, i) * outside(k, j) * known[at];
    }
    return select(-x, ONE - x, i == j && i < sizes[0]);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) at: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let k = at.x;
    let rows = sizes[1];
    for (var p = 0u; p < sizes[0]; p += WIDE) {
        let width = min(WIDE, sizes[0] - p);
        // The rows of the block come first: later ones are divided by its factor.
        for (var first = p; first < rows; first += LANES) {
            let i = first + lane;
            var own: array<real, 16>;
            if i < rows {
                for (var c = 0u; c < WIDE; c++) {
                    if c < width {
                        own[c] = entry(k, i, p + c);
                    }
                }
            }
            for (var q = 0u; q < p; q += WIDE) {
                workgroupBarrier();
                left[lane] = square[place(k, min(p + lane % WIDE, rows - 1u), q + lane / WIDE)];
                workgroupBarrier();
                if i < rows {
                    for (var s = 0u; s < WIDE; s++) {
                        let x = square[place(k, i, q + s)];
                        for (var c = 0u; c < WIDE; c++) {
                            own[c] -= x * left[s * WIDE + c];
                        }
                    }
                }
            }
            workgroupBarrier();
            if first == p {
                if lane < width {
                    for (var c = 0u; c < WIDE; c++) {
                        block[lane * WIDE + c] = own[c];
                    }
                }
                for (var c = 0u; c < width; c++) {
                    workgroupBarrier();
                    if lane == 0u {
                        let pivot = block[c * WIDE + c];
                        let root = select(ZERO, sqrt(max(pivot, ZERO)), pivot > ZERO);
                        pivots[k * sizes[0] + p + c] = root;
                        block[c * WIDE + c] = select(ONE, root, root > ZERO);
                    }
                    workgroupBarrier();
                    if lane > c && lane < width {
                        block[lane * WIDE + c] /= block[c * WIDE + c];
                    }
                    workgroupBarrier();
                    if lane > c && lane < width {
                        for (var d = c + 1u; d <= lane; d++) {
                            block[lane * WIDE + d] -= block[lane * WIDE + c] * block[d * WIDE + c];
                        }
                    }
                }
                workgroupBarrier();
            }
            if i < rows {
                for (var c = 0u; c < WIDE; c++) {
                    if c < width {
                        if i < p + width {
                            own[c] = select(block[(i - p) * WIDE + c], ZERO, p + c > i);
                        } else {
                            var x = own[c];
                            for (var d = 0u; d < c; d++) {
                                x -= own[d] * block[c * WIDE + d];
                            }
                            own[c] = x / block[c * WIDE + c];
                        }
                        square[place(k, i, p + c)] = own[c];
                    }
                }
            }
        }
        storageBarrier();
        workgroupBarrier();
    }
    let outputs = rows - sizes[0];
    for (var e = lane; e < outputs * outputs; e += LANES) {
        let i = sizes[0] + e / outputs;
        let j = sizes[0] + e % outputs;
        var x = -entry(k, i, j);
        for (var q = 0u; q < sizes[0]; q++) {
            x += square[place(k, i, q)] * square[place(k, j, q)];
        }
        levels[k * outputs * outputs + e] = x;
    }
}
