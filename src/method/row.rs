//! What is said of a method: its line of the table, the inequality it proves, and its place in `auto`.

/// What a method's number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proves {
    Upper,
    Lower,
    Both,
    /// Nothing: its number stands in no bound.
    Estimate,
}

/// Where a method applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One linear layer.
    Layer,
    /// The whole network, region bounded or not.
    Any,
    /// The same, by dividing the region.
    Search,
}

/// One method.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub name: &'static str,
    pub scope: Scope,
    pub proves: Proves,
    pub norms: &'static str,
    pub cost: &'static str,
    pub paper: &'static str,
    /// The inequality.
    pub formula: &'static str,
    pub loose: &'static str,
    /// Whence it knows which slopes neurons can have on the region.
    pub slopes: &'static str,
    pub stage: Stage,
}

impl Row {
    /// A command that runs it.
    pub fn example(&self) -> String {
        match self.scope {
            Scope::Layer => "clarke layers NET --format json".into(),
            Scope::Any | Scope::Search => {
                format!("clarke bound NET --input FILE#0 --eps 0.02 --method {}", self.name)
            }
        }
    }
}

/// Its place in `auto`: smaller numbers first, none: never.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    /// On all of R^n.
    pub everywhere: Option<u8>,
    /// On a region with interior, on one so small that f64 cannot tell its ends apart, and at a point.
    pub region: Option<u8>,
    pub tiny: Option<u8>,
    pub point: Option<u8>,
    /// On a region, what bounds everything gets this part of the time, and again as much for the slopes of
    /// everything: rules that are not monotone in the slopes may do better so.
    pub share: Option<f64>,
    /// On a region, a turn before that, with all of the time.
    pub first: Option<u8>,
    /// Never better by slopes of everything than by the region's, where both go through.
    pub monotone: bool,
    /// It repeats passes: nothing where no time is given.
    pub repeats: bool,
    /// Alone, it has time for linear bounds before it.
    pub statuses: bool,
    /// In `auto` it comes before linear bounds, and once more after them.
    pub refined: bool,
}

impl Stage {
    pub const NONE: Stage = Stage {
        everywhere: None,
        region: None,
        tiny: None,
        point: None,
        share: None,
        first: None,
        monotone: false,
        repeats: false,
        statuses: false,
        refined: false,
    };
}
