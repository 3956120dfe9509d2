//! What may make up a key: templates, expressions, `skip`; references and lifetimes as arguments.
#![deny(warnings, missing_docs, unreachable_pub)]

use std::{borrow::Cow, future::Future, pin::Pin, time::Duration};

use cachet_core::{CacheKey, cached};

#[derive(CacheKey, Clone, Copy)]
pub(crate) struct Shop {
    region: u8,
}

impl Shop {
    #[cached(ttl = "5m")]
    pub(crate) fn product(&self, id: u64) -> u64 {
        id + u64::from(self.region)
    }

    #[cached(ttl = "5m", skip(self))]
    async fn price(&self, id: u64) -> Option<u64> {
        (id > u64::from(self.region)).then_some(id)
    }

    #[cached(ttl = "5m", key = "{self.region}:{id}", handle = stock_controls)]
    async fn stock(self, id: u64) -> Result<u64, String> {
        self.price(id).await.ok_or_else(String::new)
    }

    #[cached(ttl = "5m", associated)]
    fn first() -> u64 {
        1
    }

    #[cached(ttl = "5m")]
    fn second() -> u64 {
        Self::first() + 1
    }
}

pub(crate) trait Names {
    fn name(&self, id: u64) -> String;
    fn later<'a>(&'a self, id: u64) -> Pin<Box<dyn Future<Output = String> + Send + 'a>>;
}

impl Names for Shop {
    #[cached(ttl = "5m")]
    fn name(&self, id: u64) -> String {
        format!("{}:{id}", self.region)
    }

    #[cached(ttl = "5m")]
    fn later<'a>(&'a self, id: u64) -> Pin<Box<dyn Future<Output = String> + Send + 'a>> {
        Box::pin(async move { self.name(id) })
    }
}

#[cached(ttl = "5m")]
fn pattern((a, b): (u8, u8)) -> u8 {
    a + b
}

#[cached(ttl = "5m")]
fn lent(name: impl AsRef<str>) -> usize {
    name.as_ref().len()
}

#[cached(ttl = "5m")]
fn many<const N: usize>(ids: [u64; N]) -> u64 {
    ids.iter().sum()
}

#[cached(ttl = "5m")]
fn generic<T: CacheKey + Into<u64>>(id: T) -> u64 {
    id.into()
}

#[cached(ttl = "5m", when = |value| *value > 1, ttl_of = |value| Duration::from_secs(*value), jitter = 0.1)]
fn policies(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", tags = ["first:{value.0}", "all"])]
fn tagged_by_value(id: u64) -> (u64, u64) {
    (id, id)
}

#[derive(Clone, Debug)]
pub(crate) enum Mistake {
    NotFound,
    Busy(u8),
}

#[cached(ttl = "5m", error_ttl = (NotFound = "10s", Busy(_) = "1s"))]
fn failing(id: u64) -> Result<u64, Mistake> {
    if id == 0 { Err(Mistake::NotFound) } else { Err(Mistake::Busy(1)) }
}

#[cached(ttl = "5m", error_ttl = "10s")]
fn failing_at_all(text: Cow<'static, str>) -> Result<u64, Mistake> {
    text.parse().map_err(|_| Mistake::NotFound)
}

fn main() {
    let shop = Shop { region: 1 };
    assert_eq!(shop.product(1), 2);
    assert_eq!(Shop::second(), 2);
    assert_eq!(shop.name(2), "1:2");
    assert_eq!(pattern((1, 2)), 3);
    assert_eq!(lent("abc"), 3);
    assert_eq!(many([1, 2]), 3);
    assert_eq!(generic(7_u32), 7);
    assert_eq!(policies(3), 3);
    assert_eq!(tagged_by_value(1), (1, 1));
    assert!(failing(0).is_err());
    assert!(failing_at_all("x".into()).is_err());
    drop((shop.price(1), shop.stock(1), shop.later(1)));
}
