// Coefficients of a linear bound behind a nonlinear function: positive ones take
// the slope of the upper line, negative ones that of the lower.
// Proves: y contains coefficient times slope.
// From: linear relaxation with two lines (shifts: row_dot.wgsl).
// Rounding: the product's goes into the radius.
// Cost: one pass.
// Loose when: the function is not linear on the interval.

@group(0) @binding(2) var<storage, read> ac: array<real>;
@group(0) @binding(3) var<storage, read> upper: array<real>;
@group(0) @binding(4) var<storage, read> lower: array<real>;
@group(0) @binding(5) var<storage, read_write> yc: array<real>;
@group(0) @binding(6) var<storage, read_write> yr: array<real>;

// Sizes: [0] entries, [1] features, [2] rows per item, [3] first vector.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let item = (at / sizes[1] + sizes[3]) / sizes[2];
    let k = item * sizes[1] + at % sizes[1];
    let c = ac[at];
    var slope = lower[k];
    if c > ZERO {
        slope = upper[k];
    }
    let y = c * slope;
    yc[at] = y;
    // The slope itself was rounded on its way here.
    yr[at] = margin(TWO, abs(y)) + consts[1];
}
