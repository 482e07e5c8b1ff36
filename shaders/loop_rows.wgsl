// Rows of a feedback loop under scalings, transposed: K' = diag(1 / s, 1 / w) G' diag(reach w, 1) for every asked one.
// Proves: nothing; scalings that are found with it are proven on the CPU.
// From: `linalg::gain`.
// Rounding: what it is.
// Cost: two products per entry.
// Loose when: never.

@group(0) @binding(2) var<storage, read> matrix: array<real>;
@group(0) @binding(3) var<storage, read> asked: array<u32>;
@group(0) @binding(4) var<storage, read> outer: array<real>;
@group(0) @binding(5) var<storage, read> columns: array<real>;
@group(0) @binding(6) var<storage, read_write> result: array<real>;

// Sizes: [0] entries of the result, [1] neurons, [2] rows and [3] columns of the result's originals, [4] rows and
// [5] columns of the matrix, [6] its first column that counts. Asked: the part, and the measured row plus 1 or 0.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let i = at % sizes[2];
    let t = at / sizes[2] % sizes[3];
    let k = at / sizes[2] / sizes[3];
    let row = asked[2u * k + 1u];
    let origin = select(i, sizes[1] + row - 1u, i >= sizes[1] && row > 0u);
    let x = matrix[(asked[2u * k] * sizes[4] + origin) * sizes[5] + sizes[6] + t];
    var o = ONE;
    if i < sizes[1] {
        o = outer[k * sizes[1] + i];
    }
    result[at] = x * o * columns[k * sizes[3] + t];
}
