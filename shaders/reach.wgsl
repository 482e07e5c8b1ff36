// The largest |c| + r of a block, one number per workgroup.
// Proves: every entry's magnitude is at most the largest of them times 1 + 4 u.
// From: maxima are exact.
// Rounding: one addition per entry, covered by the host.
// Cost: one pass.
// Loose when: never.

@group(0) @binding(2) var<storage, read> xc: array<real>;
@group(0) @binding(3) var<storage, read> xr: array<real>;
@group(0) @binding(4) var<storage, read_write> most: array<real>;

var<workgroup> part: array<real, 256>;

// Sizes: [0] entries.
@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) at: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = at.x + at.y * groups.x;
    let all = groups.x * groups.y * 256u;
    var largest = ZERO;
    for (var k = group * 256u + lane; k < sizes[0]; k += all) {
        largest = max(largest, abs(xc[k]) + xr[k]);
    }
    part[lane] = largest;
    workgroupBarrier();
    for (var step = 128u; step > 0u; step /= 2u) {
        if lane < step {
            part[lane] = max(part[lane], part[lane + step]);
        }
        workgroupBarrier();
    }
    if lane == 0u {
        most[group] = part[0];
    }
}
