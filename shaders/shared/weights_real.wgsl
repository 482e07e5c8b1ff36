// Weights as numbers of the device.

@group(0) @binding(4) var<storage, read> weight: array<real>;

fn weight_of(at: u32) -> real {
    return weight[at];
}
