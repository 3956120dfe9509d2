//! What of a return type is kept: by what the type is, not by what it is called.

use std::time::Duration;

use cachet_core::{CacheKey, cached};

use crate::{alone, runtime};

type Outcome<T> = std::result::Result<T, String>;
type Perhaps<T> = Option<T>;
type Both<T> = Outcome<Perhaps<T>>;

#[cached(ttl = 60)]
async fn outcome(n: i64) -> Outcome<i64> {
    if n < 0 { Err("negative".into()) } else { Ok(n) }
}

#[tokio::test]
async fn an_error_behind_an_alias_is_not_kept() {
    alone(async {
        assert_eq!((outcome(-1).await, outcome(-1).await), (Err("negative".into()), Err("negative".into())));
        assert_eq!((outcome(1).await, outcome(1).await), (Ok(1), Ok(1)));
        assert_eq!((outcome::stats().loads, outcome::stats().load_errors), (3, 2));
    })
    .await;
}

#[cached(ttl = 60)]
async fn perhaps(n: i64) -> Perhaps<i64> {
    (n >= 0).then_some(n)
}

#[tokio::test]
async fn a_none_behind_an_alias_is_not_kept() {
    alone(async {
        assert_eq!(
            (perhaps(-1).await, perhaps(-1).await, perhaps(1).await, perhaps(1).await),
            (None, None, Some(1), Some(1))
        );
        assert_eq!(perhaps::stats().loads, 3);
    })
    .await;
}

#[cached(ttl = 60, negative_ttl = 5)]
async fn both(n: i64) -> Both<i64> {
    match n {
        0 => Ok(None),
        n if n < 0 => Err("negative".into()),
        n => Ok(Some(n)),
    }
}

#[tokio::test]
async fn a_result_over_an_option_keeps_a_none_for_negative_ttl_and_an_error_never() {
    let (runtime, clock) = runtime();
    runtime
        .scope(async {
            for _ in 0..2 {
                assert_eq!(
                    (both(0).await, both(1).await, both(-1).await),
                    (Ok(None), Ok(Some(1)), Err("negative".into()))
                );
            }
            assert_eq!(both::stats().loads, 4);
            clock.advance(Duration::from_secs(5));
            assert_eq!((both(0).await, both(1).await), (Ok(None), Ok(Some(1))));
            assert_eq!(both::stats().loads, 5, "the `None` was over, the value was not");
        })
        .await;
}

mod shop {
    use super::{CacheKey, cached};

    /// As many crates have it.
    pub(super) type Result<T> = std::result::Result<T, String>;

    #[derive(CacheKey)]
    pub(super) struct Shop;

    impl Shop {
        #[cached(ttl = 60)]
        pub(super) async fn price(&self, n: i64) -> Result<i64> {
            if n < 0 { Err("negative".into()) } else { Ok(n) }
        }

        #[cached(ttl = 60)]
        pub(super) async fn rebate(&self, n: i64) -> Result<Option<i64>> {
            if n < 0 { Err("negative".into()) } else { Ok((n > 0).then_some(n)) }
        }

        #[cached(ttl = 60)]
        pub(super) async fn hint(&self, n: i64) -> Option<i64> {
            (n > 0).then_some(n)
        }
    }
}

#[tokio::test]
async fn a_method_may_return_an_alias_that_is_named_result() {
    alone(async {
        let shop = shop::Shop;
        for _ in 0..2 {
            assert_eq!((shop.price(-1).await, shop.price(1).await), (Err("negative".into()), Ok(1)));
            assert_eq!(shop.rebate(0).await, Ok(None));
            assert_eq!((shop.rebate(-1).await, shop.rebate(1).await), (Err("negative".into()), Ok(Some(1))));
            assert_eq!((shop.hint(0).await, shop.hint(1).await), (None, Some(1)));
        }
        assert_eq!(shop::Shop::price_cache().stats().loads, 3);
        assert_eq!(shop::Shop::rebate_cache().stats().loads, 5);
        assert_eq!(shop::Shop::hint_cache().stats().loads, 3);
        assert!(shop::Shop::rebate_cache().fetch(&shop, 0).await.is_ok_and(|found| found.is_none()));
        assert!(shop::Shop::price_cache().fetch(&shop, 1).await.is_ok_and(|found| found.is_hit() && *found == 1));
    })
    .await;
}

/// Cannot be cloned, so followers cannot be given it.
#[derive(Debug)]
struct Broken;

#[cached(ttl = 60)]
async fn broken(n: u64) -> Result<u64, Broken> {
    if n == 0 { Err(Broken) } else { Ok(n) }
}

#[tokio::test]
async fn an_error_need_not_be_clone() {
    alone(async {
        assert!(broken(0).await.is_err());
        assert!(broken(1).await.is_ok_and(|n| n == 1));
    })
    .await;
}

#[cached(ttl = 60)]
async fn unit(n: u64) {
    let _ = n;
}

#[tokio::test]
async fn a_function_may_return_nothing() {
    alone(async {
        unit(1).await;
        unit(1).await;
        assert_eq!(unit::stats().loads, 1);
    })
    .await;
}
