//! Written numbers in certificates: a JSON number is the float nearest to it, a text the number itself.

use crate::num::Written;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.as_float() {
            Some(x) => to.serialize_f64(x),
            None => to.collect_str(self),
        }
    }
}

struct Number;

impl Visitor<'_> for Number {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number, or the text of one")
    }

    fn visit_f64<E: Error>(self, x: f64) -> Result<Written, E> {
        Written::float(x).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_u64<E: Error>(self, x: u64) -> Result<Written, E> {
        self.visit_f64(x as f64)
    }

    fn visit_i64<E: Error>(self, x: i64) -> Result<Written, E> {
        self.visit_f64(x as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Written, E> {
        Written::parse(text).map_err(|why| E::custom(format!("a number {why}")))
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Written, D::Error> {
        from.deserialize_any(Number)
    }
}
