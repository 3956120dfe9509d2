//! `stale`: a value past its lifetime is served at once, and one refresh runs behind it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use cachet_core::{
    Cachet, cached,
    testing::{Gate, LoadCounter},
};

use crate::{Runtime, eventually};

static BASIC: LoadCounter = LoadCounter::new();

#[cached(ttl = 60, stale = 30)]
async fn basic(name: &str) -> String {
    let _load = BASIC.load();
    format!("{name} {}", BASIC.count())
}

#[tokio::test]
async fn a_value_is_stale_from_the_end_of_its_lifetime_to_the_end_of_its_window() {
    let runtime = Runtime::new();
    runtime
        .run(async {
            assert_eq!(basic("a").await, "a 1");
            runtime.clock.advance(Duration::from_millis(59_999));
            assert!(!basic::fetch("a").await.is_stale(), "the last moment of its lifetime");
            runtime.clock.advance(Duration::from_millis(1));
            let served = basic::fetch("a").await;
            assert!(served.is_stale() && *served == "a 1", "stale, and served at once");
            assert_eq!(served.age(), Duration::from_mins(1));
            eventually("the refresh lands", async || basic("a").await == "a 2").await;
            assert_eq!(BASIC.count(), 2, "one refresh");
            runtime.clock.advance(Duration::from_millis(89_999));
            assert_eq!(basic("a").await, "a 2", "the last moment of the window");
            eventually("the refresh lands", async || basic("a").await == "a 3").await;
            runtime.seconds_later(90);
            assert_eq!(basic("a").await, "a 4", "past it a call waits for its load");
            let stats = basic::stats();
            assert_eq!((stats.refreshes, stats.dropped_refreshes), (2, 0), "{stats:?}");
            assert!(stats.stale >= 2, "{stats:?}");
        })
        .await;
}

static HELD: LoadCounter = LoadCounter::new();
static HOLD: Gate = Gate::closed();
static OPEN: AtomicBool = AtomicBool::new(true);

#[cached(ttl = 60, stale = 60)]
async fn held() -> usize {
    let _load = HELD.load();
    if !OPEN.load(Ordering::SeqCst) {
        HOLD.pass().await;
    }
    HELD.count()
}

#[tokio::test]
async fn a_thousand_stale_calls_begin_one_refresh_and_wait_for_none() {
    let runtime = Runtime::new();
    runtime
        .run(async {
            assert_eq!(held().await, 1);
            OPEN.store(false, Ordering::SeqCst);
            runtime.seconds_later(61);
            for _ in 0..1_000 {
                assert_eq!(held().await, 1, "served while the refresh is held");
            }
            HOLD.arrived(1).await;
            assert_eq!((HELD.count(), HELD.peak()), (2, 1));
            HOLD.open();
            eventually("the refresh lands", async || held().await == 2).await;
            assert_eq!((held::stats().refreshes, held::stats().stale >= 1_000), (1, true));
        })
        .await;
}

static GONE: LoadCounter = LoadCounter::new();
static PASS: Gate = Gate::closed();

#[cached(ttl = 60, stale = 60)]
async fn left() -> usize {
    let _load = GONE.load();
    if GONE.count() > 1 {
        PASS.pass().await;
    }
    GONE.count()
}

#[tokio::test]
async fn a_refresh_outlives_the_task_that_asked() {
    let runtime = Runtime::new();
    runtime.run(left()).await;
    runtime.seconds_later(61);
    let cachet = runtime.cachet.clone();
    tokio::spawn(async move { cachet.scope(left()).await }).await.expect("it is served and goes away");
    PASS.arrived(1).await;
    PASS.open();
    runtime.run(eventually("the refresh lands", async || left().await == 2)).await;
}

static NESTED: LoadCounter = LoadCounter::new();

#[cached(ttl = "1h")]
async fn inner() -> usize {
    let _load = NESTED.load();
    NESTED.count()
}

#[cached(ttl = 60, stale = 60)]
async fn outer() -> usize {
    inner().await
}

#[tokio::test]
async fn a_refreshed_body_is_in_its_callers_runtime() {
    let runtime = Runtime::new();
    runtime
        .run(async {
            outer().await;
            runtime.seconds_later(61);
            outer().await;
            eventually("the refresh ends", async || outer::stats().loads == 2).await;
            assert_eq!(inner::stats().memory_hits, 1, "the inner function's cache is that of the scope");
        })
        .await;
}

static SHUT: LoadCounter = LoadCounter::new();
static KEEP: Gate = Gate::closed();

#[cached(ttl = 60, stale = 600)]
async fn shut(id: u64) -> usize {
    let _load = SHUT.load();
    if id == 1 && SHUT.count() > 2 {
        KEEP.pass().await;
    }
    SHUT.count()
}

#[tokio::test]
async fn a_shutdown_waits_for_refreshes_or_ends_them_and_begins_none() {
    let runtime = Runtime::with(|builder| builder.drain(Duration::ZERO));
    runtime
        .run(async {
            shut(1).await;
            shut(2).await;
            runtime.seconds_later(61);
            shut(1).await;
            KEEP.arrived(1).await;
            runtime.cachet.shutdown().await;
            eventually("the refresh was ended", async || SHUT.running() == 0).await;
            let (served, before) = (shut(2).await, SHUT.count());
            tokio::task::yield_now().await;
            assert_eq!((served, SHUT.count()), (2, before), "served stale, and no refresh begins");
            assert_eq!(shut::stats().dropped_refreshes, 1);
            runtime.seconds_later(700);
            assert_eq!(shut(2).await, before + 1, "calls go on, and load");
        })
        .await;
}

static FAILS: LoadCounter = LoadCounter::new();

#[cached(ttl = 60, stale = 600)]
async fn failing() -> Result<usize, String> {
    let _load = FAILS.load();
    if FAILS.count() == 1 { Ok(1) } else { Err("down".into()) }
}

#[tokio::test]
async fn a_refresh_that_fails_leaves_the_value_and_the_source_alone() {
    let runtime = Runtime::with(|builder| builder.throttle(Duration::from_secs(10)));
    runtime
        .run(async {
            assert_eq!(failing().await, Ok(1));
            runtime.seconds_later(61);
            assert_eq!(failing().await, Ok(1));
            eventually("the refresh fails", async || failing::stats().load_errors == 1).await;
            runtime.clock.advance(Duration::from_millis(9_999));
            for _ in 0..100 {
                assert_eq!(failing().await, Ok(1));
                tokio::task::yield_now().await;
            }
            assert_eq!(FAILS.count(), 2, "the source is left alone");
            runtime.clock.advance(Duration::from_millis(1));
            assert_eq!(failing().await, Ok(1));
            eventually("it is asked again", async || failing::stats().load_errors == 2).await;
            runtime.seconds_later(600);
            assert_eq!(failing().await, Err("down".into()), "past the window the error reaches its caller");
        })
        .await;
}

static LOST: LoadCounter = LoadCounter::new();
static NEVER: Gate = Gate::closed();

#[cached(ttl = 60, stale = 600)]
async fn lost() -> usize {
    let _load = LOST.load();
    if LOST.count() == 2 {
        NEVER.pass().await;
    }
    LOST.count()
}

#[tokio::test]
async fn a_refresh_that_ends_with_its_tokio_runtime_is_begun_again() {
    let runtime = Runtime::new();
    runtime.run(lost()).await;
    runtime.seconds_later(61);
    let cachet = runtime.cachet.clone();
    std::thread::spawn(move || {
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let tokio = tokio.expect("a runtime is built");
        tokio.block_on(async {
            cachet.scope(lost()).await;
            NEVER.arrived(1).await;
        });
        tokio.shutdown_background();
    })
    .join()
    .expect("the other runtime ends");
    runtime.run(eventually("another refresh lands", async || lost().await == 3)).await;
}

#[cached(ttl = 60, stale = 600, negative_ttl = 60, error_ttl = 60)]
async fn nothing(of: u8) -> Result<Option<u8>, String> {
    if of == 0 { Ok(None) } else { Err("no".into()) }
}

#[tokio::test]
async fn what_says_that_there_is_nothing_is_never_stale() {
    let runtime = Runtime::new();
    runtime
        .run(async {
            for of in [0, 1] {
                let _ = nothing(of).await;
                runtime.clock.advance(Duration::from_millis(59_999));
                let _ = nothing(of).await;
                assert_eq!(nothing::stats().loads, u64::from(of) * 2 + 1, "it is kept");
                runtime.clock.advance(Duration::from_millis(1));
                let _ = nothing(of).await;
                assert_eq!(nothing::stats().loads, u64::from(of) * 2 + 2, "and no longer");
            }
            assert_eq!((nothing::stats().stale, nothing::stats().refreshes), (0, 0));
        })
        .await;
}

#[cached(ttl = 60, stale = 600, memory_ttl = 30)]
async fn short() -> u64 {
    1
}

#[cached(ttl = 60, stale = 600, when = |value| *value > 1, ttl_of = |value| Duration::from_secs(*value))]
async fn by_value(value: u64) -> u64 {
    value
}

#[tokio::test]
async fn the_other_lifetimes_hold_beside_it() {
    let runtime = Runtime::new();
    runtime
        .run(async {
            short().await;
            runtime.seconds_later(30);
            short().await;
            assert_eq!((short::stats().loads, short::stats().stale), (2, 0), "memory_ttl ends staleness too");
            by_value(1).await;
            by_value(1).await;
            assert_eq!(by_value::stats().loads, 2, "what `when` refuses is not kept, and so never stale");
            by_value(10).await;
            runtime.seconds_later(10);
            assert!(by_value::fetch(10).await.is_stale(), "`ttl_of` says where staleness begins");
        })
        .await;
}

#[tokio::test]
async fn an_invalidated_value_is_not_stale() {
    let runtime = Runtime::new();
    runtime
        .run(async {
            for invalidate in 0..4 {
                let before = tagged(7).await;
                runtime.seconds_later(61);
                match invalidate {
                    0 => drop(tagged::invalidate(7).await),
                    1 => drop(cachet_core::invalidate_tag("seven").await),
                    2 => drop(tagged::clear().await),
                    _ => drop(Cachet::current().clear().await),
                }
                assert_eq!(tagged(7).await, before + 1, "a call waits for its load ({invalidate})");
            }
            assert_eq!(tagged::stats().stale, 0);
        })
        .await;
}

static TAGGED: LoadCounter = LoadCounter::new();

#[cached(ttl = 60, stale = 600, tags = ["seven"])]
async fn tagged(id: u64) -> usize {
    let _load = TAGGED.load();
    TAGGED.count() + usize::try_from(id).unwrap_or_default()
}
