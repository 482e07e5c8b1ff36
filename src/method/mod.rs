//! One file per method and the table of all of them.

pub mod context;
pub mod details;
pub mod driver;
pub mod global;
pub mod goal;
pub mod layer;
pub mod local;
pub mod lower;
pub mod plan;
pub mod table;
pub mod why;

pub use context::{Budget, Context};
pub use driver::{Effort, Outcome, Status};
pub use goal::{Decision, Goal};
pub use table::{METHODS, Row};
pub use why::Why;
