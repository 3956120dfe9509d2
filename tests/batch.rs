//! `batch`: a function of many keys, each of which has an entry of its own.

mod support;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use cachet_core::{Cachet, cached};
use support::Redis;
use tokio::sync::Notify;

/// Which keys each run of the loader was given.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<Vec<u64>>>>);

impl Asked {
    fn note(&self, ids: &[u64]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(ids.to_vec());
    }

    fn all(&self) -> Vec<Vec<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cached(ttl = 60, batch = ids, skip(asked), tags = ["name:{ids}"])]
async fn names(ids: Vec<u64>, asked: Asked) -> Result<HashMap<u64, String>, String> {
    asked.note(&ids);
    if ids.contains(&13) {
        return Err("unlucky".into());
    }
    // Nobody is called 404.
    Ok(ids.into_iter().filter(|id| *id != 404).map(|id| (id, format!("n{id}"))).collect())
}

#[cached(ttl = 60, batch = ids, skip(asked), tier = "memory,redis", name = "shared_names")]
async fn shared_names(ids: &[u64], asked: &Asked) -> BTreeMap<u64, String> {
    asked.note(ids);
    ids.iter().map(|id| (*id, format!("n{id}"))).collect()
}

fn memory() -> Cachet {
    Cachet::builder().memory_only().build().expect("a good configuration")
}

#[tokio::test]
async fn only_missing_keys_reach_the_function_and_duplicates_once() {
    let asked = Asked::default();
    memory()
        .scope(async {
            let first = names(vec![1, 2, 2, 1], asked.clone()).await.expect("all are found");
            assert_eq!(first, HashMap::from([(1, "n1".into()), (2, "n2".into())]));
            let second = names(vec![3, 2, 1], asked.clone()).await.expect("all are found");
            assert_eq!(second.len(), 3);
            assert_eq!(asked.all(), [vec![1, 2], vec![3]]);
            assert_eq!(names(Vec::new(), asked.clone()).await, Ok(HashMap::new()));
            assert_eq!(asked.all().len(), 2, "nothing is asked for nothing");
        })
        .await;
}

#[tokio::test]
async fn a_key_that_is_not_returned_is_absent_and_asked_for_again() {
    let asked = Asked::default();
    memory()
        .scope(async {
            assert_eq!(names(vec![1, 404], asked.clone()).await.expect("one is found").len(), 1);
            assert_eq!(names(vec![1, 404], asked.clone()).await.expect("one is found").len(), 1);
            assert_eq!(asked.all(), [vec![1, 404], vec![404]]);
        })
        .await;
}

#[tokio::test]
async fn an_error_is_the_callers_and_keeps_nothing() {
    let asked = Asked::default();
    memory()
        .scope(async {
            assert_eq!(names(vec![1, 13], asked.clone()).await, Err("unlucky".into()));
            names(vec![1], asked.clone()).await.expect("it is found");
            assert_eq!(asked.all(), [vec![1, 13], vec![1]]);
        })
        .await;
}

#[tokio::test]
async fn controls_and_tags_are_about_one_key() {
    let asked = Asked::default();
    memory()
        .scope(async {
            names(vec![1, 2, 3], asked.clone()).await.expect("all are found");
            assert_eq!(names::peek(1).await.as_deref(), Some(&"n1".to_owned()));
            names::invalidate(1).await;
            cachet_core::invalidate_tag("name:2").await;
            names::put(3, "three".into()).await;
            let again = names(vec![1, 2, 3], asked.clone()).await.expect("all are found");
            assert_eq!(again[&3], "three");
            assert_eq!(asked.all()[1..], [vec![1, 2]]);
        })
        .await;
}

#[tokio::test]
async fn overlapping_batches_share_their_loads() {
    #[cached(ttl = 60, batch = ids, skip(asked, gate))]
    async fn gated(ids: Vec<u64>, asked: Asked, gate: Arc<Notify>) -> HashMap<u64, u64> {
        asked.note(&ids);
        gate.notified().await;
        ids.into_iter().map(|id| (id, id)).collect()
    }
    let (asked, gate) = (Asked::default(), Arc::new(Notify::new()));
    memory()
        .scope(async {
            let first = gated(vec![1, 2], asked.clone(), Arc::clone(&gate));
            let second = gated(vec![2, 3], asked.clone(), Arc::clone(&gate));
            let open = async {
                gate.notify_one();
                tokio::task::yield_now().await;
                gate.notify_one();
            };
            let (first, second, ()) = tokio::join!(first, second, open);
            assert_eq!((first.len(), second.len()), (2, 2));
            assert_eq!(asked.all(), [vec![1, 2], vec![3]], "the second one waits for 2");
        })
        .await;
}

#[tokio::test]
async fn another_node_finds_in_redis_what_the_first_one_loaded() {
    let redis = Redis::start();
    let node = || Cachet::builder().redis(redis.url()).namespace("batch").build().expect("a good configuration");
    let asked = Asked::default();
    node().scope(shared_names(&[1, 2], &asked)).await;
    let before = redis.command(&["INFO", "commandstats"]);
    assert!(before.contains("cmdstat_mget"), "entries are read by MGET: {before}");
    let all = node().scope(shared_names(&[1, 2, 3], &asked)).await;
    assert_eq!(all.len(), 3);
    assert_eq!(asked.all(), [vec![1, 2], vec![3]]);
}

#[tokio::test]
async fn a_batch_can_be_spawned() {
    let asked = Asked::default();
    let task = tokio::spawn(async move { shared_names(&[9], &asked).await });
    assert_eq!(task.await.expect("it ends").len(), 1);
}
