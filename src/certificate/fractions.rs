//! Fractions in files: as text, never over zero.

use crate::num::rational::Rational;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

pub fn serialize<S: Serializer>(list: &[Rational], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(list.iter().map(|x| x.to_string()))
}

pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Rational>, D::Error> {
    let number = |t: String| {
        let over_zero =
            t.split_once('/').is_some_and(|(_, d)| !d.contains(|c: char| ('1'..='9').contains(&c)));
        t.parse().ok().filter(|_| !over_zero).ok_or_else(|| D::Error::custom("a fraction is no fraction"))
    };
    Vec::<String>::deserialize(from)?.into_iter().map(number).collect()
}
