//! `early`: a fresh value is refreshed behind a call, with a probability that grows towards its end.

use std::{thread, time::Duration};

use cachet_core::{cached, testing::LoadCounter};

use crate::{Runtime, eventually};

const BETA: f64 = 2.0;

#[cached(ttl = 60, early = 2.0)]
async fn taking(id: u64) -> u64 {
    thread::sleep(Duration::from_millis(20)); // what its load time is measured as
    id
}

/// A runtime that was shut down drops refreshes, and counts them: a draw for each call.
#[tokio::test]
async fn the_probability_is_that_of_the_paper() {
    const CALLS: u32 = 20_000;
    let runtime = Runtime::new();
    runtime
        .run(async {
            runtime.cachet.shutdown().await;
            for wanted in [0.05, 0.3, 0.8] {
                taking::clear().await;
                let before = taking::stats();
                taking(1).await;
                let load_time = taking::stats().load_time.saturating_sub(before.load_time);
                let left = load_time.mul_f64(-f64::ln(wanted) * BETA);
                runtime.clock.advance(Duration::from_mins(1).saturating_sub(left));
                for _ in 0..CALLS {
                    taking(1).await;
                }
                let drawn = taking::stats().dropped_refreshes - before.dropped_refreshes;
                let (expected, deviation) =
                    (f64::from(CALLS) * wanted, (f64::from(CALLS) * wanted * (1.0 - wanted)).sqrt());
                let drawn = f64::from(u32::try_from(drawn).expect("no more than there are calls"));
                assert!(
                    (drawn - expected).abs() < 5.0 * deviation + 0.005 * f64::from(CALLS),
                    "{drawn} of {CALLS} calls, where {expected} are expected, give or take {deviation}"
                );
                assert_eq!(taking::stats().loads - before.loads, 1);
                runtime.seconds_later(120);
            }
        })
        .await;
}

static ONCE: LoadCounter = LoadCounter::new();

#[cached(ttl = 60, early = 100.0)]
async fn once() -> usize {
    let _load = ONCE.load();
    thread::sleep(Duration::from_millis(20));
    ONCE.count()
}

#[tokio::test]
async fn one_refresh_runs_behind_the_calls_and_the_value_was_never_stale() {
    let runtime = Runtime::new();
    runtime
        .run(async {
            assert_eq!(once().await, 1);
            runtime.clock.advance(Duration::from_millis(59_999));
            eventually("a refresh lands before the end", async || once().await == 2).await;
            assert_eq!((once::stats().stale, once::stats().refreshes, once::stats().misses), (0, 1, 1));
            assert!(once::fetch().await.remaining() > Duration::from_secs(59), "its lifetime begins anew");
        })
        .await;
}

#[cached(ttl = 60, early = 100.0)]
async fn given(id: u64) -> u64 {
    id
}

#[tokio::test]
async fn a_value_that_no_load_gave_is_not_refreshed_early() {
    let runtime = Runtime::new();
    runtime
        .run(async {
            given::put(1, 1).await;
            runtime.clock.advance(Duration::from_millis(59_999));
            for _ in 0..1_000 {
                given(1).await;
            }
            assert_eq!((given::stats().refreshes, given::stats().memory_hits), (0, 1_000));
        })
        .await;
}

static FAILING: LoadCounter = LoadCounter::new();

#[cached(ttl = 60, early = 100.0, error_ttl = 30)]
async fn failing() -> Result<usize, String> {
    let _load = FAILING.load();
    thread::sleep(Duration::from_millis(20));
    if FAILING.count() > 1 { Err("down".into()) } else { Ok(FAILING.count()) }
}

#[tokio::test]
async fn an_early_refresh_that_fails_leaves_the_fresh_value() {
    let runtime = Runtime::with(|builder| builder.throttle(Duration::from_millis(1)));
    runtime
        .run(async {
            assert_eq!(failing().await, Ok(1));
            runtime.clock.advance(Duration::from_secs(59));
            eventually("a refresh fails", async || {
                assert_eq!(failing().await, Ok(1), "it is fresh");
                failing::stats().load_errors > 0
            })
            .await;
            runtime.clock.advance(Duration::from_millis(500));
            for _ in 0..100 {
                assert_eq!(failing().await, Ok(1), "it is fresh");
                tokio::task::yield_now().await;
            }
            assert_eq!(failing::stats().misses, 1, "and asked for by nobody");
        })
        .await;
}
