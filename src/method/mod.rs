//! One file per method and the table of all of them.

pub mod context;
pub mod driver;
pub mod global;
pub mod layer;
pub mod local;
pub mod lower;
pub mod table;

pub use context::{Budget, Context};
pub use driver::{Effort, Outcome, Status};
pub use table::{METHODS, Row};
