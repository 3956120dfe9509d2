//! What the shared tier costs on a Redis of its own, on loopback: hits beside other ways to read a key, misses beside
//! `GET` and `SET`, invalidations, and how soon another node knows of them.
//!
//! `cargo bench --bench redis` needs `redis-server`, prints the tables and writes `target/bench/redis.json`.

use std::{
    fs,
    future::Future,
    hint::black_box,
    net::{Ipv4Addr, TcpListener, TcpStream},
    pin::Pin,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cachet_benches::{
    result::{Row, publish},
    subject::precise,
};
use cachet_core::{Cachet, cached};
use deadpool_redis::{Config, PoolConfig, redis};
use fred::prelude::{Builder as FredBuilder, ClientLike, Config as FredConfig, KeysInterface};
use futures_util::FutureExt as _;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// How long each figure is measured.
const SPAN: Duration = Duration::from_millis(1500);

/// How many tasks read at a time.
const TASKS: [usize; 4] = [1, 16, 64, 256];

const VALUE: usize = 256;

/// How many entries cachet's hits are spread over.
const KEYS: u64 = 1000;

/// A `redis-server` that ends with the benchmark.
struct Server {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        drop(listener);
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(directory.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "redis-server does not start");
            thread::sleep(Duration::from_millis(5));
        }
        Self { process, port, _directory: directory }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

type Operation = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One way to do something with Redis; the number tells calls apart.
type Subject = (&'static str, Arc<dyn Fn(u64) -> Operation + Send + Sync>);

/// What a subject took: µs of wall time an operation, µs of this process' CPU time, and the median of one alone.
struct Taken {
    wall: f64,
    cpu: f64,
    median: f64,
}

/// Runs a subject on so many tasks for [`SPAN`].
fn measure(runtime: &Runtime, tasks: usize, operation: &Arc<dyn Fn(u64) -> Operation + Send + Sync>) -> Taken {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let begun = Instant::now();
    let cpu_before = cpu_time();
    let done: Vec<Vec<u32>> = runtime.block_on(async {
        let tasks: Vec<_> = (0..tasks)
            .map(|_| {
                let operation = Arc::clone(operation);
                tokio::spawn(async move {
                    let mut times = Vec::with_capacity(1 << 16);
                    while begun.elapsed() < SPAN {
                        let started = Instant::now();
                        operation(CALLS.fetch_add(1, Ordering::Relaxed)).await;
                        times.push(u32::try_from(started.elapsed().as_nanos()).unwrap_or(u32::MAX));
                    }
                    times
                })
            })
            .collect();
        let mut done = Vec::with_capacity(tasks.len());
        for task in tasks {
            done.push(task.await.expect("no operation panics"));
        }
        done
    });
    let (wall, cpu) = (begun.elapsed(), cpu_time().saturating_sub(cpu_before));
    let mut times: Vec<u32> = done.into_iter().flatten().collect();
    times.sort_unstable();
    let each = |span: Duration| span.as_secs_f64() * 1e6 / precise(times.len() as u64);
    Taken { wall: each(wall), cpu: each(cpu), median: f64::from(times[times.len() / 2]) / 1e3 }
}

/// User and system time of this process, to 10 ms.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("a Linux has it");
    let (_, fields) = stat.rsplit_once(") ").expect("the name ends with a parenthesis");
    let ticks: u64 = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

#[cached(ttl = 3600, tier = "redis")]
async fn read(id: u64) -> Vec<u8> {
    vec![u8::try_from(id % 7).unwrap_or_default(); VALUE]
}

/// A value that every call loads anew.
#[cached(ttl = 3600, tier = "redis")]
async fn missed(id: u64) -> Vec<u8> {
    vec![u8::try_from(id % 7).unwrap_or_default(); VALUE]
}

#[cached(ttl = 3600, tier = "memory,redis")]
async fn remembered(id: u64) -> u64 {
    id
}

fn boxed(operation: impl Future<Output = ()> + Send + 'static) -> Operation {
    Box::pin(operation)
}

const RAW: &str = "one multiplexed connection";
const CACHET: &str = "cachet";

fn hits(runtime: &Runtime, server: &Server, node: &Cachet) -> Vec<Subject> {
    let pool = Config::from_url(server.url())
        .builder()
        .expect("the URL is valid")
        .config(PoolConfig::new(16))
        .runtime(deadpool_redis::Runtime::Tokio1)
        .build()
        .expect("the pool is built");
    let (connection, fred) = runtime.block_on(async {
        let client = redis::Client::open(server.url()).expect("the URL is valid");
        let mut connection = client.get_multiplexed_async_connection().await.expect("the server answers");
        let value = vec![7_u8; VALUE];
        redis::cmd("SET").arg("plain").arg(value).query_async::<()>(&mut connection).await.expect("the server answers");
        let config = FredConfig::from_url(&server.url()).expect("the URL is valid");
        let fred = FredBuilder::from_config(config).build().expect("the client is built");
        fred.init().await.expect("the server answers");
        for id in 0..KEYS {
            node.scope(read(id)).await;
        }
        (connection, fred)
    });
    let (node, same) = (node.clone(), node.clone());
    vec![
        (
            RAW,
            Arc::new(move |_| {
                let mut connection = connection.clone();
                boxed(async move {
                    let value: Vec<u8> =
                        redis::cmd("GET").arg("plain").query_async(&mut connection).await.expect("the server answers");
                    black_box(value);
                })
            }),
        ),
        (
            "deadpool, a checkout a command",
            Arc::new(move |_| {
                let pool = pool.clone();
                boxed(async move {
                    let mut connection = pool.get().await.expect("the pool has a connection");
                    let value: Vec<u8> =
                        redis::cmd("GET").arg("plain").query_async(&mut connection).await.expect("the server answers");
                    black_box(value);
                })
            }),
        ),
        (
            "`fred` 10",
            Arc::new(move |_| {
                let fred = fred.clone();
                boxed(async move {
                    let value: fred::bytes::Bytes = fred.get("plain").await.expect("the server answers");
                    black_box(value);
                })
            }),
        ),
        (
            CACHET,
            Arc::new(move |id| {
                let node = node.clone();
                boxed(async move { drop(black_box(node.scope(read(id % KEYS)).await)) })
            }),
        ),
        ("cachet, one key", Arc::new(move |_| boxed(scoped(&same, || read(1))))),
    ]
}

/// A call on a node, in a future of its own.
fn scoped<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    node: &Cachet,
    call: fn() -> F,
) -> impl Future<Output = ()> + Send + use<T, F> {
    let node = node.clone();
    async move { drop(black_box(node.scope(call()).await)) }
}

fn misses(runtime: &Runtime, server: &Server, node: &Cachet) -> Vec<Subject> {
    let client = redis::Client::open(server.url()).expect("the URL is valid");
    let connection = runtime.block_on(client.get_multiplexed_async_connection()).expect("the server answers");
    let node = node.clone();
    vec![
        (
            "`GET`, then `SET`",
            Arc::new(move |id| {
                let mut connection = connection.clone();
                boxed(async move {
                    let key = format!("missed:{id}");
                    let found: Option<Vec<u8>> =
                        redis::cmd("GET").arg(&key).query_async(&mut connection).await.expect("the server answers");
                    black_box(found);
                    let mut set = redis::cmd("SET");
                    set.arg(key).arg(vec![7_u8; VALUE]).arg("PX").arg(3_600_000);
                    set.query_async::<()>(&mut connection).await.expect("the server answers");
                })
            }),
        ),
        (
            CACHET,
            Arc::new(move |id| {
                let node = node.clone();
                boxed(async move { drop(black_box(node.scope(missed(id)).await)) })
            }),
        ),
    ]
}

/// How long an invalidation takes, and then how long another node still has the value: medians and 99th percentiles, µs.
fn propagation(runtime: &Runtime, one: &Cachet, other: &Cachet) -> [f64; 4] {
    const ROUNDS: u64 = 3000;
    let (mut sent, mut seen) = (Vec::new(), Vec::new());
    runtime.block_on(async {
        for round in 0..ROUNDS {
            let id = round % 16;
            other.scope(remembered(id)).await;
            let begun = Instant::now();
            one.scope(remembered::invalidate(id)).await;
            sent.push(begun.elapsed());
            // What is not in memory is asked for, and so not ready at once.
            while other.scope(remembered::peek(id)).now_or_never().is_some() {
                assert!(begun.elapsed() < Duration::from_secs(5), "the other node never hears of it");
                std::hint::spin_loop();
            }
            seen.push(begun.elapsed());
        }
    });
    let at = |times: &mut Vec<Duration>, percent: usize| {
        times.sort_unstable();
        times[times.len() * percent / 100].as_secs_f64() * 1e6
    };
    [at(&mut sent, 50), at(&mut sent, 99), at(&mut seen, 50), at(&mut seen, 99)]
}

fn node(server: &Server, runtime: &Runtime) -> Cachet {
    let node = Cachet::builder().namespace("bench").redis(server.url()).build().expect("the configuration is valid");
    assert!(runtime.block_on(node.is_ready(Duration::from_secs(5))), "the server answers");
    node
}

fn main() {
    let server = Server::start();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime starts");
    let (one, other) = (node(&server, &runtime), node(&server, &runtime));
    let mut rows = Vec::new();
    for (what, subjects) in [("hit", hits(&runtime, &server, &one)), ("miss", misses(&runtime, &server, &one))] {
        for tasks in TASKS {
            let taken: Vec<_> = subjects.iter().map(|(name, run)| (*name, measure(&runtime, tasks, run))).collect();
            let (least, first) = &taken[0];
            for (name, Taken { wall, cpu, median }) in &taken {
                let case = format!("{what}, {tasks} tasks");
                rows.push(Row::new(&case, name, *wall, "µs").against(least, first.wall));
                if tasks == 64 {
                    rows.push(Row::new(&format!("{case}, CPU"), name, *cpu, "µs").against(least, first.cpu));
                }
                if tasks == 1 {
                    rows.push(Row::new(&format!("{case}, median"), name, *median, "µs").against(least, first.median));
                }
            }
        }
    }
    let figures = propagation(&runtime, &one, &other);
    let cases = ["invalidate, p50", "invalidate, p99", "gone on another node, p50", "gone on another node, p99"];
    rows.extend(cases.iter().zip(figures).map(|(case, figure)| Row::new(case, CACHET, figure, "µs")));
    publish("redis", &rows);
}
