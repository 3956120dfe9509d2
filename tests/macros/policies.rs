//! What is kept and for how long, where the value or the error says so.

use std::{collections::HashSet, time::Duration};

use cachet_core::{CacheKey, cached};

use crate::{alone, runtime};

#[derive(Clone, Debug, PartialEq)]
enum Problem {
    NotFound,
    Busy(u8),
    Broken { code: u16 },
}

#[cached(ttl = 60, error_ttl = (NotFound = "10s", Busy(1..=9) = "1s"))]
async fn lookup(id: u8) -> Result<u8, Problem> {
    match id {
        0 => Err(Problem::NotFound),
        busy @ 1..=19 => Err(Problem::Busy(busy)),
        20 => Err(Problem::Broken { code: 500 }),
        id => Ok(id),
    }
}

#[tokio::test]
async fn error_ttl_keeps_the_errors_that_match_a_pattern_and_no_others() {
    alone(async {
        for (id, loads) in [(0, 1), (5, 1), (15, 2), (20, 2), (30, 1)] {
            let before = lookup::stats().loads;
            assert_eq!(lookup(id).await, lookup(id).await);
            assert_eq!(lookup::stats().loads - before, loads, "{id}");
        }
        assert_eq!(lookup(20).await, Err(Problem::Broken { code: 500 }));
    })
    .await;
}

#[tokio::test]
async fn error_ttl_keeps_each_error_for_the_time_of_its_pattern() {
    let (runtime, clock) = runtime();
    runtime
        .scope(async {
            let loads = async || {
                let _ = (lookup(0).await, lookup(5).await);
                lookup::stats().loads
            };
            assert_eq!(loads().await, 2);
            clock.advance(Duration::from_millis(750));
            assert_eq!(loads().await, 2);
            clock.advance(Duration::from_millis(250));
            assert_eq!(loads().await, 3, "a busy source is asked again after a second");
            clock.advance(Duration::from_secs(9));
            assert_eq!(loads().await, 5, "what was not found is looked for again after ten");
        })
        .await;
}

#[tokio::test]
async fn an_error_that_is_kept_counts_as_a_hit_and_is_never_peeked() {
    alone(async {
        assert_eq!((lookup(0).await, lookup(0).await), (Err(Problem::NotFound), Err(Problem::NotFound)));
        let stats = lookup::stats();
        assert_eq!((stats.loads, stats.load_errors, stats.memory_hits), (1, 1, 1));
        assert!(lookup::peek(0).await.is_none());
        assert_eq!(lookup::fetch(0).await.err(), Some(Problem::NotFound));
        assert!(lookup::invalidate(0).await.is_done());
        assert_eq!(lookup(0).await, Err(Problem::NotFound));
        assert_eq!(lookup::stats().loads, 2, "an error is invalidated as a value is");
    })
    .await;
}

#[cached(ttl = 60, error_ttl = "5s")]
fn blanket(id: u8) -> Result<u8, Problem> {
    if id == 0 { Err(Problem::NotFound) } else { Ok(id) }
}

#[test]
fn a_blanket_error_ttl_keeps_every_error() {
    let (runtime, clock) = runtime();
    runtime.scope_blocking(|| {
        assert_eq!((blanket(0), blanket(0)), (Err(Problem::NotFound), Err(Problem::NotFound)));
        assert_eq!(blanket::stats().loads, 1);
        clock.advance(Duration::from_secs(5));
        assert_eq!(blanket(0), Err(Problem::NotFound));
        assert_eq!(blanket::stats().loads, 2);
    });
}

#[cached(ttl = 60, when = |value| *value % 2 == 0)]
async fn even(n: u64) -> u64 {
    n
}

#[cached(ttl = 60, when = |text| !text.is_empty())]
async fn worded(n: u64) -> Result<Option<String>, Problem> {
    Ok(Some("x".repeat(usize::try_from(n).unwrap_or(0))))
}

#[tokio::test]
async fn when_stores_only_what_passes_and_gives_the_rest_to_the_caller() {
    alone(async {
        assert_eq!((even(1).await, even(1).await, even(2).await, even(2).await), (1, 1, 2, 2));
        assert_eq!((even::stats().loads, even::stats().entries), (3, 1));
    })
    .await;
}

#[tokio::test]
async fn when_sees_what_is_inside_of_result_and_option() {
    alone(async {
        for _ in 0..2 {
            assert_eq!(worded(0).await, Ok(Some(String::new())));
            assert_eq!(worded(2).await, Ok(Some("xx".into())));
        }
        assert_eq!(worded::stats().loads, 3);
    })
    .await;
}

#[derive(CacheKey)]
struct Shelf;

impl Shelf {
    #[cached(ttl = 60, when = |value| *value > 0)]
    pub(super) async fn left(&self, n: u64) -> u64 {
        n
    }
}

#[tokio::test]
async fn when_works_on_methods() {
    alone(async {
        assert_eq!((Shelf.left(0).await, Shelf.left(0).await, Shelf.left(1).await, Shelf.left(1).await), (0, 0, 1, 1));
        assert_eq!(Shelf::left_cache().stats().loads, 3);
    })
    .await;
}

#[derive(Clone)]
struct Token {
    seconds: u64,
}

impl Token {
    fn lifetime(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

#[cached(ttl = 60, ttl_of = Token::lifetime)]
async fn token(seconds: u64) -> Result<Token, Problem> {
    Ok(Token { seconds })
}

#[tokio::test]
async fn ttl_of_takes_the_lifetime_from_the_value_beyond_ttl_as_well() {
    let (runtime, clock) = runtime();
    runtime
        .scope(async {
            for seconds in [5, 600] {
                let lifetime = token::fetch(seconds).await.map(|token| token.lifetime()).ok();
                assert_eq!(lifetime, Some(Duration::from_secs(seconds)));
            }
            clock.advance(Duration::from_secs(5));
            assert!(token::peek(5).await.is_none());
            clock.advance(Duration::from_secs(594));
            assert!(token::peek(600).await.is_some());
            clock.advance(Duration::from_secs(1));
            assert!(token::peek(600).await.is_none());
        })
        .await;
}

#[cached(ttl = 100, jitter = 0.1)]
async fn jittered(n: u64) -> u64 {
    n
}

#[tokio::test]
async fn jitter_shortens_by_at_most_its_share_and_not_all_entries_alike() {
    alone(async {
        let mut lifetimes = HashSet::new();
        for n in 0..500 {
            let lifetime = jittered::fetch(n).await.lifetime();
            assert!((Duration::from_secs(90)..=Duration::from_secs(100)).contains(&lifetime), "{lifetime:?}");
            lifetimes.insert(lifetime);
        }
        assert!(lifetimes.len() > 100, "only {} different lifetimes", lifetimes.len());
        let (least, most) = (lifetimes.iter().min(), lifetimes.iter().max());
        assert!(least < Some(&Duration::from_secs(92)) && most > Some(&Duration::from_secs(98)), "{least:?} {most:?}");
    })
    .await;
}
