//! How many round trips a call costs, counted between a node and a real `redis-server`.

mod support;

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use cachet_core::{Cachet, Origin, cached};
use support::{DEADLINE, Redis};

/// How long replies are under way: whatever a node sends before the first one arrives is one exchange.
const LATENCY: Duration = Duration::from_millis(50);

/// A proxy that counts exchanges: requests that are sent after the replies to earlier ones have come.
#[derive(Default)]
struct Counter(Mutex<Vec<Arc<Connection>>>);

#[derive(Default)]
struct Connection {
    exchanges: AtomicUsize,
    is_answered: AtomicBool,
    /// It is asked for signs of life, whether there are calls or not.
    brings_news: AtomicBool,
}

impl Counter {
    /// Listens on a port for the server on another one, as long as the process lives.
    fn start(server: u16) -> (Arc<Self>, u16) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let counter = Arc::new(Self::default());
        let accepting = Arc::clone(&counter);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).expect("the server listens");
                accepting.pump(client, server);
            }
        });
        (counter, port)
    }

    fn pump(&self, client: TcpStream, server: TcpStream) {
        let connection = Arc::new(Connection { is_answered: true.into(), ..Connection::default() });
        self.0.lock().expect("no thread panicked").push(Arc::clone(&connection));
        for stream in [&client, &server] {
            stream.set_nodelay(true).expect("a connected socket takes the option");
        }
        let clone = |stream: &TcpStream| stream.try_clone().expect("there are enough descriptors");
        let (requests, answering) = ((clone(&client), clone(&server)), Arc::clone(&connection));
        thread::spawn(move || pass(requests, |bytes| connection.requested(bytes)));
        thread::spawn(move || {
            pass((server, client), |_| {
                thread::sleep(LATENCY);
                answering.is_answered.store(true, Ordering::SeqCst);
            });
        });
    }

    fn exchanges(&self) -> usize {
        let connections = self.0.lock().expect("no thread panicked");
        let of_calls = connections.iter().filter(|connection| !connection.brings_news.load(Ordering::SeqCst));
        of_calls.map(|connection| connection.exchanges.load(Ordering::SeqCst)).sum()
    }
}

impl Connection {
    fn requested(&self, bytes: &[u8]) {
        if bytes.windows(9).any(|word| word == b"SUBSCRIBE") {
            self.brings_news.store(true, Ordering::SeqCst);
        }
        if self.is_answered.swap(false, Ordering::SeqCst) {
            self.exchanges.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn pass((mut from, mut to): (TcpStream, TcpStream), meanwhile: impl Fn(&[u8])) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        meanwhile(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
}

/// What is to happen in a load.
type InLoad<'a> = dyn Fn() + Sync + 'a;

#[cached(ttl = 3600, tier = "redis", key = "{id}", skip(in_load), tags = ["all", "id:{id}"])]
async fn counted(id: u64, in_load: &InLoad<'_>) -> u64 {
    in_load();
    id
}

#[cached(ttl = 3600, tier = "redis", batch = ids, skip(in_load), tags = ["all"])]
async fn many(ids: Vec<u64>, in_load: &InLoad<'_>) -> std::collections::HashMap<u64, u64> {
    in_load();
    ids.into_iter().map(|id| (id, id)).collect()
}

/// A node that has connections and scripts already.
async fn node(port: u16) -> Cachet {
    let url = format!("redis://127.0.0.1:{port}");
    let node = Cachet::builder().namespace("trips").redis(url).deadline(DEADLINE).build();
    let node = node.expect("the configuration is valid");
    assert!(node.is_ready(DEADLINE).await, "the server answers");
    node.scope(async {
        for id in 1000..1004 {
            counted(id, &|| ()).await;
            counted::invalidate(id).await;
        }
        many(vec![1000, 1001], &|| ()).await;
    })
    .await;
    node
}

#[tokio::test]
async fn a_hit_is_one_exchange_and_a_miss_two_before_its_load_and_one_after() {
    let redis = Redis::start();
    let (counter, port) = Counter::start(redis.port());
    let (one, other) = (node(port).await, node(port).await);
    let (begun, loaded) = (counter.exchanges(), AtomicUsize::new(0));
    let since = |begun: usize| counter.exchanges() - begun;

    let missed = one.scope(counted::fetch(1, &|| loaded.store(since(begun), Ordering::SeqCst))).await;
    assert_eq!(missed.origin(), Origin::Loaded);
    assert_eq!(loaded.load(Ordering::SeqCst), 2, "it was read, and a lease acquired");
    assert_eq!(since(begun), 3, "and filled");

    for node in [&one, &other] {
        let begun = counter.exchanges();
        let hit = node.scope(counted::fetch(1, &|| panic!("it is there"))).await;
        assert_eq!((hit.origin(), since(begun)), (Origin::Shared, 1));
    }
    let begun = counter.exchanges();
    assert!(one.scope(counted::invalidate(1)).await.is_done());
    assert_eq!(since(begun), 1);
}

#[cached(ttl = 3600, tier = "redis", key = "{id}")]
async fn unrepeated(id: u64) -> u64 {
    id
}

#[tokio::test]
async fn after_eight_misses_in_a_row_the_ninth_is_an_exchange_cheaper_until_there_is_a_hit() {
    let redis = Redis::start();
    let (counter, port) = Counter::start(redis.port());
    let (one, other) = (node(port).await, node(port).await);
    let cost = async |node: &Cachet, id| {
        let begun = counter.exchanges();
        let origin = node.scope(unrepeated::fetch(id)).await.origin();
        (origin, counter.exchanges() - begun)
    };

    let mut costs = Vec::new();
    for id in 0..10 {
        costs.push(cost(&one, id).await);
    }
    assert_eq!(costs[1..8], [(Origin::Loaded, 3); 7], "the first also brings a script");
    assert_eq!(costs[8..], [(Origin::Loaded, 2); 2]);
    assert_eq!(cost(&other, 10).await.0, Origin::Loaded);
    assert_eq!(cost(&one, 10).await, (Origin::Shared, 2), "it is found, and read");
    assert_eq!(cost(&one, 10).await, (Origin::Shared, 1));
    assert_eq!(cost(&one, 11).await, (Origin::Loaded, 3));
}

#[tokio::test]
async fn a_batch_costs_what_a_single_call_does() {
    let redis = Redis::start();
    let (counter, port) = Counter::start(redis.port());
    let (one, other) = (node(port).await, node(port).await);
    let (begun, loaded) = (counter.exchanges(), AtomicUsize::new(0));
    let since = |begun: usize| counter.exchanges() - begun;
    let ids: Vec<u64> = (0..100).collect();

    one.scope(many(ids.clone(), &|| loaded.store(since(begun), Ordering::SeqCst))).await;
    assert_eq!((loaded.load(Ordering::SeqCst), since(begun)), (2, 3));
    let begun = counter.exchanges();
    let read = other.scope(many(ids, &|| panic!("they are there"))).await;
    assert_eq!((read.len(), since(begun)), (100, 1));
}
