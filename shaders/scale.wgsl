// factor x + shift with coefficients known as centre ± radius.
// Proves: y contains f x + s for every x, f and s of the arguments.
// From: interval arithmetic in centre-radius form.
// Rounding: radii up; two operations on the centre.
// Cost: one pass.
// Loose when: never beyond rounding.

@group(0) @binding(2) var<storage, read> xc: array<real>;
@group(0) @binding(3) var<storage, read> xr: array<real>;
@group(0) @binding(4) var<storage, read_write> yc: array<real>;
@group(0) @binding(5) var<storage, read_write> yr: array<real>;

// Sizes: [0] entries, [1] features, [2] repeat, [3] coefficients, [4] with shift.
// Constants: from [4], per coefficient factor, its radius, shift, its radius.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let k = 4u + 4u * ((at % sizes[1] / sizes[2]) % sizes[3]);
    let f = consts[k];
    let x = Entry(xc[at], xr[at]);
    var s = Entry(ZERO, ZERO);
    if sizes[4] != 0u {
        s = Entry(consts[k + 2u], consts[k + 3u]);
    }
    if sizes[4] == 0u && nothing(x) {
        yc[at] = ZERO;
        yr[at] = ZERO;
        return;
    }
    let c = f * x.c;
    yc[at] = c + s.c;
    yr[at] = up(abs(f) * x.r + consts[k + 1u] * (abs(x.c) + x.r) + s.r) + margin(TWO, abs(c) + abs(s.c));
}
