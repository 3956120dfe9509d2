//! Every option of [`cached`](crate::cached), with an example that compiles. The attribute's own page has the tables.
//!
//! # `ttl`
//!
//! Seconds, text with units, or an expression of type `Duration`. There is no default.
//!
//! ```
//! use cachet_core::cached;
//! use std::time::Duration;
//!
//! #[cached(ttl = "1h 30m")]
//! async fn rate(currency: &str) -> f64 {
//!     if currency == "EUR" { 1.0 } else { 1.1 }
//! }
//!
//! #[cached(ttl = Duration::from_millis(500))]
//! fn load_average(cpu: u8) -> u8 {
//!     cpu * 10
//! }
//!
//! # pollster::block_on(async {
//! assert!((rate("EUR").await - 1.0).abs() < 0.1);
//! assert_eq!(load_average(2), 20);
//! # });
//! ```
//!
//! # `tier`
//!
//! `"memory"`, `"redis"` or both. Values of a shared tier are `Serialize + DeserializeOwned`.
//!
//! ```
//! use cachet_core::cached;
//!
//! #[cached(ttl = "1h", tier = "memory,redis", memory_ttl = "5s", version = 2, codec = "bincode")]
//! async fn title(id: u64) -> Result<String, std::io::Error> {
//!     Ok(format!("title {id}"))
//! }
//! ```
//!
//! # `key` and `skip`
//!
//! A template, or an expression over the arguments; or which arguments do not count.
//!
//! ```
//! use cachet_core::cached;
//!
//! #[cached(ttl = 60, key = "{id}/{lang.len()}")]
//! async fn by_template(id: u64, lang: &str) -> String {
//!     format!("{id} {lang}")
//! }
//!
//! #[cached(ttl = 60, key = (id / 100, lang.to_lowercase()))]
//! async fn by_expression(id: u64, lang: &str) -> String {
//!     format!("{id} {lang}")
//! }
//!
//! #[cached(ttl = 60, skip(trace))]
//! async fn without(id: u64, trace: &str) -> String {
//!     format!("{id} {trace}")
//! }
//!
//! # pollster::block_on(async {
//! assert_eq!(by_template(1, "en").await, "1 en");
//! assert_eq!(by_expression(1, "EN").await, by_expression(2, "en").await);
//! assert_eq!(without(1, "a").await, without(1, "b").await);
//! # });
//! ```
//!
//! # `tags`
//!
//! Names for [`invalidate_tag`](crate::invalidate_tag). A tag over `value` is for functions in memory alone.
//!
//! ```
//! use cachet_core::cached;
//!
//! #[derive(Clone)]
//! struct Product {
//!     brand: &'static str,
//! }
//!
//! #[cached(ttl = 60, tags = ["products", "product:{id}", "brand:{value.brand}"])]
//! async fn product(id: u64) -> Product {
//!     Product { brand: if id == 1 { "acme" } else { "other" } }
//! }
//!
//! # pollster::block_on(async {
//! product(1).await;
//! cachet_core::invalidate_tag("brand:acme").await;
//! assert!(product::peek(1).await.is_none());
//! # });
//! ```
//!
//! # `negative_ttl` and `error_ttl`
//!
//! How long a `None` and an error are kept; by default they are not.
//!
//! ```
//! use cachet_core::cached;
//!
//! #[derive(Clone, Debug, PartialEq)]
//! enum Problem {
//!     NotFound,
//!     Busy(u8),
//!     Broken,
//! }
//!
//! #[cached(ttl = 60, negative_ttl = "5s", error_ttl = (NotFound = "10s", Busy(_) = "1s"))]
//! async fn look_up(id: u64) -> Result<Option<u64>, Problem> {
//!     match id {
//!         0 => Ok(None),
//!         1 => Err(Problem::NotFound),
//!         2 => Err(Problem::Busy(3)),
//!         3 => Err(Problem::Broken),
//!         id => Ok(Some(id)),
//!     }
//! }
//!
//! # pollster::block_on(async {
//! assert_eq!((look_up(1).await, look_up(1).await), (Err(Problem::NotFound), Err(Problem::NotFound)));
//! assert_eq!(look_up::stats().loads, 1);
//! # });
//! ```
//!
//! # `jitter`, `when` and `ttl_of`
//!
//! Lifetimes that are spread or told by the value, and values that are not worth keeping.
//!
//! ```
//! use cachet_core::cached;
//! use std::time::Duration;
//!
//! #[derive(Clone)]
//! struct Token {
//!     lifetime: Duration,
//! }
//!
//! #[cached(ttl = "5m", jitter = 0.1, when = |token| !token.lifetime.is_zero(), ttl_of = |token| token.lifetime)]
//! async fn token(seconds: u64) -> Token {
//!     Token { lifetime: Duration::from_secs(seconds) }
//! }
//!
//! # pollster::block_on(async {
//! assert!(token::fetch(100).await.lifetime() <= Duration::from_secs(100));
//! token(0).await;
//! assert!(token::peek(0).await.is_none());
//! # });
//! ```
//!
//! # `stale`
//!
//! Past its lifetime a value is served for so long, at once; one refresh runs behind the call.
//!
//! ```
//! use cachet_core::cached;
//! use std::time::Duration;
//!
//! #[cached(ttl = Duration::from_millis(20), stale = "1h")]
//! async fn news(topic: &str) -> String {
//!     // Runs with a copy of `topic`, since the caller may be gone.
//!     format!("news of {topic}")
//! }
//!
//! # pollster::block_on(async {
//! assert_eq!(news("rust").await, "news of rust");
//! std::thread::sleep(Duration::from_millis(50));
//! assert_eq!(news("rust").await, "news of rust"); // stale, without a wait
//! let stats = news::stats();
//! assert_eq!(stats.memory_hits + stats.stale, 1);
//! # });
//! ```
//!
//! # `stale_if_error`
//!
//! Past its lifetime a value is served for so long when the load fails. Without one the caller gets the error.
//!
//! ```
//! use cachet_core::cached;
//! use std::{
//!     sync::atomic::{AtomicBool, Ordering},
//!     time::Duration,
//! };
//!
//! static IS_DOWN: AtomicBool = AtomicBool::new(false);
//!
//! #[cached(ttl = Duration::from_millis(20), stale_if_error = "1h")]
//! async fn exchange_rate(currency: &str) -> Result<u64, String> {
//!     if IS_DOWN.load(Ordering::Relaxed) { Err(format!("no rate of {currency}")) } else { Ok(110) }
//! }
//!
//! # pollster::block_on(async {
//! assert_eq!(exchange_rate("USD").await, Ok(110));
//! IS_DOWN.store(true, Ordering::Relaxed);
//! std::thread::sleep(Duration::from_millis(50));
//! assert_eq!(exchange_rate("USD").await, Ok(110)); // the load failed
//! assert!(exchange_rate("GBP").await.is_err()); // there is nothing stale
//! # });
//! ```
//!
//! # `early`
//!
//! A fresh value is refreshed behind a call, the likelier the nearer its end is and the longer it took to load. So the
//! calls of a popular key do not wait at the end of its lifetime.
//!
//! ```
//! use cachet_core::cached;
//!
//! #[cached(ttl = "1h", early = 1.0)]
//! fn report(year: u16) -> String {
//!     format!("report of {year}")
//! }
//!
//! assert_eq!(report(2025), report(2025));
//! assert_eq!(report::stats().loads, 1); // an hour before its end
//! ```
//!
//! # `timeout`
//!
//! How long a load keeps its callers waiting while there is a stale value to serve. The load goes on, and what it gives
//! is kept. A shared tier is asked first: what another node invalidated meanwhile is not served.
//!
//! ```
//! use cachet_core::cached;
//! use std::{
//!     sync::atomic::{AtomicBool, Ordering},
//!     time::Duration,
//! };
//!
//! static HANGS: AtomicBool = AtomicBool::new(false);
//!
//! #[cached(ttl = Duration::from_millis(20), stale_if_error = "1h", timeout = "50ms")]
//! async fn stock(id: u64) -> u64 {
//!     if HANGS.load(Ordering::Relaxed) {
//!         std::future::pending::<()>().await;
//!     }
//!     id * 10
//! }
//!
//! # pollster::block_on(async {
//! assert_eq!(stock(1).await, 10);
//! HANGS.store(true, Ordering::Relaxed);
//! std::thread::sleep(Duration::from_millis(50));
//! assert_eq!(stock(1).await, 10); // after 50 ms
//! # });
//! ```
//!
//! # `Refresh<T>`
//!
//! An argument that callers do not give: what the load replaces. The body may ask its source whether it is still so.
//!
//! ```
//! use cachet_core::{Refresh, cached};
//! use std::time::{Duration, SystemTime};
//!
//! /// `None` if nothing changed since then.
//! async fn download(name: &str, since: Option<SystemTime>) -> Option<String> {
//!     since.is_none().then(|| format!("file {name}"))
//! }
//!
//! #[cached(ttl = Duration::from_millis(20), stale_if_error = "1h")]
//! async fn file(name: &str, refresh: Refresh<String>) -> Result<String, String> {
//!     match download(name, refresh.modified()).await {
//!         Some(file) => Ok(file),
//!         None => refresh.not_modified().ok_or_else(|| "nothing is known".to_owned()),
//!     }
//! }
//!
//! # pollster::block_on(async {
//! let first = file::fetch("a").await.unwrap();
//! std::thread::sleep(Duration::from_millis(50));
//! let again = file::fetch("a").await.unwrap(); // a new lifetime for what was there
//! assert_eq!((&*again, again.modified()), (&*first, first.modified()));
//! # });
//! ```
//!
//! # `batch`
//!
//! ```
//! use std::collections::HashMap;
//!
//! use cachet_core::cached;
//!
//! #[cached(ttl = 60, batch = ids)]
//! async fn names(ids: Vec<u64>) -> HashMap<u64, String> {
//!     // Runs with the ids that no tier has, each once.
//!     ids.into_iter().map(|id| (id, format!("user {id}"))).collect()
//! }
//!
//! # pollster::block_on(async {
//! assert_eq!(names(vec![1, 2]).await[&2], "user 2");
//! names::invalidate(1).await;
//! assert_eq!(names(vec![2, 1]).await.len(), 2); // loads 1 alone
//! assert_eq!(names::stats().memory_hits, 1);
//! # });
//! ```
//!
//! # `max_bytes` and `weight`
//!
//! The memory tier's bound in bytes, for values whose sizes differ much.
//!
//! ```
//! use cachet_core::cached;
//!
//! #[cached(ttl = 60, max_bytes = "64 MiB", weight = |page| page.len())]
//! async fn page(name: &str) -> String {
//!     name.repeat(1000)
//! }
//!
//! # pollster::block_on(async {
//! page("about").await;
//! let bytes = page::stats().bytes;
//! assert!(bytes > 5000 && bytes < 5500); // the value, the key, and 256 bytes for the entry
//! # });
//! ```
//!
//! # `capacity`, `name` and `handle`
//!
//! The memory tier's bound, the name in counters and shared keys, the name of the controls.
//!
//! ```
//! use cachet_core::cached;
//!
//! #[cached(ttl = 60, capacity = 1_000, name = "shop/price", handle = prices)]
//! async fn price(id: u64) -> u64 {
//!     id * 100
//! }
//!
//! # pollster::block_on(async {
//! price(1).await;
//! assert!(prices::invalidate(1).await.is_done());
//! # });
//! ```
//!
//! # `associated` and methods
//!
//! The controls of a method are given by a function beside it.
//!
//! ```
//! use cachet_core::{CacheKey, cached};
//!
//! #[derive(CacheKey)]
//! struct Shop {
//!     region: String,
//! }
//!
//! impl Shop {
//!     #[cached(ttl = 60, key = "{self.region}:{id}")]
//!     pub async fn offer(&self, id: u64) -> String {
//!         format!("{} {id}", self.region)
//!     }
//!
//!     #[cached(ttl = 60, associated)]
//!     pub async fn currency(country: &str) -> String {
//!         country.to_uppercase()
//!     }
//! }
//!
//! # pollster::block_on(async {
//! let shop = Shop { region: "eu".into() };
//! assert_eq!(shop.offer(1).await, "eu 1");
//! Shop::offer_cache().invalidate(&shop, 1).await;
//! Shop::currency_cache().clear().await;
//! # });
//! ```
//!
//! # Generics
//!
//! Every instance has entries and controls of its own.
//!
//! ```
//! use cachet_core::{CacheKey, cached};
//!
//! #[cached(ttl = 60)]
//! async fn repeated<T: CacheKey + Clone + Send + Sync + 'static, const N: usize>(item: T) -> Vec<T> {
//!     vec![item; N]
//! }
//!
//! # pollster::block_on(async {
//! assert_eq!(repeated::<u8, 2>(7).await, [7, 7]);
//! assert_eq!(repeated::<u8, 2>::stats().loads, 1);
//! # });
//! ```
//!
//! # Warming
//!
//! Loads beforehand, a bounded number at a time.
//!
//! ```
//! use cachet_core::cached;
//!
//! #[cached(ttl = 60)]
//! async fn square(n: u64) -> u64 {
//!     n * n
//! }
//!
//! # pollster::block_on(async {
//! let warmed = square::warm_with(0..100, cachet_core::Warming::new().concurrency(4)).await;
//! assert_eq!(warmed.loaded, 100);
//! # });
//! ```
