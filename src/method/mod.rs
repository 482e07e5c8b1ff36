//! One file per method, the list of all of them, and the order in which they run.

pub mod context;
pub mod contract;
pub mod exact;
pub mod global;
pub mod goal;
pub mod layer;
pub mod list;
pub mod local;
pub mod lower;
pub mod margin;
pub mod plan;
pub mod row;
pub mod schedule;
pub mod table;
pub mod why;

pub use context::{Budget, Context};
pub use contract::{Finding, Method};
pub use goal::{Decision, Goal};
pub use list::METHODS;
pub use row::Row;
pub use schedule::{Effort, Outcome, Status};
pub use why::Why;
