// Per row: the sum of x_k times positive[k] where x_k > 0, negative[k] elsewhere, or of |x_k| times the larger
// magnitude of both, and the sum of the terms' magnitudes, which bounds its rounding.
// Proves: |first − exact| <= gamma second / (1 − gamma) + underflow (the host adds both).
// From: a-priori bounds of sums in any order within an invocation; memory fixes the order beyond it.
// Rounding: left to the host.
// Cost: one read per entry; one workgroup per row.
// Loose when: rows are long.

@group(0) @binding(2) var<storage, read> x: array<real>;
@group(0) @binding(3) var<storage, read> positive: array<real>;
@group(0) @binding(4) var<storage, read> negative: array<real>;
@group(0) @binding(5) var<storage, read_write> sums: array<real>;

var<workgroup> part: array<vec2<real>, 256>;

// Sizes: [0] vectors, [1] features, [2] rows per item, [3] first vector, [4] magnitudes.
@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) at: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let vector = at.x + at.y * groups.x;
    let inside = vector < sizes[0];
    let table = (vector + sizes[3]) / sizes[2] * sizes[1];
    var sum = vec2<real>(ZERO, ZERO);
    if inside {
        for (var k = lane; k < sizes[1]; k += 256u) {
            var c = x[vector * sizes[1] + k];
            var t = negative[table + k];
            if sizes[4] == 1u {
                c = abs(c);
                t = max(abs(t), abs(positive[table + k]));
            } else if c > ZERO {
                t = positive[table + k];
            }
            sum += vec2<real>(c * t, abs(c * t));
        }
    }
    part[lane] = sum;
    workgroupBarrier();
    for (var step = 128u; step > 0u; step /= 2u) {
        if lane < step {
            part[lane] += part[lane + step];
        }
        workgroupBarrier();
    }
    if lane == 0u && inside {
        sums[2u * vector] = part[0].x;
        sums[2u * vector + 1u] = part[0].y;
    }
}
