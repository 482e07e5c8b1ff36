//! The list of methods: one line each. The README, `clarke methods`, what `--method` accepts, the plan of
//! `auto` and the laws come from it.

use super::contract::Method;
use super::row::Row;
use super::{exact, global, layer, local, lower};
use crate::backend::Backend;

macro_rules! methods {
    (search: $search:expr; networks: $($method:path),*; layers: $($row:expr),*;) => {
        /// What is said of every method.
        pub const METHODS: &[Row] = &[$search, $(<$method>::ROW,)* $($row,)*];

        /// The methods that bound whole networks.
        pub fn all<B: Backend>() -> Vec<&'static dyn Method<B>> {
            vec![$(&$method),*]
        }
    };
}

methods! {
    search: exact::ROW;
    networks:
        local::jacobian::Interval,
        local::gradient::Linear,
        local::jacobian::Ibp,
        local::recurjac::RecurJac,
        local::product::Local,
        local::product::Product,
        local::avant::Avant,
        global::absolute::Absolute,
        global::abs_subset::AbsSubset,
        global::cuts::CombettesPesquet,
        global::eclipse::EclipseFast,
        global::lipsdp::LipSdp,
        global::gain::ScaledGain,
        global::layered::Layered,
        global::seqlip::SeqLip,
        global::partition::Partition,
        global::lipopt::LipOpt,
        global::autolip::AutoLip,
        global::greedy::Greedy,
        lower::ascent::Ascent,
        lower::pattern::Patterns,
        lower::relay::Relay,
        lower::pair::Pairs,
        lower::centre::Centre;
    layers:
        layer::gram::ROW,
        layer::stack::ROW,
        layer::embedding::ROW,
        layer::cover::ROW,
        layer::embedding::STRIP,
        layer::lipbound::ROWS,
        layer::lipbound::WHOLE,
        layer::exact::ROWS,
        layer::exact::COLUMNS,
        layer::reshapes::ROW,
        layer::kernel::ROW,
        layer::tensor::ROW,
        layer::schur::ROW,
        layer::interpolation::ROW,
        layer::frobenius::ROW,
        layer::monotone::ROW,
        layer::power::LANCZOS,
        layer::power::ROW;
}
