//! Every kind of function in a spawned task: its future is `Send`, whatever it borrows.

use std::{fmt::Display, sync::Arc};

use cachet_core::{CacheKey, cached};

use crate::runtime;

/// Runs a future as a task, in a runtime of its own.
async fn spawned<F: Future<Output: Send> + Send + 'static>(future: F) -> F::Output {
    let (runtime, _) = runtime();
    tokio::spawn(async move { runtime.scope(future).await }).await.expect("the task ends")
}

#[cached(ttl = 60)]
async fn borrowing(name: &str, more: Option<&[u8]>) -> String {
    tokio::task::yield_now().await;
    format!("{name} {more:?}")
}

#[tokio::test]
async fn an_async_function_and_its_controls_with_borrowed_arguments() {
    spawned(async {
        let (name, bytes) = (String::from("n"), vec![1]);
        let first = borrowing(&name, Some(&bytes)).await;
        assert_eq!(borrowing::fetch(&name, Some(&bytes)).await.value(), &first);
        assert!(borrowing::peek(&name, Some(&bytes)).await.is_some());
        assert_eq!(borrowing::refresh(&name, Some(&bytes)).await, first);
        assert!(borrowing::put(&name, None, "put".into()).await.is_done());
        assert!(borrowing::invalidate(&name, None).await.is_done());
        assert_eq!(borrowing::warm([(name.as_str(), None)]).await.loaded, 1);
        assert!(borrowing::clear().await.is_done());
    })
    .await;
}

#[cached(ttl = 60, skip(db))]
async fn queried(db: &str, id: u64) -> Result<Option<String>, String> {
    tokio::task::yield_now().await;
    Ok(Some(format!("{db} {id}")))
}

#[tokio::test]
async fn a_function_with_a_skipped_borrow() {
    spawned(async {
        let db = String::from("db");
        assert_eq!(queried(&db, 1).await, Ok(Some("db 1".into())));
    })
    .await;
}

#[cached(ttl = 60)]
async fn generic<T: CacheKey + Display + Send + Sync + 'static, const N: usize>(item: T) -> String {
    tokio::task::yield_now().await;
    format!("{item} {N}")
}

#[cached(ttl = 60)]
async fn lent(name: impl AsRef<str> + Send + Sync) -> String {
    tokio::task::yield_now().await;
    name.as_ref().to_owned()
}

#[tokio::test]
async fn generic_functions() {
    spawned(async {
        assert_eq!(generic::<_, 2>(1).await, "1 2");
        let name = String::from("n");
        assert_eq!(lent(&name).await, "n");
        assert_eq!(lent(name).await, "n");
    })
    .await;
}

#[cached(ttl = 60)]
async fn recursive(n: u64) -> u64 {
    if n == 0 { 0 } else { 1 + recursive(n - 1).await }
}

#[tokio::test]
async fn a_recursive_function() {
    assert_eq!(spawned(recursive(20)).await, 20);
}

#[cached(ttl = 60)]
fn plain(name: &str) -> String {
    name.into()
}

#[tokio::test]
async fn a_plain_function() {
    spawned(async {
        assert_eq!(plain(&String::from("n")), "n");
        assert_eq!(plain("n"), "n");
    })
    .await;
}

#[cached(ttl = 60)]
fn boxed(n: u64) -> std::pin::Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move { n })
}

#[tokio::test]
async fn a_boxed_future() {
    assert_eq!(spawned(boxed(1)).await, 1);
}

#[derive(CacheKey)]
struct Shop {
    region: String,
}

impl Shop {
    #[cached(ttl = 60)]
    pub(super) async fn product(&self, name: &str) -> Result<String, String> {
        tokio::task::yield_now().await;
        Ok(format!("{} {name}", self.region))
    }

    #[cached(ttl = 60)]
    async fn hidden(&self, name: &str) -> String {
        tokio::task::yield_now().await;
        name.into()
    }

    #[cached(ttl = 60)]
    pub(super) async fn counted(self: Arc<Self>, name: &str) -> String {
        tokio::task::yield_now().await;
        format!("{} {name}", self.region)
    }

    #[cached(ttl = 60, associated)]
    pub(super) async fn flagged(name: &str) -> String {
        name.into()
    }
}

fn shop() -> Shop {
    Shop { region: "eu".into() }
}

#[tokio::test]
async fn methods_and_their_controls() {
    spawned(async {
        let (shop, name) = (shop(), String::from("n"));
        assert_eq!(shop.product(&name).await, Ok("eu n".into()));
        assert!(Shop::product_cache().peek(&shop, &name).await.is_some());
        assert!(Shop::product_cache().put(&shop, "other", "put".into()).await.is_done());
        assert!(Shop::product_cache().invalidate(&shop, &name).await.is_done());
        assert_eq!(shop.hidden(&name).await, "n");
        assert_eq!(Arc::new(shop).counted(&name).await, "eu n");
        assert_eq!(Shop::flagged(&name).await, "n");
    })
    .await;
}

trait Finds {
    fn find(&self, name: &str) -> impl Future<Output = Option<String>> + Send;
}

impl Finds for Shop {
    #[cached(ttl = 60)]
    async fn find(&self, name: &str) -> Option<String> {
        tokio::task::yield_now().await;
        Some(name.into())
    }
}

#[async_trait::async_trait]
trait Boxes {
    async fn fetch(&self, name: &str) -> Option<String>;
}

#[async_trait::async_trait]
impl Boxes for Shop {
    #[cached(ttl = 60)]
    async fn fetch(&self, name: &str) -> Option<String> {
        tokio::task::yield_now().await;
        Some(name.into())
    }
}

#[tokio::test]
async fn methods_of_traits() {
    spawned(async {
        let (shop, name) = (shop(), String::from("n"));
        assert_eq!(shop.find(&name).await.as_deref(), Some("n"));
        let object: &(dyn Boxes + Sync) = &shop;
        assert_eq!(object.fetch(&name).await.as_deref(), Some("n"));
    })
    .await;
}
