//! What holds of flights in every interleaving: shuttle runs each of these over and over, every time in another order, and
//! fails where tasks are left that nobody will wake.
//!
//! A checker that sees nothing would pass as well. So there are doubles that do one thing wrong, and it has to find them.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, LazyLock},
    task::Poll,
};

use foldhash::fast::RandomState;
use futures_util::FutureExt as _;
use shuttle::{
    check_pct, check_random,
    future::{block_on, spawn, yield_now},
    sync::{Barrier, atomic::AtomicU32},
};

use super::{
    Boarding, Flights, Followed, Follower, Leader, Load, Ticket,
    sync::{Mutex, Ordering::SeqCst},
};
use crate::{
    clock::Tick,
    entry::{Entry, Meta},
    key::{Key, KeyBuf},
};

/// In many orders: by chance, and by few changes of a priority that is drawn.
fn explore(run: impl Fn() + Send + Sync + Clone + 'static) {
    check_random(run.clone(), 1_000);
    check_pct(run, 500, 3);
}

fn key(n: u8) -> Key {
    static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::default);
    KeyBuf::bytes().written(|key| key.str(&n.to_string())).hashed(&HASHER).to_key()
}

fn entry(version: u32) -> Arc<Entry> {
    Arc::new(Entry::new(Meta::default(), version))
}

fn version(entry: &Entry) -> u32 {
    *entry.value.downcast_ref().expect("it is a version")
}

/// A cache of one value, whose source has versions.
struct World {
    flights: Arc<Flights>,
    key: Key,
    memory: Mutex<Option<Arc<Entry>>>,
    source: AtomicU32,
    loads: AtomicU32,
    running: AtomicU32,
    /// Stores a value after the flight has ended.
    stores_late: bool,
    /// Gives a value to all although a tier had to confirm it.
    confirms_nothing: bool,
}

impl World {
    fn new() -> Self {
        Self {
            flights: Arc::new(Flights::new()),
            key: key(1),
            memory: Mutex::new(None),
            source: AtomicU32::new(0),
            loads: AtomicU32::new(0),
            running: AtomicU32::new(0),
            stores_late: false,
            confirms_nothing: false,
        }
    }

    fn found(&self) -> Option<u32> {
        self.memory.lock().expect("no call panics").as_deref().map(version)
    }

    fn remember(&self, entry: Arc<Entry>) {
        *self.memory.lock().expect("no call panics") = Some(entry);
    }

    fn forget(&self) {
        *self.memory.lock().expect("no call panics") = None;
    }

    fn board(&self) -> Boarding {
        board(&self.flights, &self.key)
    }

    /// Reads the source, at some moment between its beginning and its end.
    async fn load(&self) -> u32 {
        self.loads.fetch_add(1, SeqCst);
        self.running.fetch_add(1, SeqCst);
        let version = self.source.load(SeqCst);
        yield_now().await;
        self.running.fetch_sub(1, SeqCst);
        version
    }

    async fn call(&self) -> u32 {
        loop {
            if let Some(version) = self.found() {
                return version;
            }
            match self.board() {
                Boarding::Lead(leader) => match self.found() {
                    Some(version) => return version,
                    None => return self.lead(leader).await,
                },
                Boarding::Follow(follower) => match follower.outcome().await {
                    Followed::Value(entry) => return version(&entry),
                    Followed::StartOver => {}
                    Followed::Error(_) | Followed::Inside => unreachable!("no load fails or calls"),
                },
                Boarding::Inside => unreachable!("no load calls"),
            }
        }
    }

    async fn lead(&self, leader: Leader) -> u32 {
        let version = self.load().await;
        let mut late = None;
        leader.land_unconfirmed(entry(version), |_, entry| {
            if self.stores_late { late = Some(entry) } else { self.remember(entry) }
        });
        if let Some(entry) = late {
            self.remember(entry);
        }
        version
    }

    /// Without memory: a call whose leader asks a tier, which other nodes change.
    async fn ask(&self) -> u32 {
        loop {
            match self.board() {
                Boarding::Lead(leader) => {
                    leader.confirming();
                    let version = self.load().await;
                    if self.confirms_nothing {
                        leader.land_unconfirmed(entry(version), |_, _| {});
                    } else {
                        leader.land(entry(version), |_, _| {});
                    }
                    return version;
                }
                Boarding::Follow(follower) => {
                    if let Followed::Value(entry) = follower.outcome().await {
                        return version(&entry);
                    }
                }
                Boarding::Inside => unreachable!("no load calls"),
            }
        }
    }
}

fn board(flights: &Arc<Flights>, key: &Key) -> Boarding {
    flights.board(key, 0, || Ticket { asked: Tick::default(), generation: 0, tags: None, any_tag: None, name: None })
}

fn lead(flights: &Arc<Flights>, n: u8) -> Leader {
    match board(flights, &key(n)) {
        Boarding::Lead(leader) => leader,
        _ => panic!("nobody leads {n}"),
    }
}

fn follow(flights: &Arc<Flights>, n: u8) -> Follower {
    match board(flights, &key(n)) {
        Boarding::Follow(follower) => follower,
        _ => panic!("somebody leads {n}"),
    }
}

/// Polls a future as the body of a load does.
async fn inside<F: Future>(load: Load, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let _polled = load.enter();
        future.as_mut().poll(cx)
    })
    .await
}

#[test]
fn all_callers_of_a_key_share_one_load() {
    explore(|| {
        let world = Arc::new(World::new());
        block_on(async {
            let calls: Vec<_> = (0..3).map(|_| spawn(called(&world))).collect();
            for call in calls {
                assert_eq!(call.await.expect("it ends"), 0);
            }
        });
        assert_eq!(world.loads.load(SeqCst), 1);
    });
}

fn called(world: &Arc<World>) -> impl Future<Output = u32> + Send + use<> {
    let world = Arc::clone(world);
    async move { world.call().await }
}

/// Callers before an invalidation, and after it.
fn invalidated(world: World, invalidate: fn(&World)) {
    let world = Arc::new(world);
    block_on(async {
        let before: Vec<_> = (0..2).map(|_| spawn(called(&world))).collect();
        yield_now().await;
        world.source.store(1, SeqCst);
        invalidate(&world);
        let after: Vec<_> = (0..2).map(|_| spawn(called(&world))).collect();
        for call in before {
            call.await.expect("it ends");
        }
        for call in after {
            assert_eq!(call.await.expect("it ends"), 1, "who comes after it is given no value from before it");
        }
    });
    assert_ne!(world.found(), Some(0), "memory keeps no value from before it");
}

fn at_once(world: &World) {
    world.flights.detach(world.key.borrowed(), || world.forget());
}

fn all_at_once(world: &World) {
    world.flights.detach_all(|| world.forget());
}

fn in_two_steps(world: &World) {
    world.forget();
    world.flights.detach(world.key.borrowed(), || {});
}

#[test]
fn an_invalidated_value_is_neither_kept_nor_given_to_later_callers() {
    explore(|| invalidated(World::new(), at_once));
    explore(|| invalidated(World::new(), all_at_once));
}

#[test]
#[should_panic(expected = "from before it")]
fn a_value_that_is_stored_after_its_flight_is_found() {
    explore(|| invalidated(World { stores_late: true, ..World::new() }, at_once));
}

#[test]
#[should_panic(expected = "from before it")]
fn an_invalidation_that_forgets_before_it_detaches_is_found() {
    explore(|| invalidated(World::new(), in_two_steps));
}

#[test]
fn an_abandoned_flight_is_anothers() {
    explore(|| {
        let world = Arc::new(World::new());
        block_on(async {
            let leader = lead(&world.flights, 1);
            let calls: Vec<_> = (0..3).map(|_| spawn(called(&world))).collect();
            yield_now().await;
            drop(leader);
            for call in calls {
                assert_eq!(call.await.expect("it ends"), 0);
            }
        });
        assert_eq!(world.loads.load(SeqCst), 1);
    });
}

#[test]
fn a_failed_flight_lets_its_followers_load_in_turn() {
    explore(|| {
        let world = Arc::new(World::new());
        block_on(async {
            let leader = lead(&world.flights, 1);
            let calls: Vec<_> = (0..2).map(|_| spawn(called(&world))).collect();
            yield_now().await;
            leader.fail(None);
            for call in calls {
                assert_eq!(call.await.expect("it ends"), 0);
            }
        });
        assert_eq!((world.loads.load(SeqCst), world.running.load(SeqCst)), (1, 0));
    });
}

#[test]
fn followers_that_give_up_take_no_wake_up_with_them() {
    explore(|| {
        let world = Arc::new(World::new());
        block_on(async {
            let calls: Vec<_> = (0..2).map(|_| spawn(called(&world))).collect();
            let leaving: Vec<_> = (0..2)
                .map(|_| {
                    let call = called(&world);
                    spawn(async move {
                        let mut call = Box::pin(call);
                        let _ = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready())).await;
                        yield_now().await;
                    })
                })
                .collect();
            for call in calls {
                assert_eq!(call.await.expect("it ends"), 0);
            }
            for call in leaving {
                call.await.expect("it ends");
            }
        });
    });
}

#[test]
fn who_joined_after_the_confirming_command_starts_over() {
    explore(|| changed_elsewhere(World::new()));
}

#[test]
#[should_panic(expected = "what another node wrote")]
fn a_value_that_is_given_to_all_without_a_confirmation_is_found() {
    explore(|| changed_elsewhere(World { confirms_nothing: true, ..World::new() }));
}

fn changed_elsewhere(world: World) {
    let world = Arc::new(world);
    let asked = |world: &Arc<World>| {
        let world = Arc::clone(world);
        spawn(async move { world.ask().await })
    };
    block_on(async {
        let before: Vec<_> = (0..2).map(|_| asked(&world)).collect();
        yield_now().await;
        world.source.store(1, SeqCst);
        assert_eq!(asked(&world).await.expect("it ends"), 1, "a caller sees what another node wrote before it came");
        for call in before {
            call.await.expect("it ends");
        }
    });
}

/// As many loads as are said, each of which needs the next one's value; how many of them were refused.
fn ring(loads: u8, noted: bool) -> u32 {
    let (flights, barrier) = (Arc::new(Flights::new()), Arc::new(Barrier::new(loads.into())));
    let refused = Arc::new(AtomicU32::new(0));
    block_on(async {
        let tasks: Vec<_> = (0..loads)
            .map(|n| {
                let (flights, barrier, refused) = (Arc::clone(&flights), Arc::clone(&barrier), Arc::clone(&refused));
                spawn(async move {
                    let leader = lead(&flights, n);
                    barrier.wait();
                    let next = needs(&flights, (n + 1) % loads);
                    let is_loaded = if noted { inside(Load::of([&leader]), next).await } else { next.await };
                    if is_loaded {
                        leader.land_unconfirmed(entry(0), |_, _| {});
                    } else {
                        refused.fetch_add(1, SeqCst);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("it ends");
        }
    });
    refused.load(SeqCst)
}

/// A call whose own load needs nothing.
async fn needs(flights: &Arc<Flights>, n: u8) -> bool {
    loop {
        match board(flights, &key(n)) {
            Boarding::Lead(leader) => {
                leader.land_unconfirmed(entry(0), |_, _| {});
                return true;
            }
            Boarding::Follow(follower) => match follower.outcome().await {
                Followed::Value(_) => return true,
                Followed::StartOver => {}
                Followed::Error(_) | Followed::Inside => return false,
            },
            Boarding::Inside => return false,
        }
    }
}

#[test]
fn of_loads_that_need_each_other_exactly_one_is_refused() {
    explore(|| assert_eq!(ring(2, true), 1));
    explore(|| assert_eq!(ring(3, true), 1));
}

#[test]
#[should_panic(expected = "deadlock")]
fn loads_that_need_each_other_and_do_not_say_so_are_found() {
    explore(|| assert_eq!(ring(2, false), 0));
}

#[test]
fn a_load_is_waited_for_no_longer_when_its_caller_went_on() {
    check_random(
        || {
            let flights = Arc::new(Flights::new());
            let outer = lead(&flights, 1);
            let inner = inside(Load::of([&outer]), async { lead(&flights, 2) }).now_or_never().expect("it leads");
            let other = lead(&flights, 3);
            let mut waits = Box::pin(inside(Load::of([&inner]), follow(&flights, 3).outcome()));
            assert!(waits.as_mut().now_or_never().is_none(), "the inner load waits for the other one");
            let calls_outer = || inside(Load::of([&other]), follow(&flights, 1).outcome()).now_or_never();
            assert!(matches!(calls_outer(), Some(Followed::Inside)), "the other one needs what waits for it");
            inner.go_alone();
            assert!(calls_outer().is_none(), "the outer load does not wait for it any more");
            drop(waits);
            assert!(calls_outer().is_none(), "and nor does the inner one");
        },
        1,
    );
}
