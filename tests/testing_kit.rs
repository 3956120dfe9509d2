//! The kit for tests: what it says of itself, seen as its users see it.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use cachet_core::{
    Cachet, Invalidation, Origin, Tier, cached, invalidate_tag,
    testing::{
        Faults, FaultyTier, Gate, InProcessTier, Injection, LoadCounter, ManualClock, Nodes, Operation,
        tier_conformance, tier_conformance_by,
    },
    tier::{Acquired, Fault, Lease, Lookup, NewEntry, Read, Target, TierError, WriterId},
};

const LONG: Duration = Duration::from_secs(30);

/// Every way in which a tier fails.
const CLASSES: [Fault; 7] =
    [Fault::Outage, Fault::Overload, Fault::Denied, Fault::Full, Fault::WrongType, Fault::Moved, Fault::Reply];

/// A table of one row, which loads read through a gate.
#[derive(Default)]
struct Source {
    row: AtomicU64,
    loads: LoadCounter,
    gate: Gate,
}

impl Source {
    fn open() -> Self {
        let source = Self::default();
        source.gate.open();
        source
    }

    fn set(&self, to: u64) {
        self.row.store(to, Ordering::SeqCst);
    }

    async fn load(&self) -> u64 {
        let _load = self.loads.load();
        let read = self.row.load(Ordering::SeqCst);
        self.gate.pass().await;
        read
    }
}

#[cached(ttl = "1h", tier = "memory,redis", memory_ttl = "5s", skip(source), tags = ["rows"])]
async fn row(id: u64, source: &Source) -> u64 {
    let _ = id;
    source.load().await
}

#[cached(ttl = "1h", tier = "redis", skip(source))]
async fn unremembered(source: &Source) -> u64 {
    source.load().await
}

fn lookup(key: &str) -> Lookup {
    Lookup { key: key.into(), tags: Arc::new([]) }
}

fn entry(key: &str) -> Target {
    Target::Entry(key.into())
}

fn value() -> NewEntry {
    let modified = std::time::SystemTime::UNIX_EPOCH;
    NewEntry {
        lifetime: LONG,
        grace: Duration::ZERO,
        load_time: Duration::ZERO,
        modified,
        validator: None,
        body: "value".into(),
    }
}

async fn granted(tier: &impl Tier, key: &str) -> Lease {
    match tier.acquire(lookup(key), LONG, None).await.expect("nothing is in the way") {
        Acquired::Granted(lease) => lease,
        other => panic!("a lease is granted, not {other:?}"),
    }
}

async fn fill(tier: &impl Tier, key: &str) {
    let lease = granted(tier, key).await;
    assert!(tier.fill(lookup(key), lease, value()).await.expect("nothing is in the way"));
}

fn fault<T>(answer: Result<T, TierError>) -> Option<Fault> {
    answer.err().map(|error| error.fault)
}

/// A tier with faults in front, and the tier behind them.
fn faulty() -> (FaultyTier, InProcessTier, Faults) {
    let (behind, faults) = (InProcessTier::new(), Faults::new());
    (FaultyTier::new(behind.clone(), &faults), behind, faults)
}

#[tokio::test]
async fn the_in_process_tier_keeps_the_promises_of_a_tier() {
    tier_conformance(Arc::new(InProcessTier::new()), "system").await.expect("it does not fail");
    let clock = ManualClock::new();
    let tier = Arc::new(InProcessTier::with_clock(&clock));
    tier_conformance_by(&clock, tier, "manual").await.expect("it does not fail");
}

#[tokio::test]
async fn a_tier_with_no_faults_in_front_keeps_the_promises_of_a_tier() {
    let (tier, behind, faults) = faulty();
    assert_eq!(tier.name(), behind.name());
    tier_conformance(Arc::new(tier), "faulty").await.expect("no fault is injected");
    let of_a_backplane = [Operation::Subscribe, Operation::Heartbeat];
    for operation in Operation::ALL.into_iter().filter(|operation| !of_a_backplane.contains(operation)) {
        assert!(faults.calls(operation) > 0, "the suite calls {operation:?}");
        assert_eq!((faults.calls(operation), faults.injected(operation)), (faults.answers(operation), 0));
    }
}

#[tokio::test]
async fn the_in_process_tier_is_bounded_and_makes_room_by_what_has_ended() {
    let clock = ManualClock::new();
    let tier = InProcessTier::with_clock(&clock);
    let writers: Vec<WriterId> = (0..1024).map(|_| WriterId::unique()).collect();
    for writer in &writers {
        tier.fence(vec![entry("fenced")], *writer, LONG * 3).await.expect("there is room");
    }
    assert_eq!(fault(tier.fence(vec![entry("fenced")], WriterId::unique(), LONG).await), Some(Fault::Full));
    tier.fence(vec![entry("fenced")], writers[0], LONG * 3).await.expect("one that is in may stay longer");

    for key in 1..100_000 {
        granted(&tier, &key.to_string()).await;
    }
    assert_eq!(fault(tier.acquire(lookup("one more"), LONG, None).await), Some(Fault::Full));
    assert_eq!(fault(tier.fence(vec![entry("one more")], writers[0], LONG).await), Some(Fault::Full));
    tier.invalidate(entry("1")).await.expect("removing needs no room");
    granted(&tier, "one more").await;
    clock.advance(LONG);
    granted(&tier, "and one").await;
    assert!(matches!(tier.read(lookup("fenced")).await, Ok(Read::Fenced)), "a fence that stands is no room");
    clock.advance(LONG * 3);
    tier.fence(vec![entry("fenced")], WriterId::unique(), LONG).await.expect("writers whose time is over are no crowd");
}

#[tokio::test]
async fn the_in_process_tier_makes_room_by_versions_which_costs_misses() {
    let tier = InProcessTier::new();
    let tagged = |at: usize| Lookup { key: at.to_string().into(), tags: Arc::new([format!("tag-{at}")]) };
    for at in 0..50_000 {
        let Ok(Acquired::Granted(lease)) = tier.acquire(tagged(at), LONG, None).await else { panic!("there is room") };
        if at == 7 {
            assert!(tier.fill(tagged(at), lease, value()).await.expect("nothing is in the way"));
        }
    }
    assert!(matches!(tier.read(tagged(7)).await, Ok(Read::Hit(_))));
    granted(&tier, "one more").await;
    let read = tier.read(tagged(7)).await;
    assert!(matches!(read, Ok(Read::Miss { dead: Some(_) })), "{read:?}");
}

#[tokio::test]
async fn a_restart_loses_everything() {
    let tier = InProcessTier::new();
    fill(&tier, "value").await;
    let lease = granted(&tier, "lease").await;
    tier.fence(vec![entry("fence")], WriterId::unique(), LONG).await.expect("there is room");
    assert_eq!(tier.keys(), ["value"]);
    tier.restart();
    for key in ["value", "lease", "fence"] {
        let read = tier.read(lookup(key)).await;
        assert!(matches!(read, Ok(Read::Miss { dead: None })), "{key}: {read:?}");
    }
    assert!(matches!(tier.fill(lookup("lease"), lease, value()).await, Ok(false)), "a lease is gone too");
}

#[tokio::test]
async fn the_keys_are_those_that_can_be_read() {
    let clock = ManualClock::new();
    let tier = InProcessTier::with_clock(&clock);
    for key in ["b", "a", "fenced"] {
        fill(&tier, key).await;
    }
    granted(&tier, "leased").await;
    tier.fence(vec![entry("fenced")], WriterId::unique(), LONG).await.expect("there is room");
    let tagged = Lookup { key: "tagged".into(), tags: Arc::new(["tag".to_owned()]) };
    let Ok(Acquired::Granted(lease)) = tier.acquire(tagged.clone(), LONG, None).await else { panic!("it is granted") };
    assert!(tier.fill(tagged, lease, value()).await.expect("nothing is in the way"));
    assert_eq!(tier.keys(), ["a", "b", "tagged"]);
    tier.invalidate(Target::Tag("tag".into())).await.expect("nothing is in the way");
    assert_eq!(tier.keys(), ["a", "b"]);
    clock.advance(LONG);
    assert!(tier.keys().is_empty(), "they have expired");
}

#[tokio::test]
async fn what_fails_or_is_lost_on_its_way_is_not_carried_out() {
    for class in CLASSES {
        let (tier, behind, faults) = faulty();
        fill(&tier, "key").await;
        faults.next(Operation::Invalidate, Injection::Error(class));
        let error = tier.invalidate(entry("key")).await.expect_err("it fails");
        assert_eq!((error.tier, error.operation, error.fault), (behind.name(), "invalidate", class));
        assert_eq!(behind.keys(), ["key"]);
        assert_eq!((faults.calls(Operation::Invalidate), faults.answers(Operation::Invalidate)), (1, 0));
    }
    let (tier, behind, faults) = faulty();
    fill(&tier, "key").await;
    faults.next(Operation::Invalidate, Injection::LostRequest);
    assert_eq!(fault(tier.invalidate(entry("key")).await), Some(Fault::Outage));
    assert_eq!(behind.keys(), ["key"]);
}

#[tokio::test]
async fn what_loses_its_reply_is_carried_out() {
    let (tier, behind, faults) = faulty();
    let lease = granted(&tier, "key").await;
    faults.next(Operation::Fill, Injection::LostReply);
    assert_eq!(fault(tier.fill(lookup("key"), lease, value()).await), Some(Fault::Outage));
    assert_eq!(behind.keys(), ["key"]);
    assert!(matches!(tier.fill(lookup("key"), lease, value()).await, Ok(true)), "and may be repeated");
    faults.next(Operation::Invalidate, Injection::LostReply);
    assert_eq!(fault(tier.invalidate_many(vec![entry("key")]).await), Some(Fault::Outage), "a batch is no other");
    assert!(behind.keys().is_empty());
    assert_eq!((faults.injected(Operation::Fill), faults.answers(Operation::Fill)), (1, 2));
}

#[tokio::test]
async fn a_call_is_held_before_or_after_it_is_carried_out() {
    for (injection, held_before) in
        [(Injection::HoldRequest as fn(Arc<Gate>) -> Injection, true), (Injection::HoldReply, false)]
    {
        let (tier, behind, faults) = faulty();
        fill(&tier, "key").await;
        let gate = Arc::new(Gate::closed());
        faults.next(Operation::Invalidate, injection(Arc::clone(&gate)));
        let mut call = pin!(tier.invalidate(entry("key")));
        tokio::select! {
            biased;
            _ = &mut call => panic!("the call waits at its gate"),
            () = gate.arrived(1) => assert_eq!(behind.keys().len(), usize::from(held_before)),
        }
        gate.open();
        call.await.expect("it is let through");
        assert!(behind.keys().is_empty());
    }
}

#[tokio::test]
async fn a_call_is_delayed() {
    const SPAN: Duration = Duration::from_millis(20);
    let (tier, behind, faults) = faulty();
    fill(&tier, "key").await;
    faults.next(Operation::Invalidate, Injection::Delay(SPAN));
    let begun = Instant::now();
    let mut call = pin!(tier.invalidate(entry("key")));
    tokio::select! {
        biased;
        _ = &mut call => panic!("it is delayed"),
        () = faults.called(Operation::Invalidate, 1) => assert_eq!(behind.keys().len(), 1),
    }
    call.await.expect("a delay is no failure");
    assert!(begun.elapsed() >= SPAN && behind.keys().is_empty());
}

#[tokio::test]
async fn a_late_call_is_carried_out_after_its_caller_was_told_of_an_outage() {
    let (tier, behind, faults) = faulty();
    fill(&tier, "key").await;
    let gate = Arc::new(Gate::closed());
    faults.next(Operation::Invalidate, Injection::Late(Arc::clone(&gate)));
    assert_eq!(fault(tier.invalidate(entry("key")).await), Some(Fault::Outage));
    gate.arrived(1).await;
    assert_eq!(behind.keys(), ["key"]);
    gate.open();
    faults.settled().await;
    assert!(behind.keys().is_empty());
}

#[test]
fn a_late_call_ends_with_its_runtime() {
    let (tier, behind, faults) = faulty();
    let node = tokio::runtime::Builder::new_current_thread().build().expect("it can be built");
    node.block_on(async {
        fill(&tier, "key").await;
        faults.next_call(Injection::Late(Arc::new(Gate::closed())));
        assert_eq!(fault(tier.invalidate(entry("key")).await), Some(Fault::Outage));
    });
    drop(node);
    pollster::block_on(faults.settled());
    assert_eq!(behind.keys(), ["key"]);
}

#[tokio::test]
async fn a_script_goes_before_what_always_happens_and_both_can_be_cleared() {
    let (tier, _, faults) = faulty();
    let next = async || fault(tier.read(lookup("key")).await);
    faults.always(Operation::Read, Injection::Error(Fault::Reply));
    faults.skip(Operation::Read, 1);
    faults.next(Operation::Read, Injection::Error(Fault::Full));
    faults.next_call(Injection::Error(Fault::Denied));
    assert_eq!(fault(tier.probe().await), None, "a probe is no call of anybody's");
    assert_eq!(next().await, None, "one is let through");
    assert_eq!(next().await, Some(Fault::Full));
    assert_eq!(next().await, Some(Fault::Denied));
    assert_eq!((next().await, next().await), (Some(Fault::Reply), Some(Fault::Reply)));
    assert_eq!(fault(tier.release(lookup("key"), granted(&tier, "other").await).await), None, "others are not meant");
    faults.clear();
    assert_eq!(next().await, None);
    assert_eq!((faults.calls(Operation::Read), faults.injected(Operation::Read)), (6, 4));
    faults.cut_off();
    assert_eq!((next().await, fault(tier.probe().await)), (Some(Fault::Outage), Some(Fault::Outage)));
}

/// The faults of so many reads, with so many invalidations between them.
async fn drawn(faults: Faults, reads: usize, between: usize) -> Vec<Option<Fault>> {
    let tier = FaultyTier::new(InProcessTier::new(), &faults);
    let mut drawn = Vec::new();
    for _ in 0..reads {
        for _ in 0..between {
            drop(tier.invalidate(entry("key")).await);
        }
        drawn.push(fault(tier.read(lookup("key")).await));
    }
    drawn
}

#[tokio::test]
async fn a_seed_gives_the_same_chance_again() {
    let faults = |seed| {
        let full = Faults::seeded(seed).chance(Injection::Error(Fault::Full), 0.1);
        full.chance_of(Operation::Read, Injection::LostReply, 0.1)
    };
    let first = drawn(faults(7), 1_000, 0).await;
    assert_eq!(drawn(faults(7), 1_000, 3).await, first, "whatever else is called");
    assert_ne!(drawn(faults(8), 1_000, 0).await, first);
    for class in [Fault::Full, Fault::Outage] {
        let share = first.iter().filter(|drawn| **drawn == Some(class)).count();
        assert!((50..150).contains(&share), "a tenth of a thousand is {class:?}, not {share}");
    }
    let scripted = faults(7);
    scripted.next(Operation::Read, Injection::Error(Fault::Denied));
    assert_eq!(drawn(scripted, 1_000, 0).await[1..], first[1..], "a script shifts nothing");
}

#[tokio::test]
async fn chance_has_its_limits() {
    let faults = Faults::new().chance(Injection::LostReply, 1.0).chance(Injection::Error(Fault::Full), 0.0);
    assert_eq!(drawn(faults.clone(), 100, 0).await, [Some(Fault::Outage); 100]);
    let tier = FaultyTier::new(InProcessTier::new(), &faults);
    assert_eq!(fault(tier.probe().await), None, "probes are spared");
    faults.clear();
    assert_eq!(drawn(faults, 100, 0).await, [None; 100]);
    for tenths in [vec![0.6, 0.6], vec![-0.1], vec![1.1], vec![f64::NAN]] {
        let too_much = std::panic::catch_unwind(|| {
            tenths.iter().fold(Faults::new(), |faults, tenth| faults.chance(Injection::LostReply, *tenth))
        });
        assert!(too_much.is_err(), "{tenths:?}");
    }
    drop((0..10).fold(Faults::new(), |faults, _| faults.chance(Injection::LostReply, 0.1)));
}

/// Who: a node, a tier that carries an invalidation out and does not say so. What the caller is told: that it is kept.
#[tokio::test]
async fn an_invalidation_that_lost_its_reply_is_queued_and_sent_again() {
    let clock = ManualClock::new();
    let tier = InProcessTier::with_clock(&clock);
    let [node] = Nodes::over(Arc::new(tier.clone()), &clock).start();
    let source = Source::open();
    assert_eq!(node.scope(row(1, &source)).await, 0);
    assert_eq!(tier.keys().len(), 1);
    source.set(1);
    node.faults().next(Operation::Invalidate, Injection::LostReply);
    assert_eq!(node.scope(row::invalidate(1)).await, Invalidation::Queued);
    assert!(tier.keys().is_empty(), "it is gone all the same");
    assert_eq!(node.scope(row(1, &source)).await, 1);
    node.faults().answered(Operation::Invalidate, 2).await;
    assert_eq!(node.faults().injected(Operation::Invalidate), 1);
}

#[tokio::test]
async fn a_function_goes_on_whatever_fails() {
    let lost = [Injection::LostRequest, Injection::LostReply];
    let classes = CLASSES.map(Injection::Error);
    let injections: Vec<Injection> = lost.into_iter().chain(classes).collect();
    for operation in Operation::ALL {
        for injection in &injections {
            let (nodes, source) = (Nodes::new(), Source::open());
            let [node, other] = nodes.start();
            node.faults().always(operation, injection.clone());
            for round in 0..3 {
                source.set(round);
                let invalidated = node.scope(row::invalidate(1)).await;
                let why = format!("{injection:?} in {operation:?}, {invalidated:?}");
                assert_eq!(node.scope(row(1, &source)).await, round, "{why}");
                assert_eq!(node.scope(row(1, &source)).await, round, "{why}");
                if invalidated.is_done() {
                    nodes.clock().advance(Duration::from_secs(5));
                    assert_eq!(other.scope(row(1, &source)).await, round, "{why}");
                }
            }
        }
    }
}

#[tokio::test]
async fn random_faults_bring_no_old_value_back() {
    let faults = Faults::seeded(11).chance(Injection::LostReply, 0.05).chance(Injection::LostRequest, 0.05);
    let source = Source::open();
    let (tier, clock) = (InProcessTier::new(), ManualClock::new());
    let disturbed = FaultyTier::new(tier.clone(), &faults);
    let [writer] = Nodes::over(Arc::new(disturbed), &clock).start();
    let [reader] = Nodes::over(Arc::new(tier), &clock).start();
    let mut done = 0;
    for step in 0..200 {
        writer.scope(unremembered(&source)).await;
        source.set(step);
        if writer.scope(unremembered::invalidate()).await.is_done() {
            assert_eq!(reader.scope(unremembered(&source)).await, step);
            done += 1;
        }
        assert_eq!(writer.scope(unremembered(&source)).await, step);
    }
    assert!(done > 0 && faults.injected(Operation::Invalidate) > 0, "{done} of 200 went well");
}

#[tokio::test]
async fn what_one_node_invalidates_the_other_does_not_serve_after_its_memory_ttl() {
    let nodes = Nodes::new();
    let [one, other] = nodes.start();
    let source = Source::open();
    for (round, by) in (1..).zip(["key", "tag", "function", "namespace", "put"]) {
        let before = one.scope(row(1, &source)).await;
        assert_eq!(other.scope(row(1, &source)).await, before);
        source.set(round);
        let invalidated = one.scope(async {
            match by {
                "key" => row::invalidate(1).await,
                "tag" => invalidate_tag("rows").await,
                "function" => row::clear().await,
                "namespace" => Cachet::current().clear().await,
                _ => row::put(1, round).await,
            }
        });
        assert_eq!(invalidated.await, Invalidation::Done);
        assert_eq!(one.scope(row(1, &source)).await, round, "by {by}");
        nodes.clock().advance(Duration::from_secs(5));
        let read = other.scope(row::fetch(1, &source)).await;
        assert_eq!((*read, read.origin()), (round, Origin::Shared), "by {by}");
    }
    assert_eq!((source.loads.count(), source.loads.peak()), (5, 1), "a put needs no load");
}

#[tokio::test]
async fn two_nodes_that_miss_at_once_make_one_load() {
    let [one, other] = Nodes::new().start();
    let source = Source::default();
    let opened = async {
        source.gate.arrived(1).await;
        other.faults().called(Operation::Acquire, 1).await;
        one.faults().called(Operation::Acquire, 1).await;
        source.gate.open();
    };
    tokio::join!(one.scope(row(1, &source)), other.scope(row(1, &source)), opened);
    assert_eq!((source.loads.count(), source.loads.peak(), source.loads.running()), (1, 1, 0));
}

/// Who: a node that loads for longer than its lease. What stops its value: another lease stands by then.
#[tokio::test]
async fn a_lease_ends_when_the_clock_is_moved() {
    let nodes = Nodes::new();
    let [slow, other] = nodes.start();
    let source = Source::default();
    let mut outlived = pin!(slow.scope(row(1, &source)));
    tokio::select! {
        _ = &mut outlived => panic!("the load waits at its gate"),
        () = source.gate.arrived(1) => {}
    }
    source.set(1);
    nodes.clock().advance(LONG);
    let (read, ()) = tokio::join!(other.scope(row(1, &source)), async {
        source.gate.arrived(2).await;
        assert_eq!(source.loads.running(), 2);
        source.gate.open();
    });
    assert_eq!((read, outlived.await), (1, 0), "each caller has what it loaded");
    let [fresh] = nodes.start();
    assert_eq!(fresh.scope(row(1, &source)).await, 1, "the tier has the newer one");
    assert_eq!((source.loads.count(), source.loads.peak()), (2, 2));
}

/// Who: a fill that its node believes lost, and that arrives after another node's invalidation. What stops it: its lease
/// is gone.
#[tokio::test]
async fn a_late_fill_does_not_bring_the_old_value_back() {
    let nodes = Nodes::new();
    let [one, other] = nodes.start();
    let (source, gate) = (Source::open(), Arc::new(Gate::closed()));
    one.faults().next(Operation::Fill, Injection::Late(Arc::clone(&gate)));
    assert_eq!(one.scope(row(1, &source)).await, 0);
    source.set(1);
    assert!(other.scope(row::invalidate(1)).await.is_done());
    gate.open();
    one.faults().settled().await;
    assert_eq!(one.faults().answers(Operation::Fill), 1, "it arrived");
    assert_eq!(other.scope(row(1, &source)).await, 1);
}

#[tokio::test]
async fn nodes_of_two_namespaces_share_nothing() {
    let nodes = Nodes::new();
    let [one] = nodes.start();
    let [other] = nodes.clone().namespace("another").start();
    let source = Source::open();
    one.scope(row(1, &source)).await;
    other.scope(row(1, &source)).await;
    assert_eq!(source.loads.count(), 2);
    let [third] = nodes.start();
    assert_eq!(third.scope(row::fetch(1, &source)).await.origin(), Origin::Shared);
}

#[test]
#[should_panic(expected = "a node cannot be built: ")]
fn a_node_with_a_wrong_configuration_fails_the_test() {
    Nodes::new().start_with(|node| node.lease(Duration::ZERO));
}

#[tokio::test]
async fn a_counter_counts_what_failed_and_was_cancelled_as_well() {
    static LOADS: LoadCounter = LoadCounter::new();
    let failing = async {
        let _load = LOADS.load();
        Err::<(), _>("as the test wants")
    };
    assert!(failing.await.is_err());
    let panicking = tokio::spawn(async {
        let _load = LOADS.load();
        panic!("as the test wants");
    });
    assert!(panicking.await.is_err());
    assert_eq!((LOADS.count(), LOADS.running(), LOADS.peak()), (2, 0, 1));
    let gate = Gate::closed();
    let held = async || {
        let _load = LOADS.load();
        gate.pass().await;
    };
    {
        let mut three = pin!(async { tokio::join!(held(), held(), held()) });
        tokio::select! {
            _ = &mut three => panic!("they wait at the gate"),
            () = gate.arrived(3) => {}
        }
        assert_eq!((LOADS.count(), LOADS.running(), LOADS.peak()), (5, 3, 3));
    }
    drop(LOADS.load());
    assert_eq!((LOADS.count(), LOADS.running(), LOADS.peak()), (6, 0, 3), "they are cancelled");
}

#[tokio::test]
async fn a_gate_admits_as_many_as_it_is_told_those_who_came_first() {
    let (gate, passed) = (Gate::closed(), std::sync::Mutex::new(Vec::new()));
    let caller = async |number| {
        gate.pass().await;
        passed.lock().expect("no caller panics").push(number);
    };
    let seen = || {
        let mut seen = passed.lock().expect("no caller panics").clone();
        seen.sort_unstable();
        seen
    };
    let test = async {
        gate.arrived(3).await;
        gate.admit(2);
        while seen().len() < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(seen(), [1, 2]);
        gate.open();
    };
    tokio::join!(caller(1), caller(2), caller(3), test);
    assert_eq!(seen(), [1, 2, 3]);
    caller(4).await;
    assert_eq!(gate.arrivals(), 4, "an open gate counts as well");
}

#[tokio::test]
async fn a_caller_that_went_away_uses_nobodys_turn() {
    let gate = Gate::closed();
    {
        let mut gone = pin!(gate.pass());
        tokio::select! {
            biased;
            () = &mut gone => panic!("the gate is closed"),
            () = gate.arrived(1) => gate.admit(1),
        }
    }
    gate.pass().await;
    assert_eq!(gate.arrivals(), 2);
}

#[test]
fn a_gate_holds_threads_as_well() {
    static GATE: Gate = Gate::closed();

    #[cached(ttl = 60)]
    fn held(n: u64) -> u64 {
        GATE.pass_blocking();
        n
    }

    let runtime = Cachet::builder().memory_only().build().expect("a good configuration");
    std::thread::scope(|scope| {
        let runtime = &runtime;
        let callers = [1, 2].map(|n| scope.spawn(move || runtime.scope_blocking(|| held(n))));
        pollster::block_on(GATE.arrived(2));
        assert_eq!(runtime.scope_blocking(held::stats).loads, 0, "none has come to its end");
        GATE.open();
        assert_eq!(callers.map(|caller| caller.join().expect("no caller panics")), [1, 2]);
    });
}
