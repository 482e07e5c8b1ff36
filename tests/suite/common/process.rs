//! The binary as a process: what it printed, and the processor time that it took, which other work on the
//! machine does not change. No margin is added for the test build.
#![cfg(target_os = "linux")]

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Ticks of the processor's clock in a second, as `/proc` counts them.
const TICKS: f64 = 100.0;
/// Seconds over the limit that every thread may take.
const OVER: f64 = 1.0;

/// What a run printed, and what it took.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    /// Processor seconds of all threads, and those of them after the limit.
    seconds: f64,
    late: f64,
}

/// Fields of `/proc/PID/stat` behind the name: state, utime and stime are the first, 12th and 13th.
fn stat(child: &Child) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_whitespace().map(String::from).collect()
}

/// Until the process is a zombie, whose times can still be read; its limit is at `end`.
fn finish(mut child: Child, end: Instant) -> Ran {
    let drain = |mut pipe: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut text = String::new();
            let _ = pipe.read_to_string(&mut text);
            text
        })
    };
    let stdout = drain(Box::new(child.stdout.take().expect("a pipe")));
    let stderr = drain(Box::new(child.stderr.take().expect("a pipe")));
    let mut before = None;
    let seconds = loop {
        let fields = stat(&child);
        let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).expect("a number of ticks");
        let seconds = (ticks(11) + ticks(12)) / TICKS;
        if before.is_none() && Instant::now() >= end {
            before = Some(seconds);
        }
        if fields[0] == "Z" {
            break seconds;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let late = before.map_or(0.0, |before| seconds - before);
    let code = child.wait().expect("a child").code();
    Ran { code, stdout: stdout.join().expect("text"), stderr: stderr.join().expect("text"), seconds, late }
}

fn start(words: &[String]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clarke"));
    command.arg("bound").args(words).args(["--format", "json", "--device", "cpu"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary starts")
}

/// lower <= upper, both numbers; else what is wrong.
fn invalid(ran: &Ran) -> Option<String> {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(&ran.stdout) else {
        return Some(format!("no JSON: {:?} {}", ran.stdout, ran.stderr));
    };
    let end = |name: &str| match &json[name]["value"] {
        serde_json::Value::String(text) => text.parse().unwrap_or(f64::NAN),
        value => value.as_f64().unwrap_or(f64::NAN),
    };
    let (lower, upper) = (end("lower"), end("upper"));
    let valid = 0.0 <= lower && lower <= upper && lower < f64::INFINITY;
    (!valid).then(|| format!("no pair: [{lower}, {upper}]"))
}

/// A run, and the exit codes that it may have.
pub struct Case {
    pub line: String,
    pub threads: usize,
    pub limit: f64,
    /// Is it sent this signal after so many seconds?
    pub signal: Option<(&'static str, f64)>,
    pub code: i32,
}

impl Case {
    /// What went wrong.
    pub fn complaint(&self) -> Option<String> {
        let words = format!("{} --time {}s --threads {}", self.line, self.limit, self.threads);
        let child = start(&words.split_whitespace().map(String::from).collect::<Vec<_>>());
        let (started, mut limit) = (Instant::now(), self.limit);
        if let Some((name, moment)) = self.signal {
            while !catches(&child) {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_secs_f64(moment));
            let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
            assert!(sent.is_ok_and(|s| s.success()), "{words}: it ended before SIG{name} came");
            limit = started.elapsed().as_secs_f64();
        }
        let ran = finish(child, started + Duration::from_secs_f64(limit));
        let over = self.threads as f64 * OVER;
        let allowed = self.threads as f64 * (limit + OVER);
        println!("{:.2} of {allowed:.2} s, {:.2} too late: {words}", ran.seconds, ran.late);
        let what = match () {
            _ if ran.code != Some(self.code) => {
                Some(format!("exit code {:?}, not {}: {}", ran.code, self.code, ran.stderr))
            }
            _ if ran.seconds > allowed => {
                Some(format!("{:.2} s of processor time, not {allowed:.2}", ran.seconds))
            }
            // On a busy machine little of the limit is the process's own; what comes after it tells more.
            _ if ran.late > over => Some(format!("{:.2} s after the limit, not {over:.2}", ran.late)),
            _ => invalid(&ran),
        };
        what.map(|what| format!("{words}: {what}"))
    }
}

/// Are the handlers of both signals there?
fn catches(child: &Child) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let mask = text.lines().find_map(|l| l.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|m| u64::from_str_radix(m.trim(), 16).ok()).unwrap_or(0);
    [2, 15].iter().all(|signal| mask >> (signal - 1) & 1 == 1)
}

/// A file of `count` numbers 0.5.
pub fn middle(count: usize) -> Vec<u8> {
    let head = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({count},), }}");
    let length = (head.len() + 11).next_multiple_of(64) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(format!("{head:<width$}\n", width = length - 1).bytes());
    bytes.extend((0..count).flat_map(|_| 0.5f64.to_le_bytes()));
    bytes
}
