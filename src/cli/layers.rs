//! `clarke layers`: the norm of every linear layer, all methods side by side.

use super::args::LayersArgs;
use crate::error::{Error, Result};

pub fn run(args: LayersArgs) -> Result<i32> {
    Err(Error::unsupported("the engine behind `layers` is not connected")
        .at(args.net.display().to_string())
        .next("use a later version"))
}
