//! `stale_if_error`: a value past its lifetime stands in for a source that fails.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use cachet_core::{
    Origin, cached,
    testing::{Gate, LoadCounter},
};

use crate::Runtime;

static LOADS: LoadCounter = LoadCounter::new();
static DOWN: AtomicBool = AtomicBool::new(false);

#[cached(ttl = 60, stale_if_error = 600)]
async fn rates() -> Result<usize, String> {
    let _load = LOADS.load();
    if DOWN.load(Ordering::SeqCst) { Err("down".into()) } else { Ok(LOADS.count()) }
}

#[tokio::test]
async fn a_failed_load_is_answered_with_the_stale_value_and_the_source_left_alone() {
    let runtime = Runtime::with(|builder| builder.throttle(Duration::from_secs(10)));
    runtime
        .run(async {
            assert_eq!(rates().await, Ok(1));
            runtime.seconds_later(60);
            assert_eq!(rates().await, Ok(2), "a source that answers is asked: nothing is served stale");
            DOWN.store(true, Ordering::SeqCst);
            runtime.seconds_later(60);
            let served = rates::fetch().await.expect("the stale value");
            assert!(*served == 2 && served.is_stale() && served.origin() == Origin::Memory);
            assert_eq!((rates::stats().stale, rates::stats().load_errors), (1, 1));
            runtime.clock.advance(Duration::from_millis(9_999));
            assert_eq!((rates().await, LOADS.count()), (Ok(2), 3), "left alone");
            runtime.clock.advance(Duration::from_millis(1));
            assert_eq!((rates().await, LOADS.count()), (Ok(2), 4), "asked again");
            runtime.clock.advance(Duration::from_millis(589_999));
            assert_eq!(rates().await, Ok(2), "the last moment of the window");
            runtime.clock.advance(Duration::from_millis(1));
            assert_eq!(rates().await, Err("down".into()), "the first after it");
            DOWN.store(false, Ordering::SeqCst);
            assert!(rates().await.is_ok_and(|loads| loads > 4), "an error is not kept");
        })
        .await;
}

static HELD: LoadCounter = LoadCounter::new();
static GATE: Gate = Gate::closed();

#[cached(ttl = 60, stale_if_error = 600)]
async fn held() -> Result<usize, String> {
    let _load = HELD.load();
    if HELD.count() == 1 {
        return Ok(1);
    }
    GATE.pass().await;
    Err("down".into())
}

#[tokio::test]
async fn followers_are_given_the_stale_value_too() {
    let runtime = Runtime::new();
    runtime
        .run(async {
            assert_eq!(held().await, Ok(1));
            runtime.seconds_later(60);
            let open = async {
                GATE.arrived(1).await;
                GATE.open();
            };
            let (one, other, ()) = tokio::join!(held(), held(), open);
            assert_eq!((one, other, HELD.count()), (Ok(1), Ok(1), 2));
        })
        .await;
}

static MEANWHILE: LoadCounter = LoadCounter::new();
static PASS: Gate = Gate::closed();

#[cached(ttl = 60, stale_if_error = 600, tags = ["meanwhile"])]
async fn meanwhile(key: u8) -> Result<usize, String> {
    let _load = MEANWHILE.load();
    if MEANWHILE.count() % 2 == 1 {
        return Ok(usize::from(key));
    }
    PASS.pass().await;
    Err("down".into())
}

#[tokio::test]
async fn what_is_invalidated_during_the_load_is_not_served() {
    let runtime = Runtime::new();
    runtime
        .run(async {
            for (key, arrivals) in [(1, 1), (2, 2), (3, 3)] {
                assert_eq!(meanwhile(key).await, Ok(usize::from(key)));
                runtime.seconds_later(60);
                let invalidate = async {
                    PASS.arrived(arrivals).await;
                    match key {
                        1 => drop(meanwhile::invalidate(key).await),
                        2 => drop(cachet_core::invalidate_tag("meanwhile").await),
                        _ => drop(meanwhile::clear().await),
                    }
                    PASS.admit(1);
                };
                let (failed, ()) = tokio::join!(meanwhile(key), invalidate);
                assert_eq!(failed, Err("down".into()), "its own error, {key}");
            }
            assert_eq!(meanwhile::stats().stale, 0);
        })
        .await;
}

static KEPT: LoadCounter = LoadCounter::new();

#[cached(ttl = 60, stale_if_error = 60, error_ttl = 30)]
async fn kept() -> Result<usize, String> {
    let _load = KEPT.load();
    if KEPT.count() == 1 { Ok(1) } else { Err("down".into()) }
}

#[tokio::test]
async fn an_error_is_kept_only_where_there_is_nothing_stale_to_serve() {
    let runtime = Runtime::with(|builder| builder.throttle(Duration::ZERO));
    runtime
        .run(async {
            assert_eq!(kept().await, Ok(1));
            runtime.seconds_later(61);
            assert_eq!((kept().await, kept().await, KEPT.count()), (Ok(1), Ok(1), 3), "asked at every call");
            runtime.seconds_later(60);
            let failed = || Err("down".to_owned());
            assert_eq!((kept().await, kept().await, KEPT.count()), (failed(), failed(), 4), "kept for `error_ttl`");
        })
        .await;
}

#[cached(ttl = 60, stale = 10, stale_if_error = 600)]
async fn both() -> Result<usize, String> {
    let _load = BOTH.load();
    if BOTH.count() == 1 { Ok(1) } else { Err("down".into()) }
}

static BOTH: LoadCounter = LoadCounter::new();

#[tokio::test]
async fn with_both_windows_a_call_waits_past_the_first_and_is_served_to_the_end_of_the_second() {
    let runtime = Runtime::with(|builder| builder.throttle(Duration::ZERO));
    runtime
        .run(async {
            assert_eq!(both().await, Ok(1));
            runtime.clock.advance(Duration::from_millis(69_999));
            assert_eq!((both().await, both::stats().misses), (Ok(1), 1), "served at once");
            runtime.cachet.shutdown().await;
            runtime.clock.advance(Duration::from_millis(1));
            let misses = both::stats().misses;
            assert_eq!((both().await, both::stats().misses), (Ok(1), misses + 1), "served after its load failed");
            runtime.seconds_later(590);
            assert!(both().await.is_err());
        })
        .await;
}
