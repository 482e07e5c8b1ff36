// s AᴴA for a batch of matrices, complex or real.
// Proves: with the host's bound, ‖result − s AᴴA‖ in Frobenius norm.
// From: Gram iteration (Delattre et al. 2023); sums in any order.
// Rounding: gamma of the number of products, against ‖A‖².
// Cost: four products per pair of entries (one if real).
// Loose when: ‖A‖_F is far above ‖A‖_2.

@group(0) @binding(2) var<storage, read> re: array<real>;
@group(0) @binding(3) var<storage, read> im: array<real>;
@group(0) @binding(4) var<storage, read> scale: array<real>;
@group(0) @binding(5) var<storage, read_write> out_re: array<real>;
@group(0) @binding(6) var<storage, read_write> out_im: array<real>;

// Sizes: [0] rows, [1] cols, [2] is it complex.

const SIDE: u32 = 32u;
const DEPTH: u32 = 16u;

var<workgroup> left_re: array<real, 512>;
var<workgroup> left_im: array<real, 512>;
var<workgroup> right_re: array<real, 512>;
var<workgroup> right_im: array<real, 512>;

fn entry(matrix: u32, r: u32, c: u32) -> vec2<real> {
    if r >= sizes[0] || c >= sizes[1] {
        return vec2<real>(ZERO, ZERO);
    }
    let at = (matrix * sizes[0] + r) * sizes[1] + c;
    if sizes[2] == 0u {
        return vec2<real>(re[at], ZERO);
    }
    return vec2<real>(re[at], im[at]);
}

@compute @workgroup_size(16, 16)
fn main(
    @builtin(workgroup_id) at: vec3<u32>,
    @builtin(local_invocation_id) me: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i0 = at.x * SIDE;
    let j0 = at.y * SIDE;
    // 2 x 2 results: rows i, i + 16, columns j, j + 16.
    var sum_re = vec4<real>();
    var sum_im = vec4<real>();
    for (var r0 = 0u; r0 < sizes[0]; r0 += DEPTH) {
        for (var t = 0u; t < 2u; t++) {
            let spot = lane + t * 256u;
            let r = r0 + spot / SIDE;
            let a = entry(at.z, r, i0 + spot % SIDE);
            let b = entry(at.z, r, j0 + spot % SIDE);
            left_re[spot] = a.x;
            left_im[spot] = a.y;
            right_re[spot] = b.x;
            right_im[spot] = b.y;
        }
        workgroupBarrier();
        for (var r = 0u; r < DEPTH; r++) {
            let i = r * SIDE + me.y;
            let j = r * SIDE + me.x;
            let ar = vec4<real>(left_re[i], left_re[i], left_re[i + 16u], left_re[i + 16u]);
            let br = vec4<real>(right_re[j], right_re[j + 16u], right_re[j], right_re[j + 16u]);
            sum_re += ar * br;
            if sizes[2] != 0u {
                let ai = vec4<real>(left_im[i], left_im[i], left_im[i + 16u], left_im[i + 16u]);
                let bi = vec4<real>(right_im[j], right_im[j + 16u], right_im[j], right_im[j + 16u]);
                sum_re += ai * bi;
                sum_im += ar * bi;
                sum_im -= ai * br;
            }
        }
        workgroupBarrier();
    }
    let s = scale[at.z];
    for (var t = 0u; t < 4u; t++) {
        let i = i0 + me.y + (t / 2u) * 16u;
        let j = j0 + me.x + (t % 2u) * 16u;
        if i < sizes[1] && j < sizes[1] {
            let to = (at.z * sizes[1] + i) * sizes[1] + j;
            out_re[to] = s * sum_re[t];
            if sizes[2] != 0u {
                out_im[to] = s * sum_im[t];
            }
        }
    }
}
