//! `#[invalidates]` and `#[updates]`: what a writer changes is gone, or there, when it returns.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cachet_core::{
    Cachet, cached, invalidates,
    testing::{Gate, Nodes},
    updates,
};
use support::Redis;

/// A table of one row a test, which loads read and writers change.
#[derive(Default)]
struct Table {
    price: AtomicU64,
    loads: AtomicU64,
}

type Db = Arc<Table>;

impl Table {
    fn load(&self) -> u64 {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.price.load(Ordering::SeqCst)
    }

    fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }
}

#[cached(ttl = 3600, skip(db), tags = ["prices", "price:{id}"])]
async fn price(db: Db, id: u64) -> u64 {
    let _ = id;
    db.load()
}

#[invalidates(price(id))]
async fn set_price(db: Db, id: u64, to: u64) -> Result<(), String> {
    if to == 0 {
        return Err(format!("{id} cannot be free"));
    }
    let checked: u64 = to.to_string().parse().map_err(|_| "no number".to_owned())?;
    db.price.store(checked, Ordering::SeqCst);
    Ok(())
}

fn memory() -> Cachet {
    Cachet::builder().memory_only().build().expect("a good configuration")
}

#[tokio::test]
async fn a_successful_writer_invalidates_and_a_failed_one_does_not() {
    let db = Db::default();
    memory()
        .scope(async {
            assert_eq!(price(db.clone(), 1).await, 0);
            assert_eq!(set_price(db.clone(), 1, 0).await, Err("1 cannot be free".into()));
            assert_eq!((price(db.clone(), 1).await, db.loads()), (0, 1));
            assert_eq!(set_price(db.clone(), 1, 7).await, Ok(()));
            assert_eq!((price(db.clone(), 1).await, db.loads()), (7, 2));
        })
        .await;
}

#[tokio::test]
async fn other_entries_stay() {
    let db = Db::default();
    memory()
        .scope(async {
            price(db.clone(), 2).await;
            set_price(db.clone(), 1, 7).await.expect("it is not free");
            price(db.clone(), 2).await;
            assert_eq!(db.loads(), 1);
        })
        .await;
}

#[tokio::test]
async fn always_invalidates_after_an_error_too() {
    #[invalidates(price(id), always)]
    async fn fail(db: Db, id: u64) -> Result<(), String> {
        db.price.store(9, Ordering::SeqCst);
        Err(format!("{id} was written, and then something broke"))
    }
    let db = Db::default();
    memory()
        .scope(async {
            price(db.clone(), 1).await;
            fail(db.clone(), 1).await.expect_err("it fails");
            assert_eq!(price(db.clone(), 1).await, 9);
        })
        .await;
}

#[tokio::test]
async fn tags_are_templates_over_the_arguments() {
    #[invalidates(tag = "price:{id}")]
    async fn one(id: u64) {}
    #[invalidates(tag = "prices")]
    async fn all() {}

    let db = Db::default();
    memory()
        .scope(async {
            price(db.clone(), 1).await;
            price(db.clone(), 2).await;
            one(1).await;
            price(db.clone(), 1).await;
            price(db.clone(), 2).await;
            assert_eq!(db.loads(), 3);
            all().await;
            price(db.clone(), 1).await;
            price(db.clone(), 2).await;
            assert_eq!(db.loads(), 5);
        })
        .await;
}

#[tokio::test]
async fn a_method_names_its_own_controls() {
    struct Shop {
        db: Db,
    }

    impl Shop {
        #[cached(ttl = 60, skip(self))]
        pub async fn price(&self, id: u64) -> u64 {
            let _ = id;
            self.db.load()
        }

        #[invalidates(Self::price_cache()(id))]
        async fn set_price(&self, id: u64, to: u64) {
            let _ = id;
            self.db.price.store(to, Ordering::SeqCst);
        }
    }

    let shop = Shop { db: Db::default() };
    memory()
        .scope(async {
            shop.price(1).await;
            shop.set_price(1, 5).await;
            assert_eq!(shop.price(1).await, 5);
        })
        .await;
}

#[test]
fn a_plain_function_writes_too() {
    #[cached(ttl = 60, skip(db))]
    fn plain_price(db: &Table, id: u64) -> u64 {
        let _ = id;
        db.load()
    }
    #[invalidates(plain_price(id))]
    fn set_plain_price(db: &Table, id: u64, to: u64) -> Option<u64> {
        let _ = id;
        Some(db.price.swap(to, Ordering::SeqCst))
    }
    let db = Table::default();
    memory().scope_blocking(|| {
        plain_price(&db, 1);
        assert_eq!(set_plain_price(&db, 1, 4), Some(0));
        assert_eq!(plain_price(&db, 1), 4);
    });
}

#[tokio::test]
async fn an_updated_value_is_there_without_a_load() {
    #[updates(price(id))]
    async fn raise(db: Db, id: u64) -> Result<u64, String> {
        let _ = id;
        Ok(db.price.fetch_add(10, Ordering::SeqCst) + 10)
    }
    let db = Db::default();
    memory()
        .scope(async {
            assert_eq!(price(db.clone(), 1).await, 0);
            assert_eq!(raise(db.clone(), 1).await, Ok(10));
            assert_eq!((price(db.clone(), 1).await, db.loads()), (10, 1));
        })
        .await;
}

/// Who: a client that hangs up. When: between commit and return. What stops it: the guard that the future holds.
#[tokio::test]
async fn a_writer_that_is_cancelled_after_its_commit_still_invalidates() {
    #[invalidates(price(id))]
    async fn set_and_hang(db: Db, id: u64, committed: &Gate) {
        let _ = id;
        db.price.store(3, Ordering::SeqCst);
        committed.pass().await;
    }
    let (db, committed) = (Db::default(), Gate::closed());
    memory()
        .scope(async {
            price(db.clone(), 1).await;
            tokio::select! {
                () = set_and_hang(db.clone(), 1, &committed) => unreachable!("it hangs"),
                () = committed.arrived(1) => {}
            }
            assert_eq!(price(db.clone(), 1).await, 3);
        })
        .await;
}

#[cached(ttl = 3600, skip(db), tier = "memory,redis", name = "shared_price")]
async fn shared_price(db: Db, id: u64) -> u64 {
    let _ = id;
    db.load()
}

#[derive(Debug)]
struct Refused;

impl From<cachet_core::Error> for Refused {
    fn from(_: cachet_core::Error) -> Self {
        Self
    }
}

#[invalidates(shared_price(id), strict)]
async fn set_strictly(db: Db, id: u64, to: u64) -> Result<(), Refused> {
    let _ = id;
    db.price.store(to, Ordering::SeqCst);
    Ok(())
}

fn node(redis: &Redis) -> Cachet {
    Cachet::builder().redis(redis.url()).namespace("writes").build().expect("a good configuration")
}

/// Who: another node, which reads the old row while the writer is at work and stores it after the commit. What stops
/// it: the fence, under which nothing is stored in the shared tier.
#[tokio::test]
async fn a_load_during_the_write_is_never_found_after_it() {
    #[invalidates(shared_price(id))]
    async fn set(db: Db, id: u64, gate: &Gate) {
        let _ = id;
        gate.pass().await;
        db.price.store(8, Ordering::SeqCst);
    }
    let redis = Redis::start();
    let (here, there, third) = (node(&redis), node(&redis), node(&redis));
    let (db, gate) = (Db::default(), Gate::closed());
    let writing = here.scope(set(db.clone(), 1, &gate));
    let reading = async {
        gate.arrived(1).await;
        assert_eq!(there.scope(shared_price(db.clone(), 1)).await, 0);
        gate.open();
    };
    tokio::join!(writing, reading);
    assert_eq!(third.scope(shared_price(db.clone(), 1)).await, 8);
    assert_eq!(there.scope(shared_price(db.clone(), 1)).await, 8, "what was loaded under the fence was not kept");
}

#[tokio::test]
async fn a_write_is_one_invalidation_beside_a_shared_tier_too() {
    let (db, [node]) = (Db::default(), Nodes::new().start());
    node.scope(async {
        shared_price(db.clone(), 1).await;
        assert!(set_strictly(db.clone(), 1, 7).await.is_ok());
        assert_eq!((shared_price(db.clone(), 1).await, shared_price::stats().invalidations), (7, 1));
    })
    .await;
}

#[tokio::test]
async fn a_strict_writer_does_not_run_without_its_fence() {
    let mut redis = Redis::start();
    let node = Cachet::builder()
        .redis(redis.url())
        .namespace("strict")
        .deadline(Duration::from_millis(200))
        .build()
        .expect("a good configuration");
    let db = Db::default();
    node.scope(async {
        set_strictly(db.clone(), 1, 1).await.expect("the fence can be set");
        redis.kill();
        set_strictly(db.clone(), 1, 2).await.expect_err("the fence cannot be set");
        assert_eq!(db.price.load(Ordering::SeqCst), 1, "the body did not run");
    })
    .await;
}
