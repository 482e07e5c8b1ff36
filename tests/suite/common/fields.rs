//! Every field of a JSON text, and other values for them.

use clarke::num::random::Random;
use serde_json::{Value, json};

/// Where a value stands: as a JSON pointer, and with its place in long lists left out.
#[derive(Clone)]
pub struct Place {
    pub pointer: String,
    pub field: String,
}

/// All values of a certificate, lists and numbers alike, but for its network and version.
pub fn places(certificate: &Value) -> Vec<Place> {
    let mut found = vec![];
    collect(certificate, Place { pointer: String::new(), field: String::new() }, &mut found);
    found
}

fn collect(value: &Value, at: Place, found: &mut Vec<Place>) {
    match value {
        Value::Object(map) => {
            for (key, value) in
                map.iter().filter(|(k, _)| !["net", "version", "schema"].contains(&k.as_str()))
            {
                let under = |t: &str| format!("{t}/{key}");
                collect(value, Place { pointer: under(&at.pointer), field: under(&at.field) }, found);
            }
        }
        Value::Array(list) => {
            // Of a division and a loop every place has its own meaning.
            let own = ["/kink", "/input", "scaled/*"].iter().any(|end| at.field.ends_with(end));
            for (k, value) in list.iter().enumerate() {
                let field = if own { format!("{}/{k}", at.field) } else { format!("{}/*", at.field) };
                collect(value, Place { pointer: format!("{}/{k}", at.pointer), field }, found);
            }
            found.push(at);
        }
        _ => found.push(at),
    }
}

pub fn below(random: &mut Random, n: usize) -> usize {
    (random.bits() % n as u64) as usize
}

pub fn pick<T: Clone>(random: &mut Random, list: &[T]) -> T {
    list[below(random, list.len())].clone()
}

/// Another value of the same kind, or of none.
pub fn changed(old: &Value, random: &mut Random) -> Value {
    match old {
        Value::Null => pick(random, &[json!(0), json!(1), json!([-1.0, 1.0]), json!(["1", 0.5]), json!(4.0)]),
        Value::Bool(b) => json!(!b),
        Value::Number(n) if n.is_u64() => {
            let n = n.as_u64().expect("an index");
            pick(
                random,
                &[
                    json!(n.wrapping_add(1)),
                    json!(n.saturating_sub(1)),
                    json!(0),
                    json!(n.wrapping_add(2)),
                    json!(u64::MAX),
                ],
            )
        }
        Value::Number(n) => {
            let x = n.as_f64().expect("a number");
            let near = [x.next_up(), x.next_down(), x * (1.0 + 1e-9), x * 0.5, x * 2.0];
            let far = [-x, 0.0, 1.0, -1.0, x + 1.0, x - 1.0, 5e-324, -1e-300, 1e300, 1e9];
            let number = if below(random, 2) == 0 { pick(random, &near) } else { pick(random, &far) };
            json!(if number.is_finite() { number } else { 0.0 })
        }
        Value::String(text) => {
            let words =
                ["inf", "1", "2", "all", "0", "1-0", "0-1", "lipschitz", "anchored", "-1", "1/3", "1/0"];
            let longer = [format!("{text}0"), format!("-{text}"), format!("{text}/7")];
            json!(if below(random, 3) == 0 { pick(random, &longer) } else { pick(random, &words).into() })
        }
        Value::Array(list) => {
            let mut list = list.clone();
            match (below(random, 4), list.len()) {
                (_, 0) => list.push(json!(1.0)),
                (0, n) => drop(list.remove(below(random, n))),
                (1, n) => list.push(list[below(random, n)].clone()),
                (2, n) => list.swap(below(random, n), n - 1),
                (_, n) => list.truncate(below(random, n)),
            }
            json!(list)
        }
        Value::Object(_) => old.clone(),
    }
}

/// An end of a claim as it stands in files.
pub fn number(x: f64) -> Value {
    let value = if x.is_finite() { json!(x) } else { json!(x.to_string()) };
    json!({"value": value, "bits": format!("{:016x}", x.to_bits())})
}
