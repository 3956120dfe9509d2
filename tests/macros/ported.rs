//! Ten functions of the kinds that users of the `cached` crate have, as they look here.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use cachet_core::{CacheKey, cached};

use crate::{alone, runtime};

/// 1: a plain function that memoizes itself. There: unbounded and for ever; here an end is required.
#[cached(ttl = "1d", capacity = 1_000)]
fn ways_up(stairs: u32) -> u64 {
    match stairs {
        0 | 1 => 1,
        n => ways_up(n - 1) + ways_up(n - 2),
    }
}

#[test]
fn a_memoized_recursion() {
    runtime().0.scope_blocking(|| {
        assert_eq!(ways_up(50), 20_365_011_074);
        assert_eq!(ways_up::stats().loads, 51);
    });
}

/// 2: an async function with a TTL. There `ttl_secs = 30`.
#[cached(ttl = 30)]
async fn weather(city: String) -> String {
    format!("sunny in {city}")
}

#[tokio::test]
async fn an_async_function_with_a_ttl() {
    let (runtime, clock) = runtime();
    runtime
        .scope(async {
            weather("Graz".into()).await;
            clock.advance(Duration::from_secs(30));
            weather("Graz".into()).await;
            assert_eq!(weather::stats().loads, 2);
        })
        .await;
}

/// 3: a result whose errors are not kept. The default on both sides.
#[cached(ttl = 60)]
fn parsed(text: &str) -> Result<i32, std::num::ParseIntError> {
    text.parse()
}

#[test]
fn a_result_without_its_errors() {
    runtime().0.scope_blocking(|| {
        assert!(parsed("x").is_err() && parsed("x").is_err());
        assert_eq!((parsed("1"), parsed("1")), (Ok(1), Ok(1)));
        assert_eq!(parsed::stats().loads, 3);
    });
}

/// 4: an option whose `None` is kept as well. There `cache_none`; here it has its own time.
#[cached(ttl = 60, negative_ttl = 60)]
async fn nickname(user: u64) -> Option<String> {
    (user == 1).then(|| "Al".into())
}

#[tokio::test]
async fn an_option_with_its_none() {
    alone(async {
        assert_eq!((nickname(2).await, nickname(2).await), (None, None));
        assert_eq!(nickname::stats().loads, 1);
    })
    .await;
}

/// 5: borrowed arguments under a converted key. There `key = "String", convert = …`; here nothing is converted.
#[cached(ttl = 60)]
fn joined(left: &str, right: &str) -> String {
    format!("{left}-{right}")
}

#[test]
fn borrowed_arguments_without_a_conversion() {
    runtime().0.scope_blocking(|| {
        assert_eq!((joined("a", "b"), joined("a", "b")), ("a-b".into(), "a-b".into()));
        assert_eq!(joined::stats().loads, 1);
    });
}

/// 6: a key of a part of the arguments. There a block in `convert`; here a template or an expression.
#[cached(ttl = 60, key = "{path.len()}/{depth}")]
fn indent(path: &str, depth: usize, colour: bool) -> String {
    let _ = colour;
    " ".repeat(path.len() * depth)
}

#[test]
fn a_key_of_a_part_of_the_arguments() {
    runtime().0.scope_blocking(|| {
        assert_eq!(indent("ab", 2, true), indent("xy", 2, false));
        assert_eq!(indent::stats().loads, 1);
    });
}

/// 7: a bounded cache. There `max_size = 2`, least recently used first; here the engine chooses whom it evicts.
#[cached(ttl = 60, capacity = 2)]
fn bounded(n: u64) -> u64 {
    n
}

#[test]
fn a_bounded_cache() {
    runtime().0.scope_blocking(|| {
        for n in 0..10 {
            bounded(n);
        }
        assert!(bounded::stats().entries <= 2, "{:?}", bounded::stats());
    });
}

/// 8: a method. There `in_impl = true` and `&self` is not part of the key; here it is unless it is skipped.
struct Mailer {
    sent: AtomicUsize,
}

impl Mailer {
    #[cached(ttl = 60, skip(self))]
    pub(super) fn template(&self, name: &str) -> String {
        self.sent.fetch_add(1, Ordering::Relaxed);
        format!("Dear {name}")
    }
}

#[test]
fn a_method() {
    runtime().0.scope_blocking(|| {
        let mailer = Mailer { sent: AtomicUsize::new(0) };
        assert_eq!(mailer.template("Al"), mailer.template("Al"));
        assert_eq!(mailer.sent.load(Ordering::Relaxed), 1);
        assert_eq!(Mailer::template_cache().stats().memory_hits, 1);
    });
}

/// 9: a generic function. There the key and the value must be of fixed types; here each instance has its own cache.
#[cached(ttl = 60)]
fn largest<T: CacheKey + Ord + Copy + Send + Sync + 'static>(items: Vec<T>) -> Option<T> {
    items.into_iter().max()
}

#[test]
fn a_generic_function() {
    runtime().0.scope_blocking(|| {
        assert_eq!((largest(vec![1, 3, 2]), largest(vec!['a', 'b'])), (Some(3), Some('b')));
        assert_eq!(largest(vec![1, 3, 2]), Some(3));
        assert_eq!(largest::<i32>::stats().memory_hits, 1);
    });
}

/// 10: one load for many callers at once. There `sync_writes`; here always. And what was primed there is refreshed here.
#[cached(ttl = 60)]
async fn report(year: u16) -> Result<String, String> {
    tokio::task::yield_now().await;
    Ok(format!("report of {year}"))
}

#[tokio::test]
async fn one_load_for_many_callers_and_priming() {
    alone(async {
        let (one, two, three) = tokio::join!(report(2024), report(2024), report(2024));
        assert!(one == two && two == three);
        assert_eq!(report::stats().loads, 1);
        assert_eq!(report::refresh(2024).await, one);
        assert_eq!(report::stats().loads, 2);
    })
    .await;
}
