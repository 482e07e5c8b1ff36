//! Constants of a graph: stored tensors and what folding makes of them.
//! Every stored 16-, 32- or 64-bit float is one exact f64.

use super::Beside;
use super::index::{self, NONE};
use super::proto::{TensorProto, data_type as t};
use crate::error::{Error, Result};
use crate::num::Coefficient;
use half::{bf16, f16};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub enum Data {
    Floats(Arc<Vec<f64>>),
    Integers(Arc<Vec<i64>>),
    /// Results of folding that are not floats.
    Reals(Arc<Vec<Coefficient>>),
}

#[derive(Clone, Debug)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Data,
}

impl Tensor {
    pub fn floats(shape: Vec<usize>, values: Vec<f64>) -> Self {
        Tensor { shape, data: Data::Floats(Arc::new(values)) }
    }

    pub fn integers(shape: Vec<usize>, values: Vec<i64>) -> Self {
        Tensor { shape, data: Data::Integers(Arc::new(values)) }
    }

    /// Floats where all values are floats.
    pub fn reals(shape: Vec<usize>, values: Vec<Coefficient>) -> Self {
        if values.iter().all(|c| c.is_exact()) {
            return Self::floats(shape, values.iter().map(|c| c.hi).collect());
        }
        Tensor { shape, data: Data::Reals(Arc::new(values)) }
    }

    pub fn len(&self) -> usize {
        match &self.data {
            Data::Floats(v) => v.len(),
            Data::Integers(v) => v.len(),
            Data::Reals(v) => v.len(),
        }
    }

    /// All values as real numbers; `None` if an integer has no f64.
    pub fn coefficients(&self) -> Option<Vec<Coefficient>> {
        match &self.data {
            Data::Floats(v) => Some(v.iter().map(|&x| Coefficient::exact(x)).collect()),
            Data::Integers(v) => v.iter().map(|&i| Some(Coefficient::exact(exact(i)?))).collect(),
            Data::Reals(v) => Some(v.to_vec()),
        }
    }

    /// The same, or what is wrong.
    pub fn real_numbers(&self) -> Result<Vec<Coefficient>> {
        self.coefficients().ok_or_else(|| Error::unsupported("an integer too large for a float"))
    }

    /// The values at `index`; `fill` where it is NONE.
    pub fn gathered(&self, shape: Vec<usize>, index: &[u32], fill: f64) -> Tensor {
        fn pick<T: Copy>(values: &[T], index: &[u32], fill: T) -> Arc<Vec<T>> {
            let at = |&j: &u32| if j == NONE { fill } else { values[j as usize] };
            Arc::new(index.iter().map(at).collect())
        }
        let data = match &self.data {
            Data::Floats(v) => Data::Floats(pick(v, index, fill)),
            Data::Integers(v) => Data::Integers(pick(v, index, fill as i64)),
            Data::Reals(v) => Data::Reals(pick(v, index, Coefficient::exact(fill))),
        };
        Tensor { shape, data }
    }
}

/// The f64 equal to an integer.
pub fn exact(i: i64) -> Option<f64> {
    let x = i as f64;
    (x.abs() < 9.2e18 && x as i64 == i).then_some(x)
}

/// A size from a file.
pub fn dimension(d: i64) -> Result<usize> {
    usize::try_from(d)
        .ok()
        .filter(|&d| d <= index::LONGEST)
        .ok_or_else(|| Error::import(format!("the dimension {d} makes no sense")))
}

/// The tensor of an attribute, whose values are in the model.
pub fn decode(proto: &TensorProto) -> Result<Tensor> {
    decode_stored(proto, &mut Beside::nothing())
}

/// Reads a stored tensor. Nothing is allocated before the data is known to be there.
pub fn decode_stored(proto: &TensorProto, beside: &mut Beside) -> Result<Tensor> {
    decode_values(proto, beside).map_err(|e| e.at(format!("tensor {:?}", proto.name)))
}

fn decode_values(proto: &TensorProto, beside: &mut Beside) -> Result<Tensor> {
    let shape = proto.dims.iter().map(|&d| dimension(d)).collect::<Result<Vec<_>>>()?;
    let count = index::volume(&shape)?;
    let raw = match proto.data_location {
        0 => proto.raw_data.clone().filter(|raw| !raw.is_empty()),
        1 => Some(beside.values(proto)?),
        other => return Err(Error::import(format!("its values are in the unknown place {other}"))),
    };
    let raw = raw.as_deref();
    let kind = proto.data_type;
    let data = match (kind, raw) {
        (t::FLOAT, Some(b)) => floats(b, count, |x| f32::from_le_bytes(x) as f64)?,
        (t::DOUBLE, Some(b)) => floats(b, count, f64::from_le_bytes)?,
        (t::FLOAT16, Some(b)) => floats(b, count, |x| f16::from_le_bytes(x).to_f64())?,
        (t::BFLOAT16, Some(b)) => floats(b, count, |x| bf16::from_le_bytes(x).to_f64())?,
        (t::INT64, Some(b)) => integers(b, count, i64::from_le_bytes)?,
        (t::INT32, Some(b)) => integers(b, count, |x| i32::from_le_bytes(x) as i64)?,
        (t::INT16, Some(b)) => integers(b, count, |x| i16::from_le_bytes(x) as i64)?,
        (t::INT8, Some(b)) => integers(b, count, |x| i8::from_le_bytes(x) as i64)?,
        (t::UINT8 | t::BOOL, Some(b)) => integers(b, count, |x: [u8; 1]| x[0] as i64)?,
        (t::UINT16, Some(b)) => integers(b, count, |x| u16::from_le_bytes(x) as i64)?,
        (t::UINT32, Some(b)) => integers(b, count, |x| u32::from_le_bytes(x) as i64)?,
        (t::UINT64, Some(b)) => integers(b, count, |x| u64::from_le_bytes(x).min(i64::MAX as u64) as i64)?,
        (t::FLOAT, None) => Data::Floats(typed(&proto.float_data, count, |&x| x as f64)?),
        (t::DOUBLE, None) => Data::Floats(typed(&proto.double_data, count, |&x| x)?),
        (t::FLOAT16, None) => {
            Data::Floats(typed(&proto.int32_data, count, |&x| f16::from_bits(x as u16).to_f64())?)
        }
        (t::BFLOAT16, None) => {
            Data::Floats(typed(&proto.int32_data, count, |&x| bf16::from_bits(x as u16).to_f64())?)
        }
        (t::INT64, None) => Data::Integers(typed(&proto.int64_data, count, |&x| x)?),
        (t::INT32 | t::INT16 | t::INT8 | t::UINT8 | t::UINT16 | t::BOOL, None) => {
            Data::Integers(typed(&proto.int32_data, count, |&x| x as i64)?)
        }
        (t::UINT32 | t::UINT64, None) => {
            Data::Integers(typed(&proto.uint64_data, count, |&x| x.min(i64::MAX as u64) as i64)?)
        }
        _ => return Err(Error::unsupported(format!("has the element type {kind}"))),
    };
    Ok(Tensor { shape, data })
}

fn raw<T, const N: usize>(bytes: &[u8], count: usize, read: impl Fn([u8; N]) -> T) -> Result<Arc<Vec<T>>> {
    if count.checked_mul(N) != Some(bytes.len()) {
        return Err(short(bytes.len() / N, count));
    }
    let (chunks, _) = bytes.as_chunks::<N>();
    Ok(Arc::new(chunks.iter().map(|&c| read(c)).collect()))
}

fn floats<const N: usize>(bytes: &[u8], count: usize, read: impl Fn([u8; N]) -> f64) -> Result<Data> {
    raw(bytes, count, read).map(Data::Floats)
}

fn integers<const N: usize>(bytes: &[u8], count: usize, read: impl Fn([u8; N]) -> i64) -> Result<Data> {
    raw(bytes, count, read).map(Data::Integers)
}

fn typed<S, T>(values: &[S], count: usize, read: impl Fn(&S) -> T) -> Result<Arc<Vec<T>>> {
    if values.len() != count {
        return Err(short(values.len(), count));
    }
    Ok(Arc::new(values.iter().map(read).collect()))
}

fn short(found: usize, wanted: usize) -> Error {
    Error::import(format!("holds {found} values, its shape needs {wanted}"))
}
