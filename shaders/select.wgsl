// S x + fill on empty windows; S is a 0/1 matrix given by windows.
// Proves: y contains S x for every x of the argument.
// From: sums of enclosures.
// Rounding: one step per addition, outward; one entry is copied.
// Cost: one read per entry of S and vector.
// Loose when: never beyond rounding.

@group(0) @binding(2) var<storage, read> xc: array<real>;
@group(0) @binding(3) var<storage, read> xr: array<real>;
@group(0) @binding(4) var<storage, read> start: array<u32>;
@group(0) @binding(5) var<storage, read> index: array<u32>;
@group(0) @binding(6) var<storage, read_write> yc: array<real>;
@group(0) @binding(7) var<storage, read_write> yr: array<real>;

// Sizes: [0] entries, [1] outputs, [2] inputs. Constants: [4] fill, [5] its radius.
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = position(id, groups);
    if at >= sizes[0] {
        return;
    }
    let i = at % sizes[1];
    let base = at / sizes[1] * sizes[2];
    var sum = Sum(ZERO, ZERO, ZERO, ZERO);
    for (var e = start[i]; e < start[i + 1u]; e++) {
        let src = base + index[e];
        sum = plus(sum, Entry(xc[src], xr[src]));
    }
    var y = total(sum);
    if sum.terms == ZERO {
        y = Entry(consts[4], consts[5]);
    }
    yc[at] = y.c;
    yr[at] = y.r;
}
