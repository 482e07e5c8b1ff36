// Norms of all rows of a block: the sum of magnitudes or of their squares, and
// the largest.
// Proves: with the host's bound, the norm of every member of a row.
// From: norms are monotone in magnitudes, which |c| + r bounds; sums in any order.
// Rounding: gamma of the features and what underflows, added by the host.
// Cost: one read per entry; one workgroup per row.
// Loose when: rows are long.

@group(0) @binding(2) var<storage, read> xc: array<real>;
@group(0) @binding(3) var<storage, read> xr: array<real>;
@group(0) @binding(4) var<storage, read_write> norms: array<real>;

var<workgroup> part: array<vec2<real>, 256>;

// Sizes: [0] vectors, [1] features, [2] are squares summed.
@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) at: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let vector = at.x + at.y * groups.x;
    let inside = vector < sizes[0];
    var own = vec2<real>(ZERO, ZERO);
    if inside {
        for (var k = lane; k < sizes[1]; k += 256u) {
            let size = abs(xc[vector * sizes[1] + k]) + xr[vector * sizes[1] + k];
            own = vec2<real>(own.x + select(size, size * size, sizes[2] != 0u), max(own.y, size));
        }
    }
    part[lane] = own;
    workgroupBarrier();
    for (var step = 128u; step > 0u; step /= 2u) {
        if lane < step {
            let other = part[lane + step];
            part[lane] = vec2<real>(part[lane].x + other.x, max(part[lane].y, other.y));
        }
        workgroupBarrier();
    }
    if lane == 0u && inside {
        norms[2u * vector] = part[0].x;
        norms[2u * vector + 1u] = part[0].y;
    }
}
