// Multiplications and additions alone, for the rate that a device can reach.
// Proves: nothing.
// From: independent chains in registers.
// Rounding: none that matters.
// Cost: 64 products and sums per step and invocation.
// Loose when: never read.

@group(0) @binding(2) var<storage, read_write> out: array<real>;

// Sizes: [0] steps. Constants: [4] a factor near one.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let f = vec4<real>(consts[4]);
    var a = vec4<real>(real(id.x));
    var b = a + f;
    var c = b + f;
    var d = c + f;
    for (var k = 0u; k < sizes[0]; k++) {
        a = a * f + b;
        b = b * f + c;
        c = c * f + d;
        d = d * f + a;
        a = a * f + c;
        b = b * f + d;
        c = c * f + a;
        d = d * f + b;
        a = a * f + b;
        b = b * f + c;
        c = c * f + d;
        d = d * f + a;
        a = a * f + c;
        b = b * f + d;
        c = c * f + a;
        d = d * f + b;
    }
    let all = a + b + c + d;
    out[id.x] = all.x + all.y + all.z + all.w;
}
