//! A node: a process that reads and writes until its standard input ends, by chance or as it is told.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
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
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, task::spawn_blocking};

use super::{
    history::{Event, Function, Item, Log, Means, Order, now},
    source::{self, BUSY, HELD, LOG, ROWS},
};

const WRITERS: u64 = 2;

/// The orders of a process that is a node, in its environment.
const VARIABLE: &str = "COHERENCE_NODE";

/// What every node of a run is configured with.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Δ.
    pub(crate) bound: Duration,
    pub(crate) lease: Duration,
    pub(crate) deadline: Duration,
    pub(crate) grace: Duration,
}

/// What a node is told when it starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) redis: String,
    /// The file of what the system believes in, over TLS.
    pub(crate) roots: Option<PathBuf>,
    pub(crate) database: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) limits: Limits,
    /// The rule that is taken out.
    pub(crate) without: Option<String>,
    pub(crate) life: Life,
}

/// What a node does.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Life {
    /// Whatever chance has it do; if `strict`, every writer sets a fence, strictly.
    Random { seed: u64, strict: bool, readers: u64 },
    /// What standard input says.
    Told,
}

/// A node's process. Dropping it kills it.
pub(crate) struct Node {
    process: Child,
    input: Option<ChildStdin>,
}

impl Limits {
    /// As short as they work well.
    pub(crate) const SHORT: Self = Self {
        bound: Duration::from_millis(300),
        lease: Duration::from_millis(500),
        deadline: Duration::from_millis(200),
        grace: Duration::from_millis(600),
    };
}

impl Node {
    /// Starts this very program as a node.
    pub(crate) fn start(orders: &Orders) -> Self {
        let mut command = Command::new(env::current_exe().expect("a running program has a path"));
        command
            .args(["--exact", "a_node_when_the_environment_says_so", "--nocapture"])
            .env(VARIABLE, serde_json::to_string(orders).expect("they are plain"))
            .env_remove("CACHET_WITHOUT")
            .env_remove("CACHET_REDIS_URL")
            .env_remove("CACHET_NAMESPACE")
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        if let Some(rule) = &orders.without {
            command.env("CACHET_WITHOUT", rule);
        }
        if let Some(roots) = &orders.roots {
            // The system's own are many, and are read for each connection.
            command.env("SSL_CERT_FILE", roots);
        }
        let mut process = command.spawn().expect("a program can start itself");
        Self { input: process.stdin.take(), process }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Gives an order to a node that does what it is told.
    pub(crate) fn tell(&self, order: Order) {
        let mut input = self.input.as_ref().expect("the node was not stopped");
        writeln!(input, "{order}").expect("the node runs");
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
        Some(serde_json::from_str(&env::var(VARIABLE).ok()?).expect("a node's orders are well formed"))
    }

    /// Does what a node does, until standard input ends.
    pub(crate) fn carry_out(self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("the system has threads").block_on(self.run());
        LOG.get().expect("it was opened").flush();
    }

    async fn run(self) {
        let is_told = matches!(self.life, Life::Told);
        let log = LOG.get_or_init(|| Log::create(&self.log, is_told));
        source::open(&self.database);
        tracing_subscriber::fmt().with_ansi(false).with_writer(|| Warnings).init();
        let cachet = Cachet::builder()
            .namespace("coherence")
            .redis(&self.redis)
            .staleness_bound(self.limits.bound)
            .lease(self.limits.lease)
            .deadline(self.limits.deadline)
            .recovery_grace(self.limits.grace)
            .build();
        cachet.and_then(Cachet::install).expect("the configuration is valid");
        match self.life {
            Life::Random { seed, strict, readers } => {
                log.note(Event::Started { at: now() });
                live_by_chance(seed, strict, readers).await;
            }
            Life::Told => {
                assert!(Cachet::current().is_ready(Duration::from_secs(20)).await, "the server answers");
                log.note(Event::Started { at: now() });
                obey().await;
            }
        }
    }
}

/// Takes note of the one thing that a node logs and its history should know.
struct Warnings;

impl Write for Warnings {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if String::from_utf8_lossy(line).contains("the shared tier answers again")
            && let Some(log) = LOG.get()
        {
            log.note(Event::Back { at: now() });
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn live_by_chance(seed: u64, strict: bool, readers: u64) {
    let is_over = Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::new();
    for number in 0..readers + WRITERS {
        let (rng, is_over) = (Rng::with_seed(seed ^ number), Arc::clone(&is_over));
        tasks.push(if number < readers {
            tokio::spawn(keep_reading(rng, is_over))
        } else {
            tokio::spawn(keep_writing(rng, strict, is_over))
        });
    }
    let input = spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new()));
    input.await.expect("reading does not panic").expect("standard input is a pipe");
    is_over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("no call panics");
    }
    // The end of an outage belongs into the history of the node that had one.
    Cachet::current().is_ready(Duration::from_secs(5)).await;
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
        let row = if rng.u8(0..25) == 0 { rng.u64(BUSY..ROWS) } else { rng.u64(0..BUSY) };
        let means = match rng.u16(0..1000) {
            _ if strict => Means::Strictly,
            // So seldom that what a server brings back is not always invalidated at once.
            0..2 => Means::Everything,
            2..150 => Means::Tag,
            // A fence may stand for long beside a fault; half of the busy rows are spared that.
            150..500 => Means::Keys,
            _ if row >= BUSY / 2 => Means::Keys,
            500..750 => Means::Fence,
            _ => Means::Strictly,
        };
        write(row, means).await;
    }
}

/// Writes, and notes later when everything is sent.
async fn write(row: u64, means: Means) {
    let number = source::write(row, means).await;
    // The writer goes on: what is waiting to be sent is not waited for.
    tokio::spawn(source::note_sent(number, Duration::from_mins(1)));
}

/// Takes orders one by one. Calls begin in their order, and none waits for another one's end.
async fn obey() {
    let held = HELD.get_or_init(|| watch::Sender::new(false));
    let (said, mut orders) = tokio::sync::mpsc::unbounded_channel();
    let hearing = spawn_blocking(move || {
        for line in BufReader::new(io::stdin()).lines() {
            let order = Order::parse(&line.expect("standard input is text")).expect("orders are well formed");
            said.send(order).expect("they are waited for");
        }
    });
    while let Some(order) = orders.recv().await {
        match order {
            Order::Read(item) => drop(tokio::spawn(source::read(item))),
            Order::Write(row, means) => drop(tokio::spawn(write(row, means))),
            Order::Hold => drop(held.send_replace(true)),
            Order::GoOn => drop(held.send_replace(false)),
        }
    }
    hearing.await.expect("every order was understood");
}
