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
        "jacobian-interval",
        Scope::Any,
        Proves::Both,
        "all",
        "a pass per output",
        "Bhowmick et al. 2021; Weng et al. 2018",
    ),
    row("jacobian-ibp", Scope::Any, Proves::Both, "all", "a pass per output", "Weng et al. 2018 (FastLip)"),
    row("product-local", Scope::Any, Proves::Upper, "all", "layer norms", "Huang et al. 2021"),
    row("product", Scope::Any, Proves::Upper, "all", "layer norms", "Scaman & Virmaux 2018 (AutoLip)"),
    row("ascent", Scope::Any, Proves::Lower, "all", "100 passes", "projected ascent, double-double witness"),
    row("centre", Scope::Any, Proves::Lower, "all", "two passes", "duality, double-double witness"),
];

/// A method of `bound` by name.
pub fn find(name: &str) -> Option<&'static Row> {
    METHODS.iter().find(|r| r.name == name && r.scope != Scope::Layer)
}
