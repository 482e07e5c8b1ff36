//! What `clarke methods NAME` says of one method beyond its row of the table: the inequality it proves, when
//! it is loose, which bounds of the neurons' arguments it rests on, and a line to try it with.

/// About one method.
#[derive(Clone, Copy, Debug)]
pub struct Details {
    pub name: &'static str,
    /// The inequality.
    pub proves: &'static str,
    pub loose: &'static str,
    /// Whence it knows which slopes neurons can have on the region.
    pub slopes: &'static str,
}

const fn of(name: &'static str, proves: &'static str, loose: &'static str, slopes: &'static str) -> Details {
    Details { name, proves, loose, slopes }
}

const LINEAR: &str =
    "linear bounds of every neuron's argument (CROWN, optimised), interval ones where these cost too much";
const INTERVAL: &str = "interval bounds of every neuron's argument";
const LINEAR_ALONE: &str = "linear bounds of every neuron's argument; interval ones where these cost too much; on all of R^n \
     the slopes of the activation. `auto` also takes those of R^n on a region";
const NONE: &str = "the slopes of the activations, whatever the region";
const OWN: &str = "its own, part by part";
const LAYER: &str = "none: one linear layer";
const POINTS: &str = "none: points are evaluated";

const BOUND: &[Details] = &[
    of(
        "exact",
        "L ≤ max over parts of a cover of the region; the region is divided along kinks or inputs until the largest \
         part meets the best witness",
        "time is short: thousands of parts for some tens of free neurons; smooth functions need ever smaller boxes",
        OWN,
    ),
    of(
        "jacobian-interval",
        "L ≤ ‖J‖ where the interval matrix J holds every generalised Jacobian on the region; at a point both ends",
        "many neurons are free: intervals forget that they switch together",
        LINEAR,
    ),
    of(
        "jacobian-linear",
        "L ≤ ‖J‖ with the Jacobian's entries and its rows' norms bounded by linear functions of open slopes",
        "many neurons are free; costs a pass per output and open neuron",
        LINEAR,
    ),
    of(
        "jacobian-ibp",
        "L ≤ ‖J‖ where the interval matrix J holds every generalised Jacobian on the region; at a point both ends",
        "the region is not small: interval bounds open neurons that are fixed",
        INTERVAL,
    ),
    of(
        "product-local",
        "L ≤ Π ‖D_k W_k‖ over layers, rows and columns of neurons that are off left out",
        "deep: layer norms multiply. Equal to `product` where no neuron is fixed off",
        "linear bounds where it is named alone, interval ones in `auto`",
    ),
    of("product", "L ≤ Π ‖W_k‖ over layers, sums over branches", "deep: layer norms multiply", NONE),
    of(
        "absolute-product",
        "L ≤ ‖ |W_K| ⋯ |W_1| ‖, the product of magnitudes",
        "weights have mixed signs; exact where none is negative",
        NONE,
    ),
    of(
        "abs-subset",
        "L ≤ ‖T‖ where |J| ≤ T entry by entry: magnitudes are taken at open slopes only, what lies between cancels",
        "wide layers in the norm 2",
        LINEAR_ALONE,
    ),
    of(
        "combettes-pesquet",
        "L ≤ Σ over all ways of cutting the network at open slopes of Π of norms between the cuts",
        "deep: at least 2^-(K-1) of the product of K layer norms. Never above it",
        LINEAR_ALONE,
    ),
    of(
        "eclipse-fast",
        "‖J‖₂ ≤ √ρ for a chain of matrix inequalities with one multiplier per layer, in closed form",
        "neurons of a layer need different multipliers",
        LINEAR_ALONE,
    ),
    of(
        "lipsdp",
        "‖J‖₂ ≤ √ρ for the same inequalities with the best multiplier per neuron. Where none is better, the bound bears \
         the name eclipse-fast, with the reason",
        "several neurons switch at once; cubic in the number of neurons, at most 2600",
        LINEAR_ALONE,
    ),
    of(
        "scaled-gain",
        "‖J‖_{p→2} ≤ level where a scaled feedback loop through the open slopes has gain at most 1",
        "several neurons switch at once; at most 1500 open neurons and outputs",
        LINEAR_ALONE,
    ),
    of(
        "seqlip",
        "‖J‖₂ ≤ Π over activations of max over slopes of ‖B S A‖, layers split by singular values",
        "many layers; exact over patterns with one hidden layer",
        LINEAR_ALONE,
    ),
    of(
        "partition",
        "L ≤ Π of the best bounds of blocks of up to four activations, the norms between them chosen best",
        "the network is one block",
        NONE,
    ),
    of(
        "ascent",
        "L ≥ ‖J(x)‖ at the steepest point that climbs on smoothed kinks have met",
        "the steepest piece is small or far from every start",
        POINTS,
    ),
    of(
        "pattern",
        "L ≥ ‖J(x)‖ at the steepest activation pattern that crossing single kinks has met",
        "the steepest pattern lies several kinks away",
        POINTS,
    ),
    of(
        "pair",
        "L ≥ ‖f(x) − f(y)‖ / ‖x − y‖ for two points of the region",
        "the steepest piece is short",
        POINTS,
    ),
    of("centre", "L ≥ ‖J(c)‖ at the centre", "the centre is not the steepest point", POINTS),
];

const LAYERS: &[Details] = &[
    of(
        "gram",
        "‖W‖₂ ≤ tr((WᵀW)^(2^k))^(1/2^(k+1)), or a verified Cholesky factorisation",
        "never by much: 1e-6 or so",
        LAYER,
    ),
    of("gram-stack", "the same, many matrices at once", "never by much", LAYER),
    of(
        "embedding",
        "‖W‖₂ ≤ max over frequencies of a circular convolution that W is a part of",
        "the image is hardly larger than the kernel",
        LAYER,
    ),
    of(
        "sampling",
        "‖W‖₂ ≤ the supremum of the symbol, from samples and a derivative's bound",
        "the image is hardly larger than the kernel",
        LAYER,
    ),
    of("strip", "the same, circular along one axis only", "one side is long", LAYER),
    of("toeplitz-rows", "‖W‖₂² ≤ sums of magnitudes of the symbol's rows", "many channels", LAYER),
    of(
        "toeplitz",
        "‖W‖₂² ≤ the norm of sums of magnitudes over offsets",
        "many offsets of mixed signs",
        LAYER,
    ),
    of("row norms", "‖W‖_{p→∞} = the largest dual norm of a row", "never: exact", LAYER),
    of("column norms", "‖W‖_{1→q} = the largest norm of a column", "never: exact", LAYER),
    of("reshapes", "‖W‖₂ ≤ √(kernel size) · the least norm of four reshaped kernels", "large kernels", LAYER),
    of("schur", "‖W‖₂² ≤ max (|W|ᵀ|W| v / v) for positive v", "weights have mixed signs", LAYER),
    of("interpolation", "‖W‖₂² ≤ ‖W‖₁ ‖W‖_∞", "rows or columns of very different size", LAYER),
    of("frobenius", "‖W‖₂² ≤ Σ w²", "the rank is high", LAYER),
    of("monotone", "‖W‖ ≤ ‖ |W| ‖ between norms that magnitudes bound", "weights have mixed signs", LAYER),
    of("lanczos", "‖W‖₂ ≥ ‖W v‖ / ‖v‖ of a Ritz vector", "singular values are crowded at the top", LAYER),
    of(
        "power",
        "‖W‖ ≥ ‖W v‖ / ‖v‖ of a power iteration's vector",
        "singular values are crowded at the top",
        LAYER,
    ),
];

/// Of a row of the table.
pub fn find(name: &str) -> Option<&'static Details> {
    BOUND.iter().chain(LAYERS).find(|d| d.name == name)
}

impl Details {
    /// A command that runs it.
    pub fn example(&self) -> String {
        match BOUND.iter().any(|d| d.name == self.name) {
            true => format!("clarke bound NET --input FILE#0 --eps 0.02 --method {}", self.name),
            false => "clarke layers NET --format json".into(),
        }
    }
}
