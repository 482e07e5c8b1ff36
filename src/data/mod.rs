//! Arrays read from files.

/// One array in C order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Values,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    F64(Vec<f64>),
    I64(Vec<i64>),
    Text(Vec<String>),
    Bool(Vec<bool>),
}

pub mod npz {
    use super::Array;
    use crate::error::{Error, Result};

    pub fn read(_bytes: &[u8]) -> Result<Vec<(String, Array)>> {
        Err(Error::unsupported(".npz files"))
    }
}
