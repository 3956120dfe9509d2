//! The functions that may have a body that goes on without its caller: what they borrow is copied.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use cachet_core::{CacheKey, cached};

use crate::{Runtime, eventually};

static PLAIN: AtomicUsize = AtomicUsize::new(0);

#[cached(ttl = 60, stale = 60)]
fn plain(name: &str, all: &[u8]) -> usize {
    assert!(!name.is_empty() && all.len() == 2);
    PLAIN.fetch_add(1, Ordering::SeqCst) + 1
}

#[test]
fn a_plain_function_is_refreshed_on_another_thread() {
    let runtime = Runtime::new();
    runtime.cachet.scope_blocking(|| {
        assert_eq!(plain("a", &[1, 2]), 1);
        runtime.seconds_later(61);
        assert_eq!(plain("a", &[1, 2]), 1, "served at once");
        pollster::block_on(runtime.cachet.shutdown());
        assert_eq!(plain("a", &[1, 2]), 2);
    });
}

#[derive(Clone, CacheKey)]
struct Shop {
    id: u64,
}

static METHODS: AtomicUsize = AtomicUsize::new(0);

impl Shop {
    #[cached(ttl = 60, stale = 60)]
    pub async fn by_reference(&self, name: Option<&str>, words: &[String]) -> usize {
        assert_eq!((self.id, name, words.len()), (7, Some("x"), 1));
        METHODS.fetch_add(1, Ordering::SeqCst) + 1
    }

    #[cached(ttl = 60, stale = 60, skip(self), handle = owned)]
    async fn by_arc(self: Arc<Self>, id: u64) -> usize {
        assert_eq!((self.id, id), (7, 1));
        METHODS.fetch_add(1, Ordering::SeqCst) + 1
    }
}

#[tokio::test]
async fn methods_are_refreshed_with_a_self_of_their_own() {
    let runtime = Runtime::new();
    runtime
        .run(async {
            let first = {
                let words = vec!["w".to_owned()];
                let first = Shop { id: 7 }.by_reference(Some("x"), &words).await;
                runtime.seconds_later(61);
                assert_eq!(Shop { id: 7 }.by_reference(Some("x"), &words).await, first);
                first
            };
            let words = ["w".to_owned()];
            eventually("the refresh lands", async || Shop { id: 7 }.by_reference(Some("x"), &words).await == first + 1)
                .await;
            let shop = Arc::new(Shop { id: 7 });
            let first = Arc::clone(&shop).by_arc(1).await;
            runtime.seconds_later(61);
            assert_eq!(Arc::clone(&shop).by_arc(1).await, first);
            eventually("the refresh lands", async || Arc::clone(&shop).by_arc(1).await == first + 1).await;
            assert_eq!(Shop::owned().stats().refreshes, 1);
        })
        .await;
}

static GENERIC: AtomicUsize = AtomicUsize::new(0);

#[cached(ttl = 60, stale = 60)]
async fn generic<T: CacheKey + Clone + Send + Sync + 'static, const N: usize>(value: T, all: [u8; N]) -> usize {
    drop((value, all));
    GENERIC.fetch_add(1, Ordering::SeqCst) + 1
}

#[tokio::test]
async fn a_generic_function_is_refreshed_by_instance() {
    let runtime = Runtime::new();
    runtime
        .run(async {
            assert_eq!((generic(1_u8, [0; 2]).await, generic(1_u16, [0; 2]).await), (1, 2));
            runtime.seconds_later(61);
            assert_eq!(generic(1_u8, [0; 2]).await, 1);
            eventually("the refresh lands", async || generic(1_u8, [0; 2]).await == 3).await;
            assert_eq!(generic(1_u16, [0; 2]).await, 2, "the other instance has a refresh of its own");
        })
        .await;
}

#[tokio::test]
async fn its_future_may_be_sent() {
    let runtime = Runtime::new();
    let cachet = runtime.cachet.clone();
    let names = ["a", "b"];
    let calls = async move { Shop { id: 7 }.by_reference(Some("x"), &[names[0].to_owned()]).await };
    tokio::spawn(async move { cachet.scope(calls).await }).await.expect("it ends");
}
