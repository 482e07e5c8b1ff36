// Single operations on pairs of numbers, for a look at the adapter's arithmetic.
// Proves: nothing; backend/gpu/probe.rs compares every result with the exact one.
// From: the accuracy table of WGSL.
// Rounding: the object of the test.
// Cost: one pass over a few thousand pairs.
// Loose when: a driver compiles other kernels differently from this one.

@group(0) @binding(2) var<storage, read> a: array<real>;
@group(0) @binding(3) var<storage, read> b: array<real>;
@group(0) @binding(4) var<storage, read_write> results: array<real>;

var<workgroup> counts: array<u32, 256>;

// Integers pass as two exact halves.
fn halves(at: u32, n: u32, value: u32) {
    results[at] = real(value & 65535u);
    results[at + n] = real(value >> 16u);
}

// Sizes: [0] pairs, a multiple of 256.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let n = sizes[0];
    let k = id.x;
    let x = a[k];
    let y = b[k];
    results[k] = x + y;
    results[n + k] = x - y;
    results[2u * n + k] = x * y;
    results[3u * n + k] = min(x, y);
    results[4u * n + k] = max(x, y);
    results[5u * n + k] = abs(x);
    let less = u32(x < y) | (u32(x <= y) << 1u) | (u32(x == y) << 2u) | (u32(x > y) << 3u);
    results[6u * n + k] = real(less);
    halves(7u * n + k, n, (k * 2654435761u) ^ (k / 7u) ^ (k % 13u) ^ (k << (k % 32u)));
    // A tree over shared memory, as the reductions have it.
    counts[lane] = k * 40503u;
    workgroupBarrier();
    for (var step = 128u; step > 0u; step /= 2u) {
        if lane < step {
            counts[lane] += counts[lane + step];
        }
        workgroupBarrier();
    }
    halves(9u * n + k, n, counts[0]);
    // What is only noted: reassociation, contraction, flushing.
    results[11u * n + k] = (x + y) - x - y;
    results[12u * n + k] = x * x + y;
    results[13u * n + k] = x * ONE;
}
