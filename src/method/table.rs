//! The method table: what `clarke methods` prints and `--method` accepts.

use crate::error::Error;

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
        "p→2; others by it",
        "up to 300 factorisations",
        "Fazlyab et al. 2019, Wang et al. 2022 (GeoLIP); any graph",
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
        "Delattre et al. 2023; verified Cholesky above order 24",
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
        "part of a circular convolution; Cholesky, Bernstein-Szego",
    ),
    row(
        "sampling",
        Scope::Layer,
        Proves::Upper,
        "2→2",
        "about 200 factorisations",
        "supremum of the symbol; Cholesky, Bernstein-Szego",
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

/// That no method has this name, and which ones come near.
pub fn unknown(name: &str) -> Error {
    if METHODS.iter().any(|r| r.name == name && r.scope == Scope::Layer) {
        return Error::input(format!("{name} bounds single layers, not networks"))
            .at("--method")
            .next("`clarke layers NET` runs it; leave --method out here, or see `clarke methods`");
    }
    let near = near(name);
    let error = Error::input(format!("there is no method {name:?}")).at("--method");
    match near.as_slice() {
        [] => error.next("use auto, or a name that `clarke methods` lists"),
        near => error.next(format!("near it: {}; `clarke methods` lists all", near.join(", "))),
    }
}

/// Names for which others know methods.
const KNOWN_AS: &[(&str, &str)] = &[
    ("crown", "jacobian-linear"),
    ("lirpa", "jacobian-linear"),
    ("recurjac", "jacobian-linear"),
    ("fastlip", "jacobian-ibp"),
    ("interval", "jacobian-interval"),
    ("lipbab", "exact"),
    ("branch-and-bound", "exact"),
    ("bab", "exact"),
    ("autolip", "product"),
    ("naive", "product"),
    ("spectral", "product"),
    ("k1", "combettes-pesquet"),
    ("k4", "absolute-product"),
    ("liplt", "combettes-pesquet"),
    ("eclipse", "eclipse-fast"),
    ("geolip", "scaled-gain"),
    ("sdp", "lipsdp"),
    ("pgd", "ascent"),
    ("sampling", "ascent"),
    ("greedy-seqlip", "seqlip"),
];

/// Methods of networks whose names contain the text, are contained in it, differ by little, or that others
/// know by it.
fn near(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase().replace(['_', ' '], "-");
    let known = KNOWN_AS.iter().filter(|(theirs, _)| text.contains(theirs)).map(|(_, ours)| *ours);
    let alike = |name: &str| {
        let contained = text.len() > 2 && (name.contains(&text) || text.contains(name));
        contained || distance(&text, name) <= 1 + name.len() / 5
    };
    let own = METHODS.iter().filter(|r| r.scope != Scope::Layer && alike(r.name)).map(|r| r.name);
    let mut list: Vec<&'static str> = own.chain(known).collect();
    let mut seen = std::collections::BTreeSet::new();
    list.retain(|name| seen.insert(*name));
    list
}

/// Insertions, deletions and substitutions between two texts.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let least = (row[j] + 1).min(row[j + 1] + 1).min(corner + (x != *y) as usize);
            corner = std::mem::replace(&mut row[j + 1], least);
        }
    }
    row[b.len()]
}
