//! Generic functions and `impl` blocks: every instance has entries of its own.

use std::{
    fmt::Display,
    sync::atomic::{AtomicU64, Ordering},
};

use cachet_core::{CacheKey, cached};

use crate::alone;

#[cached(ttl = 60)]
async fn name_of<T: 'static>(id: u64) -> String {
    format!("{} {id}", std::any::type_name::<T>())
}

#[tokio::test]
async fn each_type_has_entries_and_controls_of_its_own() {
    alone(async {
        assert_eq!(name_of::<u8>(1).await, "u8 1");
        assert_eq!(name_of::<u16>(1).await, "u16 1");
        assert_eq!(name_of::<u8>(1).await, "u8 1");
        assert_eq!((name_of::<u8>::stats().memory_hits, name_of::<u16>::stats().memory_hits), (1, 0));
        assert!(name_of::<u8>::clear().await.is_done());
        assert!(name_of::<u8>::peek(1).await.is_none());
        assert!(name_of::<u16>::peek(1).await.is_some());
    })
    .await;
}

#[cached(ttl = 60)]
async fn repeated<T, const N: usize>(item: T) -> Vec<T>
where
    T: CacheKey + Clone + Send + Sync + 'static,
{
    vec![item; N]
}

#[tokio::test]
async fn each_const_has_entries_of_its_own() {
    alone(async {
        assert_eq!(repeated::<u8, 2>(1).await, [1, 1]);
        assert_eq!(repeated::<u8, 3>(1).await, [1, 1, 1]);
        assert_eq!(repeated::<u8, 2>(1).await, [1, 1]);
        assert_eq!(repeated::<u8, 2>::stats().memory_hits, 1);
    })
    .await;
}

#[cached(ttl = 60)]
async fn longest<'a>(left: &'a str, right: &'a str) -> String {
    if left.len() < right.len() { right.into() } else { left.into() }
}

#[tokio::test]
async fn lifetimes_may_be_named() {
    alone(async {
        let text = String::from("abc");
        assert_eq!(longest(&text, "d").await, "abc");
        assert_eq!(longest("abc", &String::from("d")).await, "abc");
        assert_eq!(longest::stats().loads, 1);
        assert!(longest::invalidate("abc", "d").await.is_done());
    })
    .await;
}

#[cached(ttl = 60)]
async fn shown(what: impl Display + CacheKey + Send + Sync) -> String {
    what.to_string()
}

#[tokio::test]
async fn an_impl_trait_argument_is_keyed_by_itself() {
    alone(async {
        assert_eq!(shown(1_u8).await, "1");
        assert_eq!(shown("1").await, "1");
        assert_eq!(shown(2_u8).await, "2");
    })
    .await;
}

static LENT: AtomicU64 = AtomicU64::new(0);

#[cached(ttl = 60)]
async fn lent(name: impl AsRef<str> + Send) -> String {
    LENT.fetch_add(1, Ordering::Relaxed);
    name.as_ref().to_uppercase()
}

#[tokio::test]
async fn an_impl_as_ref_argument_is_keyed_by_what_it_lends() {
    alone(async {
        assert_eq!(lent("a").await, "A");
        assert_eq!(lent(String::from("a")).await, "A");
        assert_eq!(lent(&String::from("b")).await, "B");
        assert!(LENT.load(Ordering::Relaxed) >= 2, "a string of another type may be an instance of its own");
    })
    .await;
}

struct Repository<T>(T);

impl<T: Clone + Send + Sync + 'static> Repository<T> {
    #[cached(ttl = 60, skip(self))]
    pub(super) async fn first(&self, id: u64) -> Option<T> {
        let _ = id;
        Some(self.0.clone())
    }
}

#[tokio::test]
async fn each_self_type_of_a_generic_impl_has_entries_of_its_own() {
    alone(async {
        assert_eq!(Repository(1_u8).first(1).await, Some(1));
        assert_eq!(Repository("one").first(1).await, Some("one"));
        assert_eq!(Repository(2_u8).first(1).await, Some(1), "the same type shares them, as `self` is skipped");
        let stats = Repository::<u8>::first_cache().stats();
        assert_eq!((stats.loads, stats.memory_hits), (1, 1));
        assert_eq!(Repository::<&str>::first_cache().stats().loads, 1);
    })
    .await;
}

struct Grid<const WIDTH: usize>;

impl<const WIDTH: usize> Grid<WIDTH> {
    #[cached(ttl = 60)]
    pub(super) async fn cells(rows: usize) -> usize {
        rows * Self::WIDTH
    }

    const WIDTH: usize = WIDTH;
}

#[tokio::test]
async fn each_const_of_a_generic_impl_has_entries_of_its_own() {
    alone(async {
        assert_eq!((Grid::<2>::cells(3).await, Grid::<4>::cells(3).await), (6, 12));
        assert_eq!(Grid::<2>::cells_cache().stats().loads, 1);
    })
    .await;
}

struct Parser;

impl Parser {
    #[cached(ttl = 60, skip(self))]
    pub(super) async fn parse<T>(&self, text: &str) -> Option<T>
    where
        T: std::str::FromStr + Clone + Send + Sync + 'static,
    {
        text.parse().ok()
    }
}

#[tokio::test]
async fn a_generic_method_has_entries_for_each_type() {
    alone(async {
        assert_eq!(Parser.parse::<u8>("1").await, Some(1));
        assert_eq!(Parser.parse::<String>("1").await.as_deref(), Some("1"));
        assert_eq!(Parser.parse::<u8>("1").await, Some(1));
        assert_eq!(Parser::parse_cache::<u8>().stats().memory_hits, 1);
    })
    .await;
}
