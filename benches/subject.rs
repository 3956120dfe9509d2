//! Subjects that are measured in turn, each in a process of its own.
//!
//! The processes wait for each other, so a slow moment of the machine meets all subjects, and no subject finds another's
//! heap, threads or installed runtime. Only the least time counts.

use std::{
    env, fmt, hint,
    io::{self, BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    str::FromStr,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

/// Looks up each key once.
pub type Lookups = Box<dyn Fn(&[u64]) + Sync>;

/// Something to measure.
#[derive(Debug)]
pub struct Subject {
    /// How tables call it.
    pub name: &'static str,
    /// Makes it with this many entries, the keys from zero.
    pub make: fn(usize) -> Lookups,
}

/// Which keys are looked up, and how.
#[derive(Debug)]
pub struct Case {
    /// How many entries there are.
    pub entries: usize,
    /// The keys of one thread.
    pub keys: fn(usize, u64) -> Vec<u64>,
    /// How many threads look up at the same time.
    pub threads: u64,
}

/// Does what the arguments of a process that this module started ask for, if it is one.
///
/// # Panics
///
/// When the arguments are not those that this module gives.
pub fn serve(subjects: &[Subject]) -> bool {
    let arguments: Vec<String> = env::args().collect();
    let [_, flag, subject, count, entries, threads] = &arguments[..] else { return false };
    let subject = subjects.iter().find(|known| known.name == subject).expect("a subject's name");
    let lookups = (subject.make)(number(entries));
    match flag.as_str() {
        "--rounds" => rounds(&lookups, &keys_from_stdin(number(count), number(threads))),
        "--once" => lookups(&vec![1; number(count)]),
        _ => return false,
    }
    true
}

fn number<T: FromStr<Err: fmt::Debug>>(argument: &str) -> T {
    argument.parse().expect("a number")
}

/// The least time of a lookup in ns, for each case in each subject; infinite when threads never ran at the same time. Of
/// several threads each makes that many lookups in that time.
pub fn times(subjects: &[Subject], cases: &[Case], rounds: usize) -> Vec<Vec<f64>> {
    let mut servers: Vec<Vec<_>> = cases.iter().map(|case| Server::start_all(subjects, case)).collect();
    let mut least = vec![vec![f64::INFINITY; subjects.len()]; cases.len()];
    for _ in 0..rounds {
        for (server, least) in servers.iter_mut().flatten().zip(least.iter_mut().flatten()) {
            *least = least.min(server.round());
        }
    }
    least
}

/// Instructions of a lookup of one key: the difference of two runs, over the difference of their lookups. `None`
/// without valgrind.
pub fn instructions(subject: &Subject, entries: usize) -> Option<f64> {
    let (few, many) = (10_000, 20_000);
    let difference =
        total_instructions(subject, entries, many)?.checked_sub(total_instructions(subject, entries, few)?)?;
    Some(precise(difference / (many - few)))
}

fn total_instructions(subject: &Subject, entries: usize, lookups: u64) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().ok()?)
        .args(["--once", subject.name, &lookups.to_string(), &entries.to_string(), "1"])
        .output()
        .ok()?;
    let report = String::from_utf8(output.stderr).ok()?;
    let line = report.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// A count as a figure.
#[allow(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
pub fn precise(count: u64) -> f64 {
    count as f64
}

/// The process of one subject and one case.
struct Server {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Server {
    fn start_all(subjects: &[Subject], case: &Case) -> Vec<Self> {
        let keys: Vec<_> = (0..case.threads).map(|thread| (case.keys)(case.entries, thread)).collect();
        subjects.iter().map(|subject| Self::start(subject, case, &keys)).collect()
    }

    fn start(subject: &Subject, case: &Case, keys: &[Vec<u64>]) -> Self {
        let lookups = keys[0].len();
        let mut process = Command::new(env::current_exe().expect("the benchmark is a file"))
            .args(["--rounds", subject.name])
            .args([lookups.to_string(), case.entries.to_string(), case.threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the benchmark starts");
        let mut requests = process.stdin.take().expect("it is piped");
        let answers = BufReader::new(process.stdout.take().expect("it is piped"));
        let bytes: Vec<u8> = keys.iter().flatten().flat_map(|key| key.to_le_bytes()).collect();
        requests.write_all(&bytes).expect("the process reads its keys");
        Self { process, requests, answers }
    }

    /// Asks for a round and waits for its time, in ns.
    fn round(&mut self) -> f64 {
        self.requests.write_all(b"\n").expect("the process waits for a round");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the process answers");
        answer.trim().parse().expect("the answer is a time")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The keys of each thread, which the parent writes first.
fn keys_from_stdin(lookups: usize, threads: usize) -> Vec<Vec<u64>> {
    let mut stdin = io::stdin().lock();
    let mut one = || {
        let mut bytes = [0; 8];
        stdin.read_exact(&mut bytes).expect("the parent writes the keys");
        u64::from_le_bytes(bytes)
    };
    (0..threads).map(|_| (0..lookups).map(|_| one()).collect()).collect()
}

/// Measures a round for each line of the standard input.
fn rounds(lookups: &Lookups, keys: &[Vec<u64>]) {
    for keys in keys {
        lookups(keys);
    }
    for line in io::stdin().lines() {
        line.expect("the parent writes lines");
        println!("{}", round(lookups, keys));
    }
}

/// How often a round is repeated until its threads have run at the same time.
const ATTEMPTS: usize = 50;

/// The time of a lookup in ns, or infinity when the threads never ran at the same time.
fn round(lookups: &Lookups, keys: &[Vec<u64>]) -> f64 {
    (0..ATTEMPTS).find_map(|_| attempt(lookups, keys)).unwrap_or(f64::INFINITY)
}

/// A busy machine may run the threads one after the other, when nothing is in their way: then there is no time. Otherwise
/// it counts from the first one's begin to the last one's end.
fn attempt(lookups: &Lookups, keys: &[Vec<u64>]) -> Option<f64> {
    let waiting = AtomicUsize::new(keys.len());
    let run = |keys: &[u64]| {
        // Other subjects had the processor's caches until now.
        lookups(&keys[..keys.len() / 10]);
        waiting.fetch_sub(1, Ordering::AcqRel);
        while waiting.load(Ordering::Acquire) > 0 {
            hint::spin_loop();
        }
        let begun = Instant::now();
        lookups(keys);
        (begun, Instant::now())
    };
    let (first, others) = keys.split_first()?;
    let runs: Vec<_> = thread::scope(|scope| {
        let others: Vec<_> = others.iter().map(|keys| scope.spawn(|| run(keys))).collect();
        let first = run(first);
        [first]
            .into_iter()
            .chain(others.into_iter().map(|other| other.join().expect("a lookup does not panic")))
            .collect()
    });
    let (begins, ends) = (runs.iter().map(|run| run.0), runs.iter().map(|run| run.1));
    let all = ends.clone().max()?.duration_since(begins.clone().min()?).as_secs_f64();
    let together = ends.min()?.duration_since(begins.max()?).as_secs_f64();
    (together > all * 0.85).then(|| all * 1e9 / precise(first.len() as u64))
}
