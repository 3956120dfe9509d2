#![allow(missing_docs)]
use cachet_core::{CacheKey, cached};
use std::sync::Arc;

#[cached(ttl = 5)]
async fn plain_async(id: u64) -> Result<u64, String> {
    if id == 0 {
        return Err("zero".into());
    }
    Ok(id)
}

#[cached(ttl = 5, skip(db))]
pub async fn borrowed(db: &str, name: &str, more: Option<&str>) -> Option<String> {
    Some(format!("{db}{name}{}", more.unwrap_or("")))
}

#[cached(ttl = 5)]
async fn generic<T: CacheKey + Clone + Send + Sync + 'static, const N: usize>(x: T) -> Vec<T> {
    vec![x; N]
}

#[cached(ttl = 5)]
async fn lent(name: impl AsRef<str> + Send) -> String {
    name.as_ref().to_owned()
}

#[cached(ttl = 5)]
fn square(n: u64) -> u64 {
    n * n
}

#[cached(ttl = 5)]
async fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1).await + fib(n - 2).await }
}

#[cached(ttl = 5)]
async fn pattern((a, b): (u32, u32), mut c: u32) -> u32 {
    c += 1;
    a + b + c
}

#[derive(CacheKey)]
struct Shop {
    region: String,
}

impl Shop {
    #[cached(ttl = 5, key = "{self.region}:{id}", tags = ["p:{id}"])]
    pub async fn product(&self, id: u64) -> Result<String, String> {
        Ok(format!("{}{id}", self.region))
    }
    #[cached(ttl = 5)]
    async fn private(&self, name: &str) -> Result<Option<String>, String> {
        let x: u32 = name.parse().map_err(|_| "no".to_owned())?;
        if x == 1 {
            return Ok(None);
        }
        Ok(Some(format!("{}{x}", self.region)))
    }
    #[cached(ttl = 5, skip(self))]
    pub fn plain(&self, n: u64) -> u64 {
        n
    }
    #[cached(ttl = 5)]
    pub async fn arc(self: Arc<Self>, n: u64) -> u64 {
        n
    }
    #[cached(ttl = 5, associated)]
    pub async fn assoc(n: u64) -> u64 {
        n
    }
}
struct Repo<T>(T);
impl<T: Clone + Send + Sync + 'static + Default> Repo<T> {
    #[cached(ttl = 5, skip(self))]
    pub async fn get(&self, id: u64) -> Option<T> {
        let _ = id;
        Some(self.0.clone())
    }
}
trait Source {
    fn find(&self, id: u64) -> impl Future<Output = Option<u64>> + Send;
}
impl Source for Shop {
    #[cached(ttl = 5)]
    async fn find(&self, id: u64) -> Option<u64> {
        Some(id)
    }
}

#[tokio::test]
async fn play() {
    assert_eq!(tokio::spawn(plain_async(1)).await.unwrap(), Ok(1));
    assert_eq!(plain_async(1).await, Ok(1));
    assert_eq!(plain_async::stats().memory_hits, 1);
    assert!(plain_async::invalidate(1).await.is_done());
    assert_eq!(plain_async::fetch(1).await.unwrap().age().as_secs(), 0);
    plain_async::put(7, 70).await;
    assert_eq!(plain_async(7).await, Ok(70));
    assert_eq!(*plain_async::peek(7).await.unwrap(), 70);
    let n = String::from("n");
    assert_eq!(borrowed("d", &n, None).await.unwrap(), "dn");
    borrowed::invalidate(&n, Some("x")).await;
    assert_eq!(tokio::spawn(async { borrowed::fetch("e", "n", None).await }).await.unwrap().unwrap().value(), "dn");
    assert_eq!(generic::<u8, 3>(1).await.len(), 3);
    assert_eq!(generic::<u8, 2>(1).await.len(), 2);
    assert_eq!(generic::<u8, 2>(1).await.len(), 2);
    assert_eq!(generic::<u8, 2>::stats().memory_hits, 1);
    assert_eq!(lent("a").await, "a");
    assert_eq!(lent(String::from("a")).await, "a");
    assert_eq!(square(3), 9);
    assert_eq!(square(3), 9);
    assert_eq!(square::stats().memory_hits, 1);
    assert_eq!(fib(30).await, 832040);
    assert_eq!(pattern((1, 2), 3).await, 7);
    let shop = Shop { region: "eu".into() };
    assert_eq!(shop.product(1).await.unwrap(), "eu1");
    assert_eq!(shop.product(1).await.unwrap(), "eu1");
    Shop::product_cache().invalidate(&shop, 1).await;
    assert_eq!(Shop::product_cache().fetch(&shop, 1).await.unwrap().value(), "eu1");
    assert_eq!(Shop::product_cache().stats().memory_hits, 1);
    assert_eq!(shop.private("3").await.unwrap().unwrap(), "eu3");
    assert_eq!(shop.plain(3), 3);
    Shop::plain_cache().invalidate(3);
    let arc = Arc::new(Shop { region: "x".into() });
    assert_eq!(arc.clone().arc(3).await, 3);
    assert_eq!(Shop::assoc(3).await, 3);
    Shop::assoc_cache().clear().await;
    assert_eq!(Repo(3_u8).get(1).await, Some(3));
    assert_eq!(Repo("x").get(1).await, Some("x"));
    assert_eq!(shop.find(4).await, Some(4));
    println!("{:#?}", cachet_core::Cachet::current().stats().iter().map(|s| &s.0).collect::<Vec<_>>());
}
