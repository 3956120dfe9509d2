//! A node: a process that reads and writes until its standard input ends.

use std::{
    env,
    io::Read,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cachet_core::Cachet;
use fastrand::Rng;

use super::{
    history::{Event, Function, Item, Log, Means, now},
    source::{self, LOG, ROWS},
};

pub(crate) const STALENESS_BOUND: Duration = Duration::from_millis(300);
pub(crate) const LEASE: Duration = Duration::from_millis(500);
pub(crate) const DEADLINE: Duration = Duration::from_millis(200);

const READERS: u64 = 16;
const WRITERS: u64 = 2;

/// What a node is told when it starts.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    pub(crate) redis: String,
    pub(crate) database: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) seed: u64,
    /// Whether every writer sets a fence, strictly.
    pub(crate) strict: bool,
    /// The rule that is taken out.
    pub(crate) without: Option<String>,
}

/// A node's process. Dropping it kills it.
pub(crate) struct Node {
    process: Child,
    input: Option<ChildStdin>,
}

impl Node {
    /// Starts this very program as a node.
    pub(crate) fn start(orders: &Orders) -> Self {
        let mut command = Command::new(env::current_exe().expect("a running program has a path"));
        command
            .args(["--exact", "a_node_when_the_environment_says_so", "--nocapture"])
            .env("COHERENCE_NODE_REDIS", &orders.redis)
            .env("COHERENCE_NODE_DATABASE", &orders.database)
            .env("COHERENCE_NODE_LOG", &orders.log)
            .env("COHERENCE_NODE_SEED", orders.seed.to_string())
            .env_remove("CACHET_WITHOUT")
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        if orders.strict {
            command.env("COHERENCE_NODE_STRICT", "1");
        }
        if let Some(rule) = &orders.without {
            command.env("CACHET_WITHOUT", rule);
        }
        let mut process = command.spawn().expect("a program can start itself");
        Self { input: process.stdin.take(), process }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn kill(&mut self) {
        // Either call fails only when the process is gone, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Lets the process end by itself.
    ///
    /// # Panics
    ///
    /// If it ends in a panic.
    pub(crate) fn stop(&mut self) {
        drop(self.input.take());
        let status = self.process.wait().expect("the node is our child");
        assert!(status.success(), "a node failed: {status}");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Orders {
    /// What the environment says, if it says that this process is a node.
    pub(crate) fn of_this_process() -> Option<Self> {
        let said = |name: &str| env::var(format!("COHERENCE_NODE_{name}")).ok();
        Some(Self {
            redis: said("REDIS")?,
            database: said("DATABASE")?.into(),
            log: said("LOG")?.into(),
            seed: said("SEED")?.parse().ok()?,
            strict: said("STRICT").is_some(),
            without: None,
        })
    }

    /// Does what a node does, until standard input ends.
    pub(crate) fn carry_out(self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("the system has threads").block_on(self.run());
        LOG.get().expect("it was opened").flush();
    }

    async fn run(self) {
        let log = LOG.get_or_init(|| Log::create(&self.log));
        source::open(&self.database);
        let cachet = Cachet::builder()
            .namespace("coherence")
            .redis(&self.redis)
            .staleness_bound(STALENESS_BOUND)
            .lease(LEASE)
            .deadline(DEADLINE)
            .build();
        cachet.and_then(Cachet::install).expect("the configuration is valid");
        log.note(Event::Started { at: now() });

        let is_over = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for number in 0..READERS + WRITERS {
            let (rng, is_over) = (Rng::with_seed(self.seed ^ number), Arc::clone(&is_over));
            tasks.push(if number < READERS {
                tokio::spawn(keep_reading(rng, is_over))
            } else {
                tokio::spawn(keep_writing(rng, self.strict, is_over))
            });
        }
        let input = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        input.await.expect("reading does not panic").expect("standard input is a pipe");
        is_over.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await.expect("no call panics");
        }
    }
}

async fn keep_reading(mut rng: Rng, is_over: Arc<AtomicBool>) {
    while !is_over.load(Ordering::Relaxed) {
        let function = if rng.bool() { Function::Kept } else { Function::Brief };
        source::read(Item { row: rng.u64(0..ROWS), function }).await;
        if rng.u8(0..4) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        } else {
            tokio::task::yield_now().await;
        }
    }
}

async fn keep_writing(mut rng: Rng, strict: bool, is_over: Arc<AtomicBool>) {
    while !is_over.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(rng.u64(5..60))).await;
        let busy = ROWS * 2 / 3;
        let row = if rng.u8(0..100) == 0 { rng.u64(busy..ROWS) } else { rng.u64(0..busy) };
        let means = match rng.u8(0..100) {
            _ if strict => Means::Strictly,
            0..35 => Means::Keys,
            35..50 => Means::Tag,
            50 => Means::Everything,
            51..75 => Means::Fence,
            _ => Means::Strictly,
        };
        let number = source::write(row, means).await;
        // The writer goes on: what is waiting to be sent is not waited for.
        tokio::spawn(source::note_sent(number, Duration::from_mins(1)));
    }
}
