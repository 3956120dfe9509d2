//! Functions that a `macro_rules!` writes, whose fragments come in groups of their own.

use std::collections::HashMap;

use cachet_core::{cached, invalidates};

use crate::alone;

macro_rules! lookup {
    ($(#[$meta:meta])* $vis:vis $name:ident($id:ident: $key:ty) -> $returns:ty, $ttl:expr, $tag:literal, $body:block) => {
        $(#[$meta])*
        #[cached(ttl = $ttl, tags = [$tag], error_ttl = (Missing = $ttl))]
        $vis async fn $name($id: $key) -> $returns $body
    };
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Problem {
    Missing,
}

lookup!(
    #[allow(clippy::unnecessary_wraps, reason = "it may fail as far as callers know")]
    pub(crate) price(id: &u64) -> Result<u64, Problem>, "5m", "price:{id}",
    { if *id == 0 { Err(Problem::Missing) } else { Ok(id * 100) } }
);

#[tokio::test]
async fn a_function_is_written_from_fragments() {
    alone(async {
        assert_eq!((price(&1).await, price(&1).await), (Ok(100), Ok(100)));
        assert_eq!((price(&0).await, price(&0).await), (Err(Problem::Missing), Err(Problem::Missing)));
        assert_eq!(price::stats().loads, 2, "the error is kept as well");
        cachet_core::invalidate_tag("price:1").await;
        assert!(price::peek(&1).await.is_none());
    })
    .await;
}

macro_rules! whole {
    ($item:item) => {
        #[cached(ttl = 60)]
        $item
    };
}

whole! {
    async fn doubled(n: u64) -> u64 {
        n * 2
    }
}

#[tokio::test]
async fn a_whole_function_is_one_fragment() {
    alone(async {
        assert_eq!((doubled(2).await, doubled(2).await), (4, 4));
        assert_eq!(doubled::stats().loads, 1);
    })
    .await;
}

macro_rules! batch {
    ($name:ident($ids:ident: $keys:ty) -> $returns:ty $body:block) => {
        #[cached(ttl = 60, batch = $ids)]
        async fn $name($ids: $keys) -> $returns $body
    };
}

batch!(names(ids: &[u64]) -> HashMap<u64, String> {
    ids.iter().map(|id| (*id, format!("user {id}"))).collect()
});

#[tokio::test]
async fn a_function_of_many_keys_is_written_from_fragments() {
    alone(async {
        assert_eq!(names(&[1, 2]).await[&2], "user 2");
        assert_eq!(names(&[2]).await.len(), 1);
        assert_eq!(names::stats().memory_hits, 1);
    })
    .await;
}

struct Shop;

macro_rules! method {
    ($name:ident($id:ident) -> $returns:ty $body:block) => {
        impl Shop {
            #[cached(ttl = 60, skip(self), negative_ttl = 5)]
            pub(crate) async fn $name(&self, $id: u64) -> $returns $body
        }
    };
}

method!(offer(id) -> Option<u64> { (id > 0).then_some(id) });

#[tokio::test]
async fn a_method_is_written_from_fragments() {
    alone(async {
        assert_eq!((Shop.offer(0).await, Shop.offer(0).await, Shop.offer(1).await), (None, None, Some(1)));
        assert_eq!(Shop::offer_cache().stats().loads, 2, "what is not there is kept as well");
    })
    .await;
}

macro_rules! writer {
    ($name:ident invalidates $target:ident($argument:expr) $body:block) => {
        #[invalidates($target($argument), tag = "doubles")]
        async fn $name() -> Result<u64, Problem> $body
    };
}

writer!(halve invalidates doubled(7) { Ok(3) });

#[tokio::test]
async fn a_writer_is_written_from_fragments() {
    alone(async {
        doubled(7).await;
        assert_eq!(halve().await, Ok(3));
        assert!(doubled::peek(7).await.is_none());
    })
    .await;
}
