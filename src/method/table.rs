//! The method table: what `clarke methods` prints and `--method` accepts.

/// What a method's number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proves {
    Upper,
    Lower,
    Both,
}

/// Where a method applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One linear layer.
    Layer,
    /// The whole network on a bounded region.
    Local,
    /// The whole network, region bounded or not.
    Any,
    /// The same as `Local`, by dividing the region.
    Search,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub name: &'static str,
    pub scope: Scope,
    pub proves: Proves,
    pub norms: &'static str,
    pub cost: &'static str,
    pub paper: &'static str,
}

const fn row(
    name: &'static str,
    scope: Scope,
    proves: Proves,
    norms: &'static str,
    cost: &'static str,
    paper: &'static str,
) -> Row {
    Row { name, scope, proves, norms, cost, paper }
}

pub const METHODS: &[Row] = &[
    row(
        "exact",
        Scope::Search,
        Proves::Both,
        "all",
        "sweeps per part, until equal",
        "Bhowmick et al. 2021 (LipBaB)",
    ),
    row(
        "jacobian-interval",
        Scope::Any,
        Proves::Both,
        "all",
        "a pass per output",
        "Bhowmick et al. 2021; Weng et al. 2018",
    ),
    row(
        "jacobian-linear",
        Scope::Any,
        Proves::Upper,
        "all",
        "a pass per output and open neuron",
        "Shi et al. 2022",
    ),
    row("jacobian-ibp", Scope::Any, Proves::Both, "all", "a pass per output", "Weng et al. 2018 (FastLip)"),
    row("product-local", Scope::Any, Proves::Upper, "all", "layer norms", "Huang et al. 2021"),
    row("product", Scope::Any, Proves::Upper, "all", "layer norms", "Scaman & Virmaux 2018 (AutoLip)"),
    row(
        "absolute-product",
        Scope::Any,
        Proves::Upper,
        "all",
        "a pass per output, or vectors",
        "Pintore & Despres 2024 (K4)",
    ),
    row("abs-subset", Scope::Any, Proves::Upper, "all", "a pass per neuron", "own; of the K4 type"),
    row(
        "combettes-pesquet",
        Scope::Any,
        Proves::Upper,
        "all",
        "a pass per neuron, norms",
        "Combettes & Pesquet 2020 (K1); LipLT",
    ),
    row(
        "eclipse-fast",
        Scope::Any,
        Proves::Upper,
        "2→2; others by it",
        "factorisations",
        "Xu & Sivaranjani 2024; chains only",
    ),
    row(
        "lipsdp",
        Scope::Any,
        Proves::Upper,
        "2→2; others by it",
        "40 Newton steps",
        "Fazlyab et al. 2019 (neuron); chains only",
    ),
    row(
        "scaled-gain",
        Scope::Any,
        Proves::Upper,
        "1→2, 2→2, inf→2; others by it",
        "up to 300 factorisations",
        "Fazlyab et al. 2019 (neuron), Wang et al. 2022 (GeoLIP); any graph",
    ),
    row(
        "seqlip",
        Scope::Any,
        Proves::Upper,
        "2→2; others by it",
        "a search per activation",
        "Scaman & Virmaux 2018; chains only",
    ),
    row("partition", Scope::Any, Proves::Upper, "all", "several methods per block", "own"),
    row(
        "ascent",
        Scope::Any,
        Proves::Lower,
        "all",
        "up to 13000 passes",
        "smoothed ascent, double-double witness",
    ),
    row("pattern", Scope::Any, Proves::Lower, "all", "up to 1e10 products", "own; double-double witness"),
    row(
        "pair",
        Scope::Any,
        Proves::Lower,
        "all",
        "up to 2000 passes",
        "difference quotient, double-double values",
    ),
    row("centre", Scope::Any, Proves::Lower, "all", "two passes", "duality, double-double witness"),
    row(
        "gram",
        Scope::Layer,
        Proves::Upper,
        "2→2",
        "squarings",
        "Delattre et al. 2023; verified Cholesky above order 24; small convolutions as they are",
    ),
    row(
        "gram-stack",
        Scope::Layer,
        Proves::Upper,
        "2→2",
        "batched squarings, on a GPU",
        "Delattre et al. 2023",
    ),
    row(
        "embedding",
        Scope::Layer,
        Proves::Upper,
        "2→2",
        "a factorisation per cell of frequencies",
        "submatrix of a (twisted) circular convolution; verified Cholesky, Bernstein-Szego",
    ),
    row(
        "sampling",
        Scope::Layer,
        Proves::Upper,
        "2→2",
        "about 200 factorisations",
        "supremum of the symbol; verified Cholesky, Bernstein-Szego",
    ),
    row(
        "strip",
        Scope::Layer,
        Proves::Upper,
        "2→2",
        "factorisations of channels x side",
        "circular along one axis, exact along the other",
    ),
    row(
        "toeplitz-rows",
        Scope::Layer,
        Proves::Upper,
        "2→2",
        "the kernel, squared",
        "Araujo et al. 2020 (v1)",
    ),
    row("toeplitz", Scope::Layer, Proves::Upper, "2→2", "the kernel, squared", "Araujo et al. 2020 (v2)"),
    row("row norms", Scope::Layer, Proves::Both, "p→inf", "the kernel", "definition, per border class"),
    row("column norms", Scope::Layer, Proves::Both, "1→q", "the kernel", "definition, per border class"),
    row("reshapes", Scope::Layer, Proves::Upper, "2→2", "four small norms", "Singla & Feizi 2021"),
    row(
        "schur",
        Scope::Layer,
        Proves::Upper,
        "2→2",
        "a few applications",
        "Schur test with positive weights",
    ),
    row("interpolation", Scope::Layer, Proves::Upper, "2→2", "the kernel", "Riesz-Thorin"),
    row("frobenius", Scope::Layer, Proves::Upper, "2→2", "the kernel", "definition"),
    row(
        "monotone",
        Scope::Layer,
        Proves::Both,
        "inf→1, inf→2, 2→1",
        "the kernel",
        "norms are monotone in |W|",
    ),
    row(
        "lanczos",
        Scope::Layer,
        Proves::Lower,
        "2→2",
        "100 applications",
        "Rayleigh quotient of a Ritz vector",
    ),
    row("power", Scope::Layer, Proves::Lower, "all", "100 applications", "Boyd 1974"),
];

/// A method of `bound` by name.
pub fn find(name: &str) -> Option<&'static Row> {
    METHODS.iter().find(|r| r.name == name && r.scope != Scope::Layer)
}
