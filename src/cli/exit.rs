//! Exit codes, all of them; `interrupt` knows those of signals.

use super::interrupt;
use crate::error::{Error, Kind};
use crate::report::{Answer, BoundReport, Status};

/// A valid pair, a claim that is proved, a certificate that is accepted.
pub const DONE: i32 = 0;
/// A claim that is refuted, a certificate that is wrong.
pub const REFUTED: i32 = 1;
/// Flags, files or data that make no sense, or that are not supported.
pub const INPUT: i32 = 2;
/// Two proven statements contradict each other, or arithmetic fails its test.
pub const CONTRADICTION: i32 = 3;
/// A device, a disk or memory.
pub const MACHINE: i32 = 4;
/// A claim that is neither proved nor refuted, a certificate that can only be run again.
pub const UNDECIDED: i32 = 5;

/// Codes and what they mean, for people. The last two are 128 and a signal's number.
pub const MEANING: &[(&str, &str)] = &[
    ("0", "a valid pair; with --require: proved; a certificate: accepted"),
    ("1", "refuted: the required claim is false, or the certificate is wrong"),
    ("2", "bad input: a flag, a file or data"),
    ("3", "internal contradiction: lower > upper, or a failed self-test"),
    ("4", "the machine: device, disk or memory"),
    ("5", "undecided: --require neither proved nor refuted, or a certificate that can only be run again"),
    ("130", "interrupted (Ctrl-C); the best pair was written"),
    ("143", "terminated; the best pair was written"),
];

impl Error {
    /// 2 bad input, 3 internal contradiction, 4 the machine.
    pub fn exit_code(&self) -> i32 {
        match self.kind {
            Kind::Import | Kind::Unsupported | Kind::Input => INPUT,
            Kind::Check => CONTRADICTION,
            Kind::Device | Kind::Budget => MACHINE,
        }
    }
}

/// Of a pair that was printed. What was required and is answered counts more than an interruption.
pub fn of_bound(report: &BoundReport) -> i32 {
    match (report.require.as_ref().map(|r| r.answer), report.status) {
        (Some(Answer::Proved), _) => DONE,
        (Some(Answer::Refuted), _) => REFUTED,
        (_, Status::Interrupted) => interrupt::exit_code(),
        (Some(Answer::Undecided), _) => UNDECIDED,
        (None, _) => DONE,
    }
}
