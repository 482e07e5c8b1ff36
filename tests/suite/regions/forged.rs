//! Certificates about regions that were made by hand: each claims something false of a region that says
//! one thing and means another. Regions in files are what somebody wrote, so most of them cannot be said.

use super::{dense, source};
use clarke::certificate::Proof;
use clarke::certificate::check::{Claim, Limits, check};
use clarke::certificate::file::{Certificate, read, write};
use clarke::certificate::{Tree, Witness};
use clarke::net::Net;
use clarke::num::Norm;
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use ndarray::Array2;

fn quotient(quantity: Quantity) -> Question {
    Question { in_norm: Norm::Inf, out_norm: Norm::Inf, output: Output::All, quantity }
}

/// A certificate about a region, whose JSON is then replaced.
fn forged(place: &str, quantity: Quantity, claim: Claim) -> String {
    let region = Region::boxed(vec![0.0], vec![1.0]).expect("a box");
    let text = write(&Certificate { source: source(), region, quotient: quotient(quantity), claim });
    let honest = r#"{"kind":"box","lo":[0.0],"hi":[1.0],"centre":null}"#;
    assert!(text.contains(honest), "{text}");
    text.replace(honest, place)
}

fn accepted(net: &Net, text: &str) -> Result<(), String> {
    let certificate = read(text).map_err(|e| e.to_string())?;
    let problem = Problem::new(net.clone(), certificate.region, certificate.quotient);
    let problem = problem.map_err(|e| e.to_string())?;
    check(&problem, &certificate.claim, &Limits::default()).map(drop).map_err(|e| format!("{e:?}"))
}

fn claim(lower: f64, upper: f64, witness: Option<Witness>) -> Claim {
    Claim { lower, upper, witness, proof: Proof::Tree { tree: Tree::new(), kinks: false, reach: None } }
}

fn rectifier() -> Net {
    let mut net = Net::new(vec![1]);
    super::relu(&mut net);
    net
}

/// 100 x0 + x1.
fn tilted() -> Net {
    let mut net = Net::new(vec![2]);
    dense(&mut net, &Array2::from_shape_vec((1, 2), vec![100.0, 1.0]).expect("a row"), &[0.0]);
    net
}

/// relu against a centre where it is steep, of which the box knows nothing.
#[test]
fn centres_outside() {
    let places = [
        r#"{"kind":"box","lo":[-2.0],"hi":[-1.0],"centre":[5.0]}"#,
        r#"{"kind":"box","lo":["-2"],"hi":["-1/3"],"centre":["-0.3333333333333333"]}"#,
        r#"{"kind":"ball","centre":[5.0],"radius":10.0,"norm":"inf","clip":[-2.0,-1.0]}"#,
        r#"{"kind":"ball","centre":["0.1"],"radius":10.0,"norm":"inf","clip":[-2.0,"0.0999999999999999999999"]}"#,
        r#"{"kind":"ball","centre":[5.0],"radius":10.0,"norm":"inf","clip":null,"lo":[-2.0],"hi":[-1.0]}"#,
    ];
    for place in places {
        let why = accepted(&rectifier(), &forged(place, Quantity::Anchored, claim(0.0, 0.0, None)));
        assert!(why.is_err(), "{place}");
    }
    let inside = r#"{"kind":"box","lo":[-2.0],"hi":[-1.0],"centre":[-1.0]}"#;
    assert_eq!(accepted(&rectifier(), &forged(inside, Quantity::Anchored, claim(0.0, 0.0, None))), Ok(()));
}

/// On {1} × [−1, 1] the constant of 100 x0 + x1 is 1, not 101.
#[test]
fn faces_and_constants_in_disguise() {
    let witness = Some(Witness::Piece { x: vec![1.0, 0.0], u: vec![1.0] });
    let places = [
        // A box that meets a ball in a face, or in a point; there is no such region in files.
        r#"{"kind":"ball","lo":[1.0,-1.0],"hi":[2.0,1.0],"centre":[0.0,0.0],"radius":1.0,"norm":"inf","clip":null}"#,
        r#"{"kind":"ball","lo":[1.0,-1.0],"hi":[2.0,1.0],"centre":[0.0,0.0],"radius":1.0,"norm":"2","clip":null}"#,
        r#"{"kind":"box","lo":[1.0,-1.0],"hi":[1.0,1.0],"fixed":[false,false],"centre":null}"#,
        r#"{"kind":"box","lo":[1.0,-1.0],"hi":[1.0,1.0],"centre":null}"#,
        r#"{"kind":"box","lo":["0.1",-1.0],"hi":["1/10",1.0],"centre":null}"#,
        r#"{"kind":"box","lo":[1.0,-1.0],"hi":[1.0,1.0],"centre":[1.0,0.0]}"#,
        // A clip range through the centre's face.
        r#"{"kind":"ball","centre":[1.0,1.0],"radius":1.0,"norm":"inf","clip":[1.0,1.0]}"#,
    ];
    for place in places {
        for x in [1.0, 0.1] {
            let mut witness = witness.clone();
            if let Some(Witness::Piece { x: at, .. }) = &mut witness {
                at[0] = x;
            }
            let text = forged(place, Quantity::Lipschitz, claim(100.9, 102.0, witness));
            assert!(accepted(&tilted(), &text).is_err(), "{place}");
        }
    }
    let honest = r#"{"kind":"box","lo":["0.1",-1.0],"hi":["1/10",1.0],"centre":null}"#;
    let witness = Some(Witness::Piece { x: vec![0.1, 0.0], u: vec![1.0] });
    let text = forged(honest, Quantity::Lipschitz, claim(1.0 - 1e-12, 1.0 + 1e-12, witness.clone()));
    assert_eq!(accepted(&tilted(), &text), Ok(()));
    // With interior, by however little, both columns count.
    let thin = r#"{"kind":"box","lo":["0.1",-1.0],"hi":["0.10000000000000000001",1.0],"centre":null}"#;
    let text = forged(thin, Quantity::Lipschitz, claim(1.0, 1.0 + 1e-12, witness.clone()));
    assert!(accepted(&tilted(), &text).is_err());
    assert_eq!(accepted(&tilted(), &forged(thin, Quantity::Lipschitz, claim(0.0, 101.5, None))), Ok(()));
}

/// At the kink of relu nothing but the generalised derivative is left.
#[test]
fn points_in_disguise() {
    let places = [
        r#"{"kind":"box","lo":[0.0],"hi":[0.0],"fixed":[false],"centre":null}"#,
        r#"{"kind":"box","lo":[0.0],"hi":["-0"],"centre":null}"#,
        r#"{"kind":"box","lo":["0/7"],"hi":["0e5"],"centre":null}"#,
        r#"{"kind":"ball","centre":[0.0],"radius":0.0,"norm":"1","clip":null}"#,
        r#"{"kind":"ball","centre":[0.0],"radius":"0.000","norm":"2","clip":[-1.0,1.0]}"#,
        r#"{"kind":"ball","centre":[0.0],"radius":1.0,"norm":"2","clip":[0.0,"-0.0"]}"#,
    ];
    for place in places {
        let text = forged(place, Quantity::Lipschitz, claim(0.0, 0.0, None));
        assert!(accepted(&rectifier(), &text).is_err(), "{place}");
    }
}

/// What is no region at all, or takes for ever.
#[test]
fn no_regions() {
    let endless =
        format!(r#"{{"kind":"box","lo":["0.{}"],"hi":[1.0],"centre":null}}"#, "3".repeat(1_000_000));
    let places = [
        r#"{"kind":"box","lo":[1.0],"hi":[0.0],"centre":null}"#,
        r#"{"kind":"box","lo":["1/3"],"hi":["0.3333333333333333333"],"centre":null}"#,
        r#"{"kind":"box","lo":[0.0],"hi":[1.0,2.0],"centre":null}"#,
        r#"{"kind":"box","lo":[0.0],"hi":[1.0],"centre":[]}"#,
        r#"{"kind":"box","lo":[],"hi":[],"centre":null}"#,
        r#"{"kind":"box","lo":["1/0"],"hi":[1.0],"centre":null}"#,
        r#"{"kind":"box","lo":["1/-3"],"hi":[1.0],"centre":null}"#,
        r#"{"kind":"box","lo":["nan"],"hi":["inf"],"centre":null}"#,
        r#"{"kind":"box","lo":[null],"hi":[1.0],"centre":null}"#,
        r#"{"kind":"box","lo":["-1e309"],"hi":[1.0],"centre":null}"#,
        r#"{"kind":"box","lo":["1e-999999999999"],"hi":[1.0],"centre":null}"#,
        r#"{"kind":"ball","centre":[0.0],"radius":-1.0,"norm":"inf","clip":null}"#,
        r#"{"kind":"ball","centre":[0.0],"radius":"-1e-400","norm":"inf","clip":null}"#,
        r#"{"kind":"ball","centre":["1.7e308"],"radius":"1.7e308","norm":"inf","clip":null}"#,
        r#"{"kind":"ball","centre":[0.0],"radius":1.0,"norm":"3","clip":null}"#,
        r#"{"kind":"ball","centre":[0.0],"radius":1.0,"norm":"inf","clip":[2.0,1.0]}"#,
        r#"{"kind":"ball","centre":[],"radius":1.0,"norm":"inf","clip":null}"#,
        r#"{"kind":"global","lo":[0.0]}"#,
        r#"{"kind":"everything"}"#,
        &endless,
    ];
    for place in places {
        let text = forged(place, Quantity::Lipschitz, claim(0.0, 1e9, None));
        assert!(read(&text).is_err(), "{place:.100}");
    }
}
