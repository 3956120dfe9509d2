//! The Redis tier by itself, on a real `redis-server` in the states that servers get into.

mod support;

use std::{
    net::TcpStream,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use cachet_core::{
    Tier,
    testing::{redis_tier, tier_conformance},
    tier::{
        Acquired, EntryId, Fault, Inbox, Lease, Lookup, NewEntry, News, Read, Target, TierError, TierFuture, WriterId,
    },
};
use support::{Redis, until};

const LONG: Duration = Duration::from_secs(30);

fn tier(redis: &Redis) -> Arc<dyn Tier> {
    redis_tier(redis.url()).expect("the URL is valid")
}

fn lookup(key: &str) -> Lookup {
    Lookup { key: key.into(), tags: Arc::new(["all".to_owned()]) }
}

fn entry(key: &str) -> Target {
    Target::Entry(key.into())
}

fn value() -> NewEntry {
    NewEntry {
        lifetime: LONG,
        grace: Duration::ZERO,
        load_time: Duration::ZERO,
        modified: SystemTime::now(),
        validator: None,
        body: "value".into(),
    }
}

async fn fill(tier: &dyn Tier, key: &str) {
    let acquired = tier.acquire(lookup(key), LONG, None).await.expect("the server answers");
    let Acquired::Granted(lease) = acquired else { panic!("a lease is granted, not {acquired:?}") };
    assert!(tier.fill(lookup(key), lease, value()).await.expect("the server answers"));
}

fn fault<T>(answer: Result<T, TierError>) -> Option<Fault> {
    answer.err().map(|error| error.fault)
}

/// A tier of somebody's who wrote no more than he had to.
#[derive(Debug)]
struct OneByOne(Arc<dyn Tier>);

impl Tier for OneByOne {
    fn name(&self) -> &'static str {
        "one by one"
    }

    fn read(&self, lookup: Lookup) -> TierFuture<'_, Read> {
        self.0.read(lookup)
    }

    fn acquire(&self, lookup: Lookup, lease: Duration, dead: Option<EntryId>) -> TierFuture<'_, Acquired> {
        self.0.acquire(lookup, lease, dead)
    }

    fn refresh(&self, lookup: Lookup, lease: Duration, stale: EntryId) -> TierFuture<'_, Acquired> {
        self.0.refresh(lookup, lease, stale)
    }

    fn fill(&self, lookup: Lookup, lease: Lease, entry: NewEntry) -> TierFuture<'_, bool> {
        self.0.fill(lookup, lease, entry)
    }

    fn release(&self, lookup: Lookup, lease: Lease) -> TierFuture<'_, bool> {
        self.0.release(lookup, lease)
    }

    fn invalidate(&self, target: Target) -> TierFuture<'_, ()> {
        self.0.invalidate(target)
    }

    fn fence(&self, targets: Vec<Target>, writer: WriterId, time: Duration) -> TierFuture<'_, ()> {
        self.0.fence(targets, writer, time)
    }

    fn lift(&self, targets: Vec<Target>, writer: WriterId) -> TierFuture<'_, ()> {
        self.0.lift(targets, writer)
    }

    fn probe(&self) -> TierFuture<'_, ()> {
        self.0.probe()
    }
}

#[tokio::test]
async fn a_tier_with_the_required_methods_alone_keeps_the_promises() {
    let redis = Redis::start();
    tier_conformance(Arc::new(OneByOne(tier(&redis))), "single").await.expect("the server answers");
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_is_sent_them_again() {
    let redis = Redis::start();
    let tier = tier(&redis);
    for prefix in ["first", "second"] {
        tier_conformance(tier.clone(), prefix).await.expect("the server answers");
        redis.command(&["SCRIPT", "FLUSH"]);
    }
}

#[tokio::test]
async fn what_looks_like_a_fence_but_would_never_end_is_overwritten() {
    let redis = Redis::start();
    let tier = tier(&redis);
    let endless = "F".to_owned() + &"0".repeat(29);
    for forged in ["F", "F0", &endless, &endless[..29]] {
        redis.command(&["SET", "key", forged]);
        fill(&*tier, "key").await;
        let read = tier.read(lookup("key")).await.expect("the server answers");
        assert!(matches!(read, Read::Hit(_)), "{forged:?} is overwritten, not {read:?}");
    }
}

#[tokio::test]
async fn what_looks_like_a_lease_or_a_value_but_is_cut_short_or_would_never_end_is_overwritten() {
    let redis = Redis::start();
    let tier = tier(&redis);
    let life = redis.told(&["INFO", "replication"], "master_replid").expect("a server has one")[..8].to_owned();
    let forged = |kind: &str, rest: usize| format!("{kind}{life}{}", "x".repeat(rest));
    for bytes in [forged("V", 0), forged("V", 3), forged("V", 23), forged("V", 24), forged("L", 0), forged("L", 50)] {
        for options in [&[][..], &["PX", "600000"]] {
            redis.command(&[&["SET", "key", &bytes][..], options].concat());
            let Read::Miss { dead } = tier.read(lookup("key")).await.expect("the server answers") else {
                panic!("{bytes:?} is no value and no lease");
            };
            let acquired = tier.acquire(lookup("key"), LONG, dead).await.expect("the server answers");
            assert!(matches!(acquired, Acquired::Granted(_)), "{bytes:?} {options:?}: {acquired:?}");
        }
    }
    redis.command(&["SET", "key", &forged("L", 25)]);
    fill(&*tier, "key").await;
    redis.command(&["SET", "key", &forged("L", 25), "PX", "600000"]);
    let acquired = tier.acquire(lookup("key"), LONG, None).await.expect("the server answers");
    assert!(matches!(acquired, Acquired::Held(_)), "a whole one that ends is a lease, not {acquired:?}");
}

/// Who: a value whose refresh is said to be under way until the end of time. What stops that: what is no number of
/// digits is no time.
#[tokio::test]
async fn a_forged_time_of_a_refresh_hinders_none() {
    let redis = Redis::start();
    let tier = tier(&redis);
    fill(&*tier, "key").await;
    for garbage in ["inf          ", "nan          ", "0x1p99       ", "9e999        "] {
        redis.command(&["SETRANGE", "key", "34", garbage]);
        let Read::Hit(stored) = tier.read(lookup("key")).await.expect("the server answers") else {
            panic!("the value is whole");
        };
        let refresh = tier.refresh(lookup("key"), LONG, stored.id).await.expect("the server answers");
        assert!(matches!(refresh, Acquired::Granted(_)), "{garbage:?}: {refresh:?}");
    }
}

/// Who: a fence whose writers' times are no numbers. What stops it from standing: they count as over.
#[tokio::test]
async fn a_forged_fence_hinders_no_writer() {
    let redis = Redis::start();
    let tier = tier(&redis);
    for garbage in ["x", "-", "\u{7f}", " "] {
        let forged = "F".to_owned() + &garbage.repeat(29);
        redis.command(&["SET", "key", &forged, "PX", "600000"]);
        let writer = WriterId::unique();
        tier.fence(vec![entry("key")], writer, LONG).await.expect("it is set");
        tier.lift(vec![entry("key")], writer).await.expect("it is lifted");
        let read = tier.read(lookup("key")).await.expect("the server answers");
        assert!(matches!(read, Read::Miss { dead: None }), "nothing is left of {garbage:?}, not {read:?}");
    }
}

#[tokio::test]
async fn the_writers_of_one_fence_are_bounded() {
    let redis = Redis::start();
    let tier = tier(&redis);
    let writers: Vec<WriterId> = (0..1024).map(|_| WriterId::unique()).collect();
    for writer in &writers {
        tier.fence(vec![entry("key")], *writer, LONG).await.expect("there is room");
    }
    let one_more = tier.fence(vec![entry("key")], WriterId::unique(), LONG).await;
    assert_eq!(fault(one_more), Some(Fault::Full));
    tier.fence(vec![entry("key")], writers[0], LONG).await.expect("one that is in may stay longer");
    for writer in &writers {
        let read = tier.read(lookup("key")).await.expect("the server answers");
        assert!(matches!(read, Read::Fenced), "a writer is in");
        tier.lift(vec![entry("key")], *writer).await.expect("it is lifted");
    }
    fill(&*tier, "key").await;
}

#[tokio::test]
async fn a_full_server_still_invalidates_and_lifts() {
    let redis = Redis::start();
    let tier = tier(&redis);
    let writer = WriterId::unique();
    fill(&*tier, "value").await;
    tier.fence(vec![entry("fenced")], writer, LONG).await.expect("there is room");
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(fault(tier.fence(vec![entry("value")], writer, LONG).await), Some(Fault::Full));
    assert_eq!(fault(tier.acquire(lookup("other"), LONG, None).await), Some(Fault::Full));
    assert_eq!(fault(tier.acquire_many(vec![(lookup("other"), None)], LONG).await), Some(Fault::Full));
    tier.invalidate(entry("value")).await.expect("removing needs no room");
    tier.invalidate(entry("fenced")).await.expect("nor does leaving a fence");
    let read = tier.read_many(vec![lookup("value"), lookup("fenced")]).await.expect("the server answers");
    assert!(matches!(&read[..], [Read::Miss { dead: None }, Read::Fenced]), "{read:?}");
    tier.lift(vec![entry("fenced")], writer).await.expect("nor does lifting the last writer's");
    let read = tier.read(lookup("fenced")).await.expect("the server answers");
    assert!(matches!(read, Read::Miss { dead: None }), "{read:?}");
}

#[tokio::test]
async fn another_programs_type_fails_its_batch_and_leaves_no_lease_behind() {
    let redis = Redis::start();
    let tier = tier(&redis);
    redis.command(&["LPUSH", "list", "another program's"]);
    let wanted = ["one", "list", "two"].map(|key| (lookup(key), None));
    assert_eq!(fault(tier.acquire_many(wanted.to_vec(), LONG).await), Some(Fault::WrongType));
    fill(&*tier, "one").await;
    fill(&*tier, "two").await;
    // A writer's word outweighs another program's: what stands there must not be read as ours.
    tier.fence(vec![entry("list")], WriterId::unique(), LONG).await.expect("it is set");
    let read = tier.read(lookup("list")).await.expect("the server answers");
    assert!(matches!(read, Read::Fenced), "{read:?}");
}

/// How the server's state shows in reads and leases.
async fn faults_of(tier: &dyn Tier) -> [Option<Fault>; 3] {
    let [one, other] = ["one", "other"].map(lookup);
    [fault(tier.probe().await), fault(tier.read(one).await), fault(tier.acquire(other, LONG, None).await)]
}

#[tokio::test]
async fn a_server_that_runs_a_script_is_too_busy() {
    let redis = Arc::new(Redis::start());
    let tier = tier(&redis);
    fill(&*tier, "one").await;
    redis.command(&["CONFIG", "SET", "lua-time-limit", "1"]);
    let server = Arc::clone(&redis);
    let running = tokio::task::spawn_blocking(move || server.answer(&["EVAL", "while true do end", "0"]));
    let busy = "the script runs so long that the server says so";
    until(busy, async || redis.answer(&["PING"]).is_ok_and(|reply| reply.contains("BUSY"))).await;
    assert_eq!(faults_of(&*tier).await, [Some(Fault::Overload); 3]);
    redis.command(&["SCRIPT", "KILL"]);
    let killed = running.await.expect("it runs");
    assert!(killed.as_ref().is_ok_and(|reply| reply.contains("killed")), "{killed:?}");
    assert_eq!(faults_of(&*tier).await, [None; 3], "nothing of it is left");
}

#[tokio::test]
async fn a_server_without_a_connection_left_is_away_whatever_the_password() {
    for password in ["", "secret"] {
        let redis = Redis::start();
        redis.command(&["CONFIG", "SET", "maxclients", "1"]);
        let _only = TcpStream::connect(("127.0.0.1", redis.port())).expect("it is let in");
        until("it is the only one", async || redis.answer(&["PING"]).is_ok_and(|reply| reply.contains("max"))).await;
        let url = redis.url().replace("://", &format!("://:{password}@"));
        let tier = redis_tier(if password.is_empty() { redis.url() } else { url }).expect("the URL is valid");
        // It says so and hangs up; which of the two is seen first is a matter of chance.
        let faults = faults_of(&*tier).await;
        let is_away = |fault: &Option<Fault>| matches!(fault, Some(Fault::Overload | Fault::Outage));
        assert!(faults.iter().all(is_away), "{password:?}: {faults:?}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_replicate_takes_no_values_and_gives_those_it_has() {
    let redis = Redis::start();
    let tier = tier(&redis);
    fill(&*tier, "one").await;
    redis.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    assert_eq!(faults_of(&*tier).await[1..], [None, Some(Fault::Full)]);
    let read = tier.read(lookup("one")).await.expect("the server answers");
    assert!(matches!(read, Read::Hit(_)), "{read:?}");
    assert_eq!(fault(tier.invalidate(entry("one")).await), Some(Fault::Full), "so it is kept, and sent later");
}

/// What a node is told in order, up to an invalidation that is sent last.
async fn told(tier: &dyn Tier, told: &Mutex<Vec<String>>) -> Vec<String> {
    tier.invalidate(entry("last")).await.expect("the server answers");
    let last = || told.lock().expect("no test panicked").last().is_some_and(|news| news == "changed last");
    until("the last news come", async || last()).await;
    let mut told = std::mem::take(&mut *told.lock().expect("no test panicked"));
    told.pop();
    told
}

#[tokio::test]
async fn a_load_that_is_over_is_announced_if_somebody_waits_for_it_and_only_then() {
    let redis = Redis::start();
    let tier = tier(&redis);
    let news = Arc::new(Mutex::new(Vec::new()));
    let inbox = Inbox::new({
        let told = Arc::clone(&news);
        move |news| {
            told.lock().expect("no test panicked").push(match news {
                News::Filled(key) => format!("filled {key}"),
                News::Changed(key) => format!("changed {key}"),
                other => format!("{other:?}"),
            });
        }
    });
    let backplane = tier.backplane().expect("Redis has one");
    let _subscription = backplane.subscribe(inbox).await.expect("the server answers");
    let granted = async |key: &str| match tier.acquire(lookup(key), LONG, None).await.expect("the server answers") {
        Acquired::Granted(lease) => lease,
        other => panic!("a lease is granted, not {other:?}"),
    };
    let waits = async |key: &str| {
        let acquired = tier.acquire(lookup(key), LONG, None).await.expect("the server answers");
        assert!(matches!(acquired, Acquired::Held(_)), "{acquired:?}");
    };

    fill(&*tier, "alone").await;
    let lease = granted("given back").await;
    assert!(tier.release(lookup("given back"), lease).await.expect("the server answers"));
    assert!(told(&*tier, &news).await.is_empty());

    let lease = granted("waited for").await;
    waits("waited for").await;
    waits("waited for").await;
    assert!(tier.fill(lookup("waited for"), lease, value()).await.expect("the server answers"));
    assert!(tier.fill(lookup("waited for"), lease, value()).await.expect("the server answers"), "again");
    let lease = granted("failed").await;
    waits("failed").await;
    assert!(tier.release(lookup("failed"), lease).await.expect("the server answers"));
    assert_eq!(told(&*tier, &news).await, ["filled waited for", "filled failed"]);
}
