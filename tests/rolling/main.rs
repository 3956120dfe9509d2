//! A rolling deploy: two builds of one program, with different structs under one name, on one Redis at the same time.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

#[path = "../support/mod.rs"]
mod support;

use support::{DEADLINE, Redis};

/// A running program. Dropping it ends the process.
struct Program {
    process: Child,
    asks: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(name: &str, redis: &Redis) -> Self {
        let mut process = Command::new(program(name))
            .env("CACHET_REDIS_URL", redis.url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let asks = process.stdin.take().expect("stdin is piped");
        let answers = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
        Self { process, asks, answers }
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.asks, "{line}").expect("the program reads");
        self.answers.next().expect("the program goes on").expect("it writes text")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Either call fails only when the process is gone, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let profile = test.ancestors().nth(2).expect("a test lies in target/<profile>/deps");
    profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

#[test]
fn two_versions_share_one_redis_each_with_entries_of_its_own_and_one_invalidation_for_both() {
    let redis = Redis::start();
    let (mut old, mut new) = (Program::start("rolling_old", &redis), Program::start("rolling_new", &redis));
    let mut second_old = Program::start("rolling_old", &redis);
    let (of_old, of_new) =
        (r#"Product { name: "old 1", price: 10 }"#, r#"Product { price_cents: 1000, name: "new 1" }"#);
    assert_eq!(old.ask("1"), format!("Loaded {of_old}"));
    assert_eq!(new.ask("1"), format!("Loaded {of_new}"), "the other build's bytes are not even read");
    assert_eq!(second_old.ask("1"), format!("Shared {of_old}"), "builds of one version share");
    assert_eq!((old.ask("1"), new.ask("1")), (format!("Memory {of_old}"), format!("Memory {of_new}")));
    assert_eq!(new.ask("invalidate"), "Done");
    let begun = Instant::now();
    while second_old.ask("1") == format!("Memory {of_old}") {
        assert!(begun.elapsed() < DEADLINE, "a tag is for every version");
    }
    assert_eq!(new.ask("1"), format!("Loaded {of_new}"));
}
