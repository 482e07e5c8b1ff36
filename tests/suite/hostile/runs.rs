//! The binary under a clock and a limit of memory, and what must be true of a refusal.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub const DIGITS: &str = "tests/data/digits.onnx";
pub const INPUT: &str = "tests/data/digits.npy";

/// Address space of one run, in bytes; threads reserve much more of it than they use.
const MEMORY: u64 = 3 << 30;
/// A refusal takes milliseconds; this leaves room for machines that do other things as well.
const SECONDS: u64 = 5;

/// Words for the binary, the exit code, and a part of the error.
pub struct Case {
    words: Vec<String>,
    code: i32,
    part: &'static str,
}

fn case(code: i32, part: &'static str, line: &str) -> Case {
    Case { words: line.split_whitespace().map(String::from).collect(), code, part }
}

/// Bad input.
pub fn bad(part: &'static str, line: &str) -> Case {
    case(2, part, line)
}

/// Trouble of the machine.
pub fn machine(part: &'static str, line: &str) -> Case {
    case(4, part, line)
}

/// What came out.
#[derive(Debug)]
pub struct Ran {
    /// None: killed, by the clock or a signal.
    pub code: Option<i32>,
    #[allow(dead_code)]
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn has_three_lines(&self) -> bool {
        let starts: Vec<&str> =
            self.stderr.lines().map(|l| l.split_inclusive(": ").next().unwrap_or("")).collect();
        starts == ["error: ", "where: ", "next: "] && !self.stderr.contains("panicked")
    }
}

/// Files below a folder that is removed with the value.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("clarke-hostile-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        Scratch(folder)
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).expect("a temporary file");
        path.display().to_string()
    }

    pub fn folder(&self, name: &str) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(&path).expect("a temporary folder");
        path.display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Does this system limit memory for us?
fn limits() -> bool {
    static LIMITS: OnceLock<bool> = OnceLock::new();
    *LIMITS.get_or_init(|| {
        let probe = Command::new("prlimit").args([&format!("--as={MEMORY}"), "true"]).output();
        probe.is_ok_and(|o| o.status.success())
    })
}

pub fn run(words: &[String]) -> Ran {
    let binary = env!("CARGO_BIN_EXE_clarke");
    let mut command = match limits() {
        true => {
            let mut c = Command::new("prlimit");
            c.args([&format!("--as={MEMORY}"), binary]);
            c
        }
        false => Command::new(binary),
    };
    command.args(words).env("RAYON_NUM_THREADS", "2");
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.expect("the binary starts");
    let drain = |mut pipe: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = vec![];
            let _ = pipe.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = drain(Box::new(child.stdout.take().expect("a pipe")));
    let stderr = drain(Box::new(child.stderr.take().expect("a pipe")));
    let started = Instant::now();
    let code = loop {
        if let Some(status) = child.try_wait().expect("a child that can be waited for") {
            break status.code();
        }
        if started.elapsed() > Duration::from_secs(SECONDS) {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    Ran { code, stdout: stdout.join().expect("text"), stderr: stderr.join().expect("text") }
}

/// Runs the cases, two at a time, and fails with a list of all that went wrong.
pub fn all_refused(cases: Vec<Case>) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut complaints = vec![];
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let ran = run(&case.words);
            let line = case.words.join(" ");
            let mut complain = |what: &str| complaints.push(format!("{line}\n   {what}: {ran:?}"));
            if ran.code != Some(case.code) {
                complain(&format!("exit code is not {}", case.code));
            } else if !ran.has_three_lines() {
                complain("not three lines");
            } else if !ran.stderr.contains(case.part) {
                complain(&format!("nothing about {:?}", case.part));
            }
        }
        complaints
    };
    let complaints: Vec<String> = std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().flat_map(|w| w.join().expect("no panic here")).collect()
    });
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), cases.len(), complaints.join("\n"));
}
