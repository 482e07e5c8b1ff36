//! The GPU backend on the adapter of this machine, a software driver included:
//! every kernel's text is valid, every primitive contains the exact result.

mod batches;
#[cfg(feature = "cli")]
mod bench;
mod emulator;
mod leads;
mod loops;
mod meets;
mod rounding;
mod screens;
mod searches;
mod tiles;
mod widths;

use crate::common::containment::{self, Findings};
use crate::common::data::Data;
use crate::common::{lengths, settled, spans};
use clarke::backend::gpu::{Choice, Gpu, Real, kernel_texts};
use clarke::backend::{Backend, Lines, WindowLines};
use clarke::layer::{Affine, Incidence, LinearMap, Piecewise};
use clarke::linalg::Enclosure;
use clarke::num::Norm;
use clarke::num::random::Random;
use libtest_mimic::{Failed, Trial};
use ndarray::{Array2, Array3};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// One device per number type for the whole process; None: no adapter has it.
pub fn gpu(real: Real) -> Result<&'static Arc<Gpu>, Failed> {
    static DEVICES: [OnceLock<Result<Arc<Gpu>, String>>; 2] = [OnceLock::new(), OnceLock::new()];
    let open = || Gpu::open(Choice::Any, Some(real)).map(Arc::new);
    DEVICES[(real == Real::F64) as usize].get_or_init(open).as_ref().map_err(|e| e.as_str().into())
}

/// One device, used by one case at a time.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Is there an adapter at all?
fn present() -> bool {
    !clarke::backend::gpu::list().is_empty()
}

pub fn trials() -> Vec<Trial> {
    let absent = !crate::required() && !present();
    let mut trials = tiles::trials(absent);
    #[cfg(feature = "cli")]
    trials.push(Trial::test("devices_are_measured", bench::measured).with_ignored_flag(absent));
    for real in [Real::F32, Real::F64] {
        trials.push(Trial::test(format!("texts_are_valid_{}", real.name()), move || valid(real)));
        let name = |what: &str| format!("{what}_{}", real.name());
        trials.push(Trial::test(name("half_the_slack_is_missed"), move || rounding::emulator(real)));
        let checks: [(&str, fn(&Gpu) -> Result<(), Failed>); 9] = [
            ("loops_are_rated_alike", loops::agree),
            ("screens_agree_with_factorisations", screens::agree),
            ("slices_change_nothing", slices),
            ("no_slack_is_missed", |gpu| rounding::driver(gpu, data(gpu, 26))),
            ("products_are_tight", widths::products),
            ("entries_are_tight", widths::entries),
            ("boxes_meet_balls", meets::meets),
            ("arithmetic_is_as_assumed", probe),
            ("weights_that_fit_take_half", halves),
        ];
        for (what, check) in checks {
            let test = move || {
                let _one = alone();
                check(gpu(real)?)
            };
            trials.push(Trial::test(name(what), test).with_ignored_flag(absent));
        }
        let many = move || {
            let _one = alone();
            batches::dispatches(gpu(real)?)
        };
        trials.push(
            Trial::test(name("many_samples_take_the_dispatches_of_a_few"), many).with_ignored_flag(absent),
        );
        let random = move || {
            let _one = alone();
            leads::hold(gpu(real)?)
        };
        trials.push(Trial::test(name("leads_hold_at_every_member"), random).with_ignored_flag(absent));
        let proposed = move || {
            let _one = alone();
            loops::proposed(real)
        };
        let title = name("loops_of_a_device_are_proposals");
        trials.push(Trial::test(title, proposed).with_ignored_flag(absent));
        let whole = move || {
            let _one = alone();
            batches::jacobians(gpu(real)?)
        };
        trials.push(Trial::test(name("jacobians_are_two_sweeps"), whole).with_ignored_flag(absent));
        let searched = move || {
            let _one = alone();
            searches::agree(gpu(real)?)
        };
        trials.push(Trial::test(name("searches_agree"), searched).with_ignored_flag(absent));
        let mut add = |name: &str, case: fn(&Gpu, &mut Findings)| {
            let name = format!("{name}_{}", real.name());
            let title = name.clone();
            let case = move || {
                let _one = alone();
                let mut out = Findings::default();
                let gpu = gpu(real)?;
                case(gpu, &mut out);
                if let Some(e) = gpu.failure() {
                    return Err(e.into());
                }
                out.assert_sound(&title);
                Ok(())
            };
            trials.push(Trial::test(name, case).with_ignored_flag(absent));
        };
        // As if bindings were too small for matrices and blocks.
        add("parts_of_products_contain", |b, out| {
            containment::products(&b.bound_by(256), data(b, 27), 60, out)
        });
        add("products_contain", |b, out| containment::products(b, data(b, 21), 150, out));
        add("linear_parts_contain", |b, out| containment::linear_parts(b, data(b, 22), 150, out));
        add("scalar_functions_contain", |b, out| containment::scalar_functions(b, data(b, 23), 250, out));
        add("maxima_contain", |b, out| containment::maxima(b, data(b, 24), 250, out));
        add("lines_contain", |b, out| containment::lines(b, data(b, 25), 200, out));
        add("settled_products_cover", |b, out| settled::products(b, data(b, 26), 100, out));
        add("ends_contain", |b, out| spans::ends(b, data(b, 30), 150, out));
        add("lines_around_maxima_contain", |b, out| spans::maxima(b, data(b, 32), 150, out));
        add("sums_of_bounds_are_above", |b, out| spans::sums(b, data(b, 31), 100, out));
        add("norms_contain", |b, out| lengths::norms(b, data(b, 28), 200, out));
    }
    trials
}

fn data(gpu: &Gpu, seed: u64) -> Data {
    if gpu.real() == Real::F32 { Data::narrow(seed) } else { Data::new(seed) }
}

/// Batches whose tables are bound in parts give the same numbers.
fn slices(gpu: &Gpu) -> Result<(), Failed> {
    let part = &gpu.bound_by(1 << 12);
    let mut random = Random(29);
    let mut block = |items, rows, features| {
        let centre = Array3::from_shape_simple_fn((items, rows, features), || random.signed());
        Enclosure { radius: centre.mapv(|c: f64| 0.1 * c.abs()), centre }
    };
    for (items, rows, features) in [(300, 1, 7), (200, 3, 5), (3, 500, 6), (70, 2, 64)] {
        let values = gpu.upload(&block(items, 1, features));
        let rest = gpu.upload(&block(items, rows, features));
        let windows = Incidence::new(features, (1..features as u32).map(|k| vec![k - 1, k]));
        let run = |b: &Gpu| {
            let f = Piecewise::RELU;
            let slopes = b.piecewise_slopes(&f, &values);
            let gates = b.window_gates(&windows, &values);
            let (lo, hi) = b.read_slopes(&slopes);
            let table = |s: f64| lo.mapv(|v| v + s);
            let lines = Lines {
                lower_slope: lo.clone(),
                lower_shift: table(-0.5),
                upper_slope: hi.clone(),
                upper_shift: table(0.75),
            };
            let ends = WindowLines::new(&windows, &table(0.0), &table(1.0));
            let (settled, lost) = b.settle(&rest, &b.spans(-&hi, hi));
            let tangent = b.window_tangent(&windows, &gates, &rest);
            let (chord, shift) = b.chord(&b.chords(lines), &settled);
            let narrow = b.slice(&settled, 0..features - 1);
            let spans = b.spans_of(&values);
            let [below, above] = b.sides(&spans);
            let (on, constant) = b.chord(&b.chords_on(&f, &spans), &settled);
            let wanted = Array2::from_shape_fn((items, 3), |(i, t)| ((i + t) % (features + 1)) as u32);
            let radii: Vec<f64> = (0..items).map(|i| 0.1 + 0.01 * i as f64).collect();
            let met = b.meet(&settled, &|| b.spans(table(-1.0), table(1.0)), Norm::Two, &radii);
            let blocks = [
                on,
                b.signs(features, &wanted),
                b.gate(&slopes, &rest),
                b.window_adjoint(&windows, &gates, &tangent),
                b.window_chord(&windows, &b.edges(ends), &narrow).0,
                b.window_chord(&windows, &b.edges_on(&windows, &spans), &narrow).0,
                chord,
                tangent,
            ];
            let numbers = [
                b.top(b.total((items, rows), vec![lost, shift, constant])),
                b.top(met.expect("small numbers")),
                b.top(below),
                b.top(above),
                b.row_norms(&rest, Norm::Two),
                b.column_norms(&rest, Norm::One),
            ];
            (blocks.map(|y| b.read(&y)).map(|e| (e.centre, e.radius)), numbers)
        };
        if run(gpu) != run(part) {
            return Err(format!("{items} x {rows} x {features}").into());
        }
    }
    Ok(())
}

fn probe(gpu: &Gpu) -> Result<(), Failed> {
    let probe = gpu.probe();
    println!("{probe:?}");
    probe.defect.map_or(Ok(()), |d| Err(d.into()))
}

/// f16 weights are kept as such where the adapter can unpack them, others never.
fn halves(gpu: &Gpu) -> Result<(), Failed> {
    let bits = |w: f64| {
        let map = LinearMap::Dense(Arc::new(Array2::from_elem((3, 5), w)));
        gpu.prepare(&Affine { map, bias: None, repeat: 1 }).bits_per_weight(gpu.real())
    };
    let full = 8 * gpu.real().bytes();
    let expected = [if gpu.info().f16 { 16 } else { full }, full, full, full];
    // A number that f16 has, one that it has not, a subnormal one, one too large.
    let found = [0.75, 0.1, 2f64.powi(-20), 70_000.0].map(bits);
    if found == expected { Ok(()) } else { Err(format!("{found:?}, not {expected:?}").into()) }
}

fn valid(real: Real) -> Result<(), Failed> {
    use naga::valid::{Capabilities, ValidationFlags, Validator};
    for (name, text) in kernel_texts(real) {
        let module = naga::front::wgsl::parse_str(&text)
            .map_err(|e| format!("{name}: {}", e.emit_to_string(&text)))?;
        let mut abilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;
        if real == Real::F64 {
            abilities |= Capabilities::FLOAT64;
        }
        Validator::new(ValidationFlags::all(), abilities)
            .validate(&module)
            .map_err(|e| format!("{name}: {e:?}"))?;
    }
    Ok(())
}
