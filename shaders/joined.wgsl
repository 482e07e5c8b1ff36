// Slices of long sums as one, with the bias.
// Proves: y contains W x + b, where the slices are those of shared/product.wgsl.
// From: a-priori bounds of sums in any order.
// Rounding: one more for each slice, in gamma.
// Cost: one pass over the slices.
// Loose when: never beyond that of the product.

@group(0) @binding(2) var<storage, read> xc: array<real>;
@group(0) @binding(3) var<storage, read> xr: array<real>;
@group(0) @binding(4) var<storage, read> bias: array<real>;
@group(0) @binding(5) var<storage, read_write> yc: array<real>;
@group(0) @binding(6) var<storage, read_write> yr: array<real>;

// Sizes: [0] entries, [1] slices, [2] features, [3] is there a bias, [4] its repeat.
// Constants: those of shared/product.wgsl.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    var c = ZERO;
    var r = ZERO;
    var lives = false;
    for (var s = 0u; s < sizes[1]; s++) {
        let part = xr[s * sizes[0] + at];
        if part >= ZERO {
            lives = true;
            c += xc[s * sizes[0] + at];
            r += part;
        }
    }
    var b = ZERO;
    if sizes[3] != 0u {
        b = bias[at % sizes[2] / sizes[4]];
    } else if !lives {
        yc[at] = ZERO;
        yr[at] = ZERO;
        return;
    }
    yc[at] = c + b;
    yr[at] = consts[2] * (r * consts[5] + consts[4] * abs(b)) + consts[6];
}
