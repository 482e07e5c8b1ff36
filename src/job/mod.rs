//! Many samples: what is proven of each, written down as it is found.

pub mod bracket;
pub mod certify;
pub mod closer;
pub mod diff;
pub mod journal;
pub mod merge;
pub mod row;
pub mod samples;
pub mod summary;
pub mod task;

pub use journal::Journal;
pub use row::Row;
pub use samples::{Sample, Samples};
pub use summary::Summary;
pub use task::{Aim, Order, Task};
