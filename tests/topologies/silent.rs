//! Those who know where the master is, and do not say it: what is known goes on being used, and is believed no longer than
//! was promised.

use std::time::{Duration, Instant};

use cachet_core::{
    Cachet, Invalidation, Origin, Redis,
    testing::{Faults, FaultyTier, Operation, redis_tier},
};

use crate::{
    DEADLINE, numbered, origin, read, ready, ready_node,
    support::{self, SentinelGroup, free_port},
    until,
};

/// By default.
const BOUND: Duration = Duration::from_secs(1);

/// Who: callers of a master that has hung for a moment. When: the Sentinels hang as well, and go on hanging. What brings the
/// callers back: they ask the Sentinels, and then the master that they know.
#[tokio::test]
async fn sentinels_that_hang_keep_nobody_from_a_master_that_goes_on() {
    let group = SentinelGroup::start();
    let tier = redis_tier(group.url()).expect("the URL is valid");
    let answers = async || {
        let probing = tokio::time::timeout(Duration::from_millis(250), tier.probe());
        probing.await.is_ok_and(|answer| answer.is_ok())
    };
    until("the master is found", answers).await;
    group.sentinels().iter().for_each(support::Redis::pause);
    let master = group.server(0);
    master.pause();
    assert!(!answers().await, "it hangs");
    master.resume();
    until("it is used again", answers).await;
}

/// Who: a node, and a master that was deposed and goes on as if it still were one. When: the Sentinel that the node listens
/// to hangs. What ends its trust: another one names another master.
#[tokio::test]
async fn a_deposed_master_is_believed_no_longer_though_one_sentinel_is_silent() {
    let group = SentinelGroup::start();
    let one = ready_node(Redis::url(group.url()), "deposed").await;
    let old = read(&one, 1).await;
    let master = group.server(group.master());
    group.sentinels()[0].pause();
    // It answers as before, and nobody can make a replica of it.
    master.command(&["ACL", "SETUSER", "default", "-replicaof", "-slaveof", "-config", "-failover", "-shutdown"]);
    group.fail_over_by(1);
    until("another one is the master", async || group.server(group.master_by(1)).port() != master.port()).await;
    let other = ready_node(Redis::url(group.url_from(1)), "deposed").await;
    assert_eq!(other.scope(numbered::invalidate(1)).await, Invalidation::Done);
    let begun = Instant::now();
    until("the node leaves the old master", async || read(&one, 1).await != old).await;
    // A node that waits for its own Sentinel takes some seconds.
    assert!(begun.elapsed() < 2 * BOUND, "{:?}", begun.elapsed());
    ready(one.clone()).await;
    assert_ne!(read(&one, 1).await, old);
    group.sentinels()[0].resume();
}

/// The tier is asked, because an outage of the Sentinels alone is none of the master's; but it may have been deposed, so
/// nothing that it tells shows that nothing has changed.
#[tokio::test]
async fn without_a_sentinel_the_tier_is_asked_and_memory_is_believed_for_the_bound() {
    let group = SentinelGroup::start();
    let faults = Faults::new();
    let tier = FaultyTier::over(redis_tier(group.url()).expect("the URL is valid"), &faults);
    let node = Cachet::builder().namespace("cachet").shared_tier(tier).deadline(DEADLINE).build();
    let node = ready(node.expect("the configuration is valid")).await;
    let old = read(&node, 1).await;
    group.sentinels().iter().for_each(support::Redis::pause);
    until("the loss is noticed, and over for the tier", async || {
        let again = faults.calls(Operation::Subscribe) > 1;
        again && origin(&node, 1).await == Origin::Shared
    })
    .await;
    let (tries, bypassed) =
        (faults.calls(Operation::Subscribe), node.scope(async { numbered::stats().bypassed }).await);
    until("more is tried in vain", async || {
        assert_eq!(read(&node, 1).await, old, "the tier has it");
        faults.calls(Operation::Subscribe) > tries + 2
    })
    .await;
    assert_eq!(node.scope(async { numbered::stats().bypassed }).await, bypassed);
    // As an invalidation on another master would, of which there is no news.
    let master = group.server(0);
    master.command(&["DEL", &master.command(&["KEYS", "cachet:numbered:*:1"])]);
    let took = until("memory does not answer any more", async || read(&node, 1).await != old).await;
    assert!(took < 2 * BOUND, "{took:?}");
    group.sentinels().iter().for_each(support::Redis::resume);
    ready(node).await;
}

/// Who: a client for which a connection takes longer than its deadline, though an exchange over one does not. When: it asks
/// for the slots. What brings it there: a question goes on when the caller has gone.
#[tokio::test]
async fn slots_that_take_longer_than_a_deadline_to_ask_for_are_learnt() {
    let door = Door::slow(Duration::from_millis(400));
    let server = support::Redis::start_with(|_| {
        let (announced, bus) = (door.port().to_string(), free_port().to_string());
        let options = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-announce-port", &announced];
        options.map(str::to_owned).to_vec()
    });
    door.leads_to(server.port());
    server.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    support::eventually("the Cluster is whole", || {
        server.told(&["CLUSTER", "INFO"], "cluster_state").as_deref() == Some("ok")
    });
    let tier = redis_tier(format!("redis+cluster://127.0.0.1:{}", door.port())).expect("the URL is valid");
    until("an exchange comes to its end", async || {
        let probing = tokio::time::timeout(Duration::from_millis(150), tier.probe());
        probing.await.is_ok_and(|answer| answer.is_ok())
    })
    .await;
}

use door::Door;

/// A way to a server on which every connection takes its time to begin.
mod door {
    use std::{
        io,
        net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
        sync::{
            Arc,
            atomic::{AtomicU16, Ordering},
        },
        thread,
        time::Duration,
    };

    pub(super) struct Door {
        port: u16,
        server: Arc<AtomicU16>,
    }

    impl Door {
        /// Each connection is held up for that long before anything passes.
        pub(super) fn slow(delay: Duration) -> Self {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
            let port = listener.local_addr().expect("a bound socket has an address").port();
            let server = Arc::new(AtomicU16::new(0));
            let leads_to = Arc::clone(&server);
            thread::spawn(move || {
                for client in listener.incoming().flatten() {
                    let server = leads_to.load(Ordering::SeqCst);
                    thread::spawn(move || {
                        thread::sleep(delay);
                        passed(&client, server)
                    });
                }
            });
            Self { port, server }
        }

        pub(super) fn port(&self) -> u16 {
            self.port
        }

        pub(super) fn leads_to(&self, server: u16) {
            self.server.store(server, Ordering::SeqCst);
        }
    }

    /// Hands on what comes from either side, until one of them closes.
    fn passed(client: &TcpStream, server: u16) -> io::Result<()> {
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server))?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
        let back = thread::spawn(move || {
            let copied = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
            copied
        });
        let copied = io::copy(&mut &*client, &mut &server);
        let _ = server.shutdown(Shutdown::Both);
        drop(back.join());
        copied.map(drop)
    }
}
