// Symbols of a convolution kernel: Σ_t w_t e^{-iωt} for every frequency.
// Proves: with the host's bound, every symbol in Frobenius norm.
// From: the definition; few taps make it cheaper than a fast transform.
// Rounding: gamma of the taps, and what the factors were rounded by.
// Cost: two products per tap and frequency.
// Loose when: never beyond rounding.

@group(0) @binding(2) var<storage, read> weight: array<real>;
@group(0) @binding(3) var<storage, read> cosine: array<real>;
@group(0) @binding(4) var<storage, read> sine: array<real>;
@group(0) @binding(5) var<storage, read_write> out_re: array<real>;
@group(0) @binding(6) var<storage, read_write> out_im: array<real>;

// Sizes: [0] entries of all symbols, [1] entries of one, [2] taps.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let w = at % sizes[1] * sizes[2];
    let f = at / sizes[1] * sizes[2];
    var sum = vec2<real>(ZERO, ZERO);
    for (var t = 0u; t < sizes[2]; t++) {
        sum += weight[w + t] * vec2<real>(cosine[f + t], sine[f + t]);
    }
    out_re[at] = sum.x;
    out_im[at] = sum.y;
}
