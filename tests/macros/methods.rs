//! Methods: what `self` is to the key, what controls they have, and traits.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use cachet_core::{CacheKey, cached};

use crate::{alone, runtime};

#[derive(CacheKey)]
struct Shop {
    region: &'static str,
}

const EU: Shop = Shop { region: "eu" };
const US: Shop = Shop { region: "us" };

impl Shop {
    #[cached(ttl = 60)]
    pub(super) async fn product(&self, id: u64) -> String {
        format!("{} {id}", self.region)
    }

    #[cached(ttl = 60, skip(self))]
    pub(super) async fn shared(&self, id: u64) -> String {
        format!("{} {id}", self.region)
    }

    #[cached(ttl = 60)]
    pub(super) fn plain(&self, id: u64) -> String {
        format!("{} {id}", self.region)
    }

    #[cached(ttl = 60, handle = controls_of_hidden)]
    async fn hidden(&self, id: u64) -> u64 {
        id
    }

    #[cached(ttl = 60)]
    pub(super) async fn counted(self: Arc<Self>, id: u64) -> String {
        format!("{} {id}", self.region)
    }

    #[cached(ttl = 60, associated)]
    pub(super) async fn flagged(id: u64) -> u64 {
        id
    }

    #[cached(ttl = 60)]
    pub(super) async fn recognised(id: u64) -> &'static str {
        let _ = id;
        Self::name()
    }

    fn name() -> &'static str {
        "shop"
    }
}

#[tokio::test]
async fn self_is_part_of_the_key() {
    alone(async {
        assert_eq!(EU.product(1).await, "eu 1");
        assert_eq!(US.product(1).await, "us 1");
        assert_eq!(EU.product(1).await, "eu 1");
        let stats = Shop::product_cache().stats();
        assert_eq!((stats.loads, stats.memory_hits), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn a_skipped_self_is_no_part_of_the_key_nor_of_its_controls() {
    alone(async {
        assert_eq!(EU.shared(1).await, "eu 1");
        assert_eq!(US.shared(1).await, "eu 1", "whoever asks first answers for all");
        assert!(Shop::shared_cache().invalidate(1).await.is_done());
        assert_eq!(US.shared(1).await, "us 1");
    })
    .await;
}

#[tokio::test]
async fn the_controls_of_a_method_do_what_those_of_a_function_do() {
    alone(async {
        let controls = Shop::product_cache;
        assert!(controls().peek(&EU, 1).await.is_none());
        assert_eq!(controls().fetch(&EU, 1).await.value(), "eu 1");
        assert!(controls().put(&EU, 1, "other".into()).await.is_done());
        assert_eq!(EU.product(1).await, "other");
        assert_eq!(controls().refresh(&EU, 1).await, "eu 1");
        assert_eq!(controls().warm([(&EU, 1), (&EU, 2)]).await.loaded, 1);
        assert!(controls().invalidate(&EU, 1).await.is_done());
        assert!(controls().peek(&EU, 1).await.is_none());
        assert!(controls().clear().await.is_done());
        assert!(controls().peek(&EU, 2).await.is_none());
    })
    .await;
}

#[test]
fn the_controls_of_a_plain_method_wait_for_nothing() {
    runtime().0.scope_blocking(|| {
        assert_eq!((EU.plain(1), US.plain(1)), ("eu 1".into(), "us 1".into()));
        assert!(Shop::plain_cache().invalidate(&EU, 1).is_done());
        assert!(Shop::plain_cache().peek(&EU, 1).is_none());
        assert_eq!(Shop::plain_cache().fetch(&US, 1).value(), "us 1");
        assert_eq!(Shop::plain_cache().refresh(&US, 1), "us 1");
    });
}

#[tokio::test]
async fn a_handle_gives_a_private_method_its_controls() {
    alone(async {
        assert_eq!(EU.hidden(1).await, 1);
        assert_eq!(Shop::controls_of_hidden().stats().loads, 1);
    })
    .await;
}

#[tokio::test]
async fn a_method_may_take_an_arc_of_self() {
    alone(async {
        let (eu, us) = (Arc::new(EU), Arc::new(US));
        assert_eq!(Arc::clone(&eu).counted(1).await, "eu 1");
        assert_eq!(us.counted(1).await, "us 1");
        assert_eq!(Shop::counted_cache().fetch(eu, 1).await.value(), "eu 1");
        assert_eq!(Shop::counted_cache().stats().loads, 2);
    })
    .await;
}

#[tokio::test]
async fn an_associated_function_is_told_by_self_or_by_the_flag() {
    alone(async {
        assert_eq!(Shop::flagged(1).await, 1);
        assert_eq!(Shop::recognised(1).await, "shop");
        assert_eq!(Shop::flagged_cache().stats().loads, 1);
        assert!(Shop::recognised_cache().invalidate(1).await.is_done());
    })
    .await;
}

struct Left;
struct Right;

impl Left {
    #[cached(ttl = 60, skip(self))]
    pub(super) async fn side(&self, id: u64) -> &'static str {
        let _ = id;
        "left"
    }
}

impl Right {
    #[cached(ttl = 60, skip(self))]
    pub(super) async fn side(&self, id: u64) -> &'static str {
        let _ = id;
        "right"
    }
}

#[tokio::test]
async fn methods_of_one_name_on_two_types_share_nothing() {
    alone(async {
        assert_eq!((Left.side(1).await, Right.side(1).await), ("left", "right"));
        Left::side_cache().clear().await;
        assert!(Right::side_cache().peek(1).await.is_some());
    })
    .await;
}

/// Counts the loads of methods that have no controls.
#[derive(CacheKey)]
struct Source {
    id: u64,
    #[cache_key(skip)]
    loads: AtomicU64,
}

impl Source {
    fn new(id: u64) -> Self {
        Self { id, loads: AtomicU64::new(0) }
    }

    fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    fn load(&self, n: u64) -> u64 {
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.id * 100 + n
    }
}

trait Finds {
    async fn find(&self, n: u64) -> Option<u64>;
    fn look(&self, n: u64) -> u64;
}

impl Finds for Source {
    #[cached(ttl = 60)]
    async fn find(&self, n: u64) -> Option<u64> {
        Some(self.load(n))
    }

    #[cached(ttl = 60)]
    fn look(&self, n: u64) -> u64 {
        self.load(n)
    }
}

#[tokio::test]
async fn the_methods_of_a_trait_are_cached_where_it_is_implemented() {
    alone(async {
        let (one, two) = (Source::new(1), Source::new(2));
        for _ in 0..3 {
            assert_eq!((one.find(5).await, two.find(5).await), (Some(105), Some(205)));
            assert_eq!((one.look(6), two.look(6)), (106, 206));
        }
        assert_eq!((one.loads(), two.loads()), (2, 2));
    })
    .await;
}

#[async_trait::async_trait]
trait Boxes {
    async fn fetch(&self, name: &str) -> Result<u64, String>;
}

#[async_trait::async_trait]
impl Boxes for Source {
    #[cached(ttl = 60)]
    async fn fetch(&self, name: &str) -> Result<u64, String> {
        let n = name.parse().map_err(|_| "no number".to_owned())?;
        Ok(self.load(n))
    }
}

#[tokio::test]
async fn async_trait_methods_are_cached_and_stay_objects() {
    alone(async {
        let source = Arc::new(Source::new(3));
        let object: Arc<dyn Boxes + Send + Sync> = source.clone();
        assert_eq!((object.fetch("7").await, object.fetch("7").await), (Ok(307), Ok(307)));
        assert_eq!(object.fetch("x").await, Err("no number".into()));
        assert_eq!(source.loads(), 1);
    })
    .await;
}
