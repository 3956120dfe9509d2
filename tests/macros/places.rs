//! Where a function may stand, and what is kept of how it was written.

use cachet_core::cached;

use crate::{alone, runtime};

#[cached(ttl = 60)]
fn plain(n: u64) -> u64 {
    n + 1
}

#[test]
fn a_plain_function_is_cached_without_an_executor() {
    runtime().0.scope_blocking(|| {
        assert_eq!((plain(1), plain(1)), (2, 2));
        assert_eq!((plain::stats().loads, plain::stats().memory_hits), (1, 1));
    });
}

mod north {
    #[cachet_core::cached(ttl = 60)]
    pub(super) async fn capital(n: u64) -> String {
        format!("north {n}")
    }
}

mod south {
    #[cachet_core::cached(ttl = 60)]
    pub(super) async fn capital(n: u64) -> String {
        format!("south {n}")
    }
}

#[tokio::test]
async fn two_functions_of_one_name_in_two_modules_share_nothing() {
    alone(async {
        assert_eq!(north::capital(1).await, "north 1");
        assert_eq!(south::capital(1).await, "south 1");
        north::capital::clear().await;
        assert!(north::capital::peek(1).await.is_none());
        assert!(south::capital::peek(1).await.is_some(), "another function's clear leaves it alone");
    })
    .await;
}

async fn first(n: u64) -> u64 {
    #[cached(ttl = 60)]
    async fn inner(n: u64) -> u64 {
        n + 1
    }
    inner(n).await
}

async fn second(n: u64) -> u64 {
    #[cached(ttl = 60)]
    async fn inner(n: u64) -> u64 {
        n + 2
    }
    inner(n).await
}

#[tokio::test]
async fn nested_functions_of_one_name_share_nothing() {
    alone(async {
        assert_eq!((first(1).await, second(1).await), (2, 3));
        assert_eq!((first(1).await, second(1).await), (2, 3));
    })
    .await;
}

#[cached(ttl = 60)]
async fn fibonacci(n: u64) -> u64 {
    if n < 2 { n } else { fibonacci(n - 1).await + fibonacci(n - 2).await }
}

#[tokio::test]
async fn an_async_function_may_call_itself() {
    alone(async {
        assert_eq!(fibonacci(40).await, 102_334_155);
        assert_eq!(fibonacci::stats().loads, 41, "each number once");
    })
    .await;
}

#[cached(ttl = 60)]
fn plain_fibonacci(n: u64) -> u64 {
    if n < 2 { n } else { plain_fibonacci(n - 1) + plain_fibonacci(n - 2) }
}

#[test]
fn a_plain_function_may_call_itself() {
    runtime().0.scope_blocking(|| {
        assert_eq!(plain_fibonacci(40), 102_334_155);
        assert_eq!(plain_fibonacci::stats().loads, 41, "each number once");
    });
}

#[cached(ttl = 60)]
fn boxed(n: u64) -> std::pin::Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move { n * 2 })
}

#[tokio::test]
async fn a_function_that_returns_a_boxed_future_caches_what_that_gives() {
    alone(async {
        assert_eq!((boxed(2).await, boxed(2).await), (4, 4));
        assert_eq!((boxed::stats().loads, boxed::stats().memory_hits), (1, 1));
    })
    .await;
}

#[cached(ttl = 60)]
#[must_use]
fn to_be_used(n: u64) -> u64 {
    n
}

#[cached(ttl = 60)]
#[must_use]
async fn to_be_awaited(n: u64) -> u64 {
    n
}

#[tokio::test]
#[deny(unfulfilled_lint_expectations)]
async fn must_use_is_kept() {
    alone(async {
        #[expect(unused_must_use, reason = "the compiler must notice")]
        {
            to_be_used(1);
            to_be_awaited(1).await;
        }
    })
    .await;
}

/// Cfg under the attribute.
#[cached(ttl = 60)]
#[cfg(any())]
async fn switched(_: u64) -> u64 {
    compile_error!("this is switched off")
}

/// Cfg over the attribute.
#[cfg(not(any()))]
#[cached(ttl = 60)]
async fn switched(n: u64) -> u64 {
    n
}

#[tokio::test]
async fn cfg_switches_the_function_and_its_controls() {
    alone(async {
        assert_eq!(switched(1).await, 1);
        assert_eq!(switched::stats().loads, 1);
    })
    .await;
}

/// What is documented here would be missed, and what is visible there would not be found.
#[deny(missing_docs)]
pub(crate) mod documented {
    /// Has its documentation and its visibility.
    #[cachet_core::cached(ttl = 60)]
    pub async fn shown(n: u64) -> u64 {
        hidden(n).await
    }

    #[cachet_core::cached(ttl = 60)]
    async fn hidden(n: u64) -> u64 {
        n
    }
}

#[tokio::test]
async fn the_controls_are_as_visible_as_the_function() {
    alone(async {
        assert_eq!(documented::shown(1).await, 1);
        assert_eq!(documented::shown::stats().loads, 1);
    })
    .await;
}

mod renamed {
    pub(super) use cachet_core as somewhere_else;
}

#[cached(ttl = 60, crate = renamed::somewhere_else)]
async fn elsewhere(n: u64) -> u64 {
    n
}

#[tokio::test]
async fn the_library_may_have_another_name() {
    alone(async {
        assert_eq!(elsewhere(1).await, 1);
        assert_eq!(elsewhere::stats().loads, 1);
    })
    .await;
}
