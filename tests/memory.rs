//! What a user can observe of the memory tier and of flights, through the attribute alone.
#![allow(clippy::unused_async, reason = "a loader of a test need not wait for anything")]

use std::{
    future::{pending, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use cachet_core::{CacheKey, Cachet, Engine, Origin, cached, invalidate_tag, testing::ManualClock};
use tokio::sync::{Barrier, Notify};

/// A runtime of the test's own, in which time stands still, for each engine.
fn runtimes() -> impl Iterator<Item = (Cachet, ManualClock)> {
    [Engine::QuickCache, Engine::MiniMoka].into_iter().map(|engine| {
        let clock = ManualClock::new();
        let runtime = Cachet::builder().memory_only().engine(engine).clock(&clock).build().expect("it is valid");
        (runtime, clock)
    })
}

fn runtime() -> (Cachet, ManualClock) {
    runtimes().next().expect("there are engines")
}

#[cached(ttl = 60)]
async fn square(n: u64) -> u64 {
    n * n
}

#[tokio::test]
async fn a_value_is_loaded_once_until_its_ttl_is_over() {
    for (runtime, clock) in runtimes() {
        runtime
            .scope(async {
                assert_eq!(square(3).await, 9);
                clock.advance(Duration::from_secs(59));
                assert_eq!(square(3).await, 9);
                assert_eq!((square::stats().loads, square::stats().memory_hits), (1, 1));
                clock.advance(Duration::from_secs(1));
                assert_eq!(square(3).await, 9);
                assert_eq!(square::stats().loads, 2, "a value of exactly its TTL is expired");
            })
            .await;
    }
}

#[tokio::test]
async fn the_controls_invalidate_put_peek_refresh_and_clear() {
    for (runtime, clock) in runtimes() {
        runtime
            .scope(async {
                assert!(square::peek(2).await.is_none());
                assert!(square::put(2, 5).await.is_done());
                assert_eq!(square::peek(2).await.map(cachet_core::Cached::into_inner), Some(5));
                assert_eq!(square(2).await, 5, "what was put is served");
                assert_eq!(square::refresh(2).await, 4, "a refresh loads");
                assert_eq!(square(2).await, 4);
                assert!(square::invalidate(2).await.is_done());
                assert!(square::peek(2).await.is_none());
                square(2).await;
                square(3).await;
                assert!(square::clear().await.is_done());
                assert!(square::peek(2).await.is_none() && square::peek(3).await.is_none());
                clock.advance(Duration::from_secs(1));
            })
            .await;
    }
}

#[tokio::test]
async fn fetch_tells_age_lifetime_origin_and_validator() {
    let (runtime, clock) = runtime();
    runtime
        .scope(async {
            let loaded = square::fetch(7).await;
            assert_eq!((loaded.origin(), loaded.age(), *loaded), (Origin::Loaded, Duration::ZERO, 49));
            clock.advance(Duration::from_secs(10));
            let hit = square::fetch(7).await;
            assert!(hit.is_hit());
            assert_eq!(hit.origin(), Origin::Memory);
            assert_eq!((hit.age().as_secs(), hit.remaining().as_secs()), (10, 50));
            assert_eq!(hit.validator(), loaded.validator());
            assert_eq!(hit.validator(), cachet_core::Validator::of(&49_u64));
        })
        .await;
}

#[derive(Clone, Debug, PartialEq)]
struct NotSerializable(u32);

#[cached(ttl = 60)]
async fn plain_struct(n: u32) -> NotSerializable {
    NotSerializable(n)
}

#[tokio::test]
async fn a_value_that_serde_does_not_know_is_cached_without_a_validator() {
    let (runtime, _) = runtime();
    runtime
        .scope(async {
            assert_eq!(plain_struct::fetch(1).await.validator(), None);
            assert!(plain_struct::fetch(1).await.is_hit());
        })
        .await;
}

#[cached(ttl = 60, capacity = 100)]
async fn bounded(n: u64) -> u64 {
    n
}

#[tokio::test]
async fn memory_holds_no_more_than_its_capacity() {
    let (runtime, _) = runtime();
    runtime
        .scope(async {
            for n in 0..1000 {
                bounded(n).await;
            }
            let stats = bounded::stats();
            assert!(stats.entries <= 100, "{stats:?}");
            assert!(stats.evictions >= 900, "{stats:?}");
            for n in 0..1000 {
                square::put(n, n).await;
                square::refresh(n).await;
            }
            assert_eq!((square::stats().entries, square::stats().evictions), (1000, 0), "a successor evicts nothing");
        })
        .await;
}

type Alias<T> = Result<Option<T>, String>;

#[cached(ttl = 60)]
async fn maybe(found: bool) -> Alias<u32> {
    Ok(found.then_some(1))
}

#[cached(ttl = 60, negative_ttl = 5)]
async fn maybe_not(found: bool) -> Option<u32> {
    found.then_some(1)
}

#[cached(ttl = 60)]
async fn failing(fails: bool) -> Result<u32, String> {
    if fails { Err("no".into()) } else { Ok(1) }
}

#[tokio::test]
async fn neither_errors_nor_absent_values_are_kept_unless_asked_for() {
    let (runtime, clock) = runtime();
    runtime
        .scope(async {
            for _ in 0..2 {
                assert_eq!(maybe(false).await, Ok(None));
                assert_eq!(maybe(true).await, Ok(Some(1)));
                assert_eq!(failing(true).await, Err("no".into()));
                assert_eq!(maybe_not(false).await, None);
            }
            assert_eq!(maybe::stats().loads, 3, "an alias of a result over an option is understood");
            assert_eq!((failing::stats().loads, failing::stats().load_errors), (2, 2));
            assert_eq!(maybe_not::stats().loads, 1);
            assert!(failing::fetch(false).await.is_ok_and(|cached| *cached == 1));
            clock.advance(Duration::from_secs(5));
            assert_eq!(maybe_not(false).await, None);
            assert_eq!(maybe_not::stats().loads, 2);
        })
        .await;
}

#[derive(CacheKey)]
struct Listing<'a> {
    category: Option<&'a str>,
    page: u32,
    #[cache_key(skip)]
    trace: u64,
}

#[cached(ttl = 60, tags = ["listings", "page:{listing.page}"])]
async fn listing(listing: Listing<'_>) -> String {
    format!("{:?} {} {}", listing.category, listing.page, listing.trace)
}

fn page(page: u32, trace: u64) -> Listing<'static> {
    Listing { category: Some("tea"), page, trace }
}

#[tokio::test]
async fn a_derived_key_leaves_skipped_fields_out() {
    let (runtime, _) = runtime();
    runtime
        .scope(async {
            let first = listing(page(1, 7)).await;
            assert_eq!(listing(page(1, 8)).await, first);
            assert_ne!(listing(page(2, 7)).await, first);
            assert_ne!(listing(Listing { category: None, page: 1, trace: 7 }).await, first);
        })
        .await;
}

#[tokio::test]
async fn a_tag_outdates_what_carries_it_and_nothing_else() {
    let (runtime, _) = runtime();
    runtime
        .scope(async {
            let (one, two) = (listing(page(1, 1)).await, listing(page(2, 1)).await);
            assert!(invalidate_tag("page:1").await.is_done());
            assert_ne!(listing(page(1, 2)).await, one);
            assert_eq!(listing(page(2, 2)).await, two);
            assert!(invalidate_tag("listings").await.is_done());
            assert_ne!(listing(page(2, 3)).await, two);
        })
        .await;
}

#[cached(ttl = 60, key = "{user}:{lang}", skip(secret))]
async fn greeting(user: u64, lang: &str, secret: NotSerializable) -> String {
    format!("{user} {lang} {}", secret.0)
}

#[tokio::test]
async fn a_template_names_what_makes_the_key() {
    let (runtime, _) = runtime();
    runtime
        .scope(async {
            assert_eq!(greeting(1, "en", NotSerializable(1)).await, "1 en 1");
            assert_eq!(greeting(1, "en", NotSerializable(2)).await, "1 en 1");
            assert_eq!(greeting(1, "de", NotSerializable(3)).await, "1 de 3");
            assert!(greeting::invalidate(1, "en").await.is_done());
            assert_eq!(greeting(1, "en", NotSerializable(4)).await, "1 en 4");
        })
        .await;
}

#[cached(ttl = 60)]
fn blocking(n: u64) -> u64 {
    n + 1
}

#[test]
fn a_plain_function_needs_no_runtime_and_loads_once_for_many_threads() {
    let (runtime, _) = runtime();
    let together = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                runtime.scope_blocking(|| {
                    together.wait();
                    assert_eq!(blocking(1), 2);
                });
            });
        }
    });
    runtime.scope_blocking(|| {
        assert_eq!(blocking::stats().loads, 1);
        assert!(blocking::fetch(1).is_hit());
        assert!(blocking::invalidate(1).is_done());
        assert!(blocking::peek(1).is_none());
    });
}

/// Polls a future once, which has to be pending then.
async fn poll_once(future: std::pin::Pin<&mut impl Future>) {
    let mut future = future;
    poll_fn(|context| {
        assert!(future.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[cached(ttl = 60, skip(gate))]
async fn gated(key: &str, gate: Arc<Notify>) -> String {
    gate.notified().await;
    key.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_callers_of_a_cold_key_make_one_load() {
    let (runtime, _) = runtime();
    let (gate, together) = (Arc::new(Notify::new()), Arc::new(Barrier::new(200)));
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let (runtime, gate, together) = (runtime.clone(), gate.clone(), together.clone());
            tokio::spawn(async move {
                together.wait().await;
                runtime.scope(gated("cold", gate)).await
            })
        })
        .collect();
    gate.notify_one();
    for caller in callers {
        assert_eq!(caller.await.expect("no caller panics"), "cold");
    }
    let stats = runtime.scope(async { gated::stats() }).await;
    assert_eq!(stats.loads, 1, "{stats:?}");
}

#[tokio::test]
async fn a_cancelled_leader_hands_over_to_a_follower() {
    let (runtime, _) = runtime();
    runtime
        .scope(async {
            let (stuck, open) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let mut follower = pin!(gated("handed over", open.clone()));
            {
                let mut leader = pin!(gated("handed over", stuck));
                poll_once(leader.as_mut()).await;
                poll_once(follower.as_mut()).await;
                assert_eq!(gated::stats().followers, 1);
                // The client goes away: the leader is dropped here.
            }
            open.notify_one();
            assert_eq!(follower.await, "handed over");
            assert_eq!(gated::stats().loads, 1, "the cancelled load never came to its end");
        })
        .await;
}

#[cached(ttl = 60, skip(panics, gate))]
async fn panicking(key: u8, panics: bool, gate: Arc<Notify>) -> u8 {
    gate.notified().await;
    assert!(!panics, "as the test wants");
    key
}

#[tokio::test]
async fn a_panicking_leader_strands_nobody() {
    let (runtime, _) = runtime();
    let gate = Arc::new(Notify::new());
    let leader = {
        let (runtime, gate) = (runtime.clone(), gate.clone());
        tokio::spawn(async move { runtime.scope(panicking(1, true, gate)).await })
    };
    runtime
        .scope(async {
            while panicking::stats().misses == 0 {
                tokio::task::yield_now().await;
            }
            let mut follower = pin!(panicking(1, false, gate.clone()));
            poll_once(follower.as_mut()).await;
            gate.notify_one();
            assert!(leader.await.is_err_and(|error| error.is_panic()), "the panic reaches the leader");
            gate.notify_one();
            assert_eq!(follower.await, 1);
        })
        .await;
}

/// Who: a slow load, an invalidation, a later caller. When: the load read the old row before the invalidation. What stops
/// it: the invalidation takes the flight out of the table, so that the load is not stored and nobody joins it any more.
#[tokio::test]
async fn a_load_that_began_before_an_invalidation_is_neither_kept_nor_joined() {
    static ROW: AtomicUsize = AtomicUsize::new(1);

    #[cached(ttl = 60, skip(gate), tags = ["rows"])]
    async fn row(id: u8, gate: Arc<Notify>) -> usize {
        let _ = id;
        let read = ROW.load(Ordering::SeqCst);
        gate.notified().await;
        read
    }

    let (runtime, _) = runtime();
    runtime
        .scope(async {
            for (round, by) in ["key", "tag", "function", "put"].into_iter().enumerate() {
                ROW.store(1, Ordering::SeqCst);
                let id = u8::try_from(round).expect("few rounds");
                let (slow, fast) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
                let mut before = pin!(row(id, slow.clone()));
                poll_once(before.as_mut()).await;
                ROW.store(2, Ordering::SeqCst);
                let invalidated = match by {
                    "key" => row::invalidate(id).await,
                    "tag" => invalidate_tag("rows").await,
                    "function" => row::clear().await,
                    _ => row::put(id, 2).await,
                };
                assert!(invalidated.is_done());
                fast.notify_one();
                assert_eq!(row(id, fast.clone()).await, 2, "a later caller does not join, by {by}");
                slow.notify_one();
                assert_eq!(before.await, 1, "who came before may have the old value");
                assert_eq!(row::peek(id).await.map(|cached| *cached), Some(2), "the late fill is dropped, by {by}");
            }
        })
        .await;
}

#[derive(Debug, PartialEq)]
struct Uncloneable;

#[cached(ttl = 60, skip(gate))]
async fn shares_errors(key: u8, gate: Arc<Notify>) -> Result<u8, String> {
    gate.notified().await;
    Err(format!("{key}"))
}

#[cached(ttl = 60, skip(gate))]
async fn keeps_errors(key: u8, gate: Arc<Notify>) -> Result<u8, Uncloneable> {
    gate.notified().await;
    let _ = key;
    Err(Uncloneable)
}

#[tokio::test]
async fn an_error_is_shared_where_it_can_be_cloned() {
    let (runtime, _) = runtime();
    runtime
        .scope(async {
            let gate = Arc::new(Notify::new());
            let mut both = pin!(async { tokio::join!(shares_errors(1, gate.clone()), shares_errors(1, gate.clone())) });
            poll_once(both.as_mut()).await;
            gate.notify_one();
            assert_eq!(both.await, (Err("1".into()), Err("1".into())));
            assert_eq!(shares_errors::stats().loads, 1);

            let mut both = pin!(async { tokio::join!(keeps_errors(1, gate.clone()), keeps_errors(1, gate.clone())) });
            poll_once(both.as_mut()).await;
            gate.notify_one();
            poll_once(both.as_mut()).await;
            gate.notify_one();
            assert_eq!(both.await, (Err(Uncloneable), Err(Uncloneable)));
            assert_eq!(keeps_errors::stats().loads, 2, "each tries in turn");
        })
        .await;
}

#[cached(ttl = 60)]
async fn endless() -> u8 {
    pending().await
}

#[tokio::test]
async fn two_runtimes_in_one_process_share_nothing() {
    let ((one, _), (other, _)) = (runtime(), runtime());
    one.scope(square::put(1, 100)).await;
    assert_eq!(other.scope(square(1)).await, 1);
    assert_eq!(one.scope(square(1)).await, 100);
    drop(one.scope(endless()));
}
