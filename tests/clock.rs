//! The clock of the hit path, where time goes by without the process: it is stopped for longer than a value lives.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _, stdin},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use cachet_core::cached;

static LOADS: AtomicU64 = AtomicU64::new(0);

/// Plain, so that no tokio runtime is there to keep the time.
#[cached(ttl = "1s")]
fn loaded() -> u64 {
    LOADS.fetch_add(1, Ordering::SeqCst) + 1
}

const CHILD: &str = "CACHET_TEST_CHILD";

#[test]
fn what_expires_while_the_process_is_stopped_is_not_served() {
    if env::var_os(CHILD).is_some() {
        return answer_lines();
    }
    let mut child = Stopped(
        Command::new(env::current_exe().expect("a test has a binary"))
            .args(["--exact", "what_expires_while_the_process_is_stopped_is_not_served", "--nocapture"])
            .env(CHILD, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test binary starts"),
    );
    let mut lines = BufReader::new(child.0.stdout.take().expect("it is piped")).lines();
    let mut ask = child.0.stdin.take().expect("it is piped");
    let mut answer = move || {
        writeln!(ask, "call").expect("the child reads");
        let answer = lines.by_ref().map_while(Result::ok).find_map(|line| line.strip_prefix("loaded ")?.parse().ok());
        answer.unwrap_or(0_u64)
    };
    assert_eq!(answer(), 1);
    let began = Instant::now();
    assert_eq!(answer(), 1, "it is a hit");
    assert!(began.elapsed() < Duration::from_secs(1), "this machine is too slow to tell");
    child.signal("STOP");
    child.wait_until_stopped();
    thread::sleep(Duration::from_millis(1_100)); // longer than the value lives
    child.signal("CONT");
    assert_eq!(answer(), 2, "the first call after the stop loads");
}

fn answer_lines() {
    for _ in stdin().lines().map_while(Result::ok) {
        println!("\nloaded {}", loaded());
    }
}

/// A child that is stopped or runs, and is ended with its test.
struct Stopped(Child);

impl Stopped {
    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "the child can be sent {name}");
    }

    fn wait_until_stopped(&self) {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(10) {
            let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).expect("the child is there");
            if stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')) {
                return;
            }
            thread::yield_now();
        }
        panic!("the child does not stop");
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
