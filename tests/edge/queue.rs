//! In which order, and how often.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use cachet_actix::{Edge, EdgePurger, Purge, PurgeError, Purging, Varnish};
use cachet_core::{
    cached,
    testing::{LoadCounter, Nodes},
};

use crate::{
    quick,
    recorder::Recorder,
    support::{self, until},
};

#[tokio::test]
async fn a_purge_that_fails_is_sent_again_and_only_once() {
    let recorder = Recorder::start(&[503, 503]);
    let varnish = Varnish::new([&recorder.url]).expect("a purger");
    let edge = quick(Edge::builder(varnish));
    assert_eq!(edge.invalidate_tag("again").await, Purge::Queued);
    assert!(edge.drained(support::DEADLINE).await);
    assert_eq!(recorder.requests().len(), 3);
    assert_eq!(edge.invalidate_tag("again").await, Purge::Done);
}

#[cached(ttl = "1h", tags = ["ordered"], skip(loads))]
async fn ordered(loads: &LoadCounter) -> usize {
    let _load = loads.load();
    loads.count()
}

/// Asks for the value as an edge does that is purged.
struct Asking(Arc<LoadCounter>, Arc<AtomicBool>);

impl EdgePurger for Asking {
    fn purge<'a>(&'a self, _: &'a [String], _: bool) -> Purging<'a> {
        Box::pin(async move {
            self.1.store(ordered(&self.0).await == 2, Ordering::Release);
            Ok(())
        })
    }
}

#[tokio::test]
async fn the_edge_is_purged_when_the_tiers_have_it() {
    let (loads, was_new) = (Arc::new(LoadCounter::new()), Arc::<AtomicBool>::default());
    ordered(&loads).await;
    let edge = Edge::builder(Asking(Arc::clone(&loads), Arc::clone(&was_new))).start().expect("a thread");
    assert_eq!(edge.invalidate_tag("ordered").await, Purge::Done);
    assert!(was_new.load(Ordering::Acquire));
}

#[tokio::test]
async fn while_the_shared_tier_is_away_the_way_is_gone_again() {
    let (recorder, nodes) = (Recorder::start(&[]), Nodes::new());
    let [node] = nodes.start();
    let varnish = Varnish::new([&recorder.url]).expect("a purger");
    let pause = Duration::from_mins(1);
    let edge = Edge::builder(varnish).backoff(pause, pause).start().expect("a thread");
    node.faults().cut_off();
    assert_eq!(node.scope(edge.invalidate_tag("away")).await, Purge::Queued);
    assert_eq!((recorder.requests().len(), edge.waiting()), (1, 1), "the edge is purged at once, and once more later");
}

#[tokio::test]
async fn once_the_shared_tier_was_told_the_edge_is_purged_again_and_no_sooner() {
    let (recorder, nodes) = (Recorder::start(&[]), Nodes::new());
    let [node] = nodes.start();
    let edge = quick(Edge::builder(Varnish::new([&recorder.url]).expect("a purger")));
    edge.follow(node.cachet());
    node.faults().cut_off();
    assert!(!node.scope(cachet_core::invalidate_tag("owed")).await.is_done());
    assert_eq!((edge.purged().await, recorder.purged()), (Purge::Queued, vec!["owed".to_owned()]));
    // Longer than the edge's own pauses.
    assert!(!edge.drained(Duration::from_millis(600)).await);
    assert!(recorder.purged().is_empty(), "it would fetch the old answer again");
    node.faults().clear();
    assert!(edge.drained(support::DEADLINE).await);
    assert_eq!(recorder.purged(), ["owed"]);
}

#[tokio::test]
async fn an_edge_is_purged_once_more_a_moment_later() {
    let recorder = Recorder::start(&[]);
    let varnish = Varnish::new([&recorder.url]).expect("a purger");
    let edge = Edge::builder(varnish).again(Duration::from_millis(50)).start().expect("a thread");
    assert_eq!(edge.invalidate_tag("twice").await, Purge::Done);
    assert!(edge.drained(support::DEADLINE).await);
    assert_eq!(recorder.purged(), ["twice", "twice"]);
}

/// Fails until it is told not to.
struct Failing {
    fails: Arc<AtomicBool>,
    purged: Arc<AtomicUsize>,
}

impl EdgePurger for Failing {
    fn purge<'a>(&'a self, tags: &'a [String], _: bool) -> Purging<'a> {
        Box::pin(async move {
            if self.fails.load(Ordering::Acquire) {
                return Err(PurgeError::Refused { status: 503 });
            }
            self.purged.fetch_add(tags.len(), Ordering::AcqRel);
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_tag_that_waits_is_purged_once_however_often_it_was_invalidated() {
    let (fails, purged) = (Arc::new(AtomicBool::new(true)), Arc::<AtomicUsize>::default());
    let edge = quick(Edge::builder(Failing { fails: Arc::clone(&fails), purged: Arc::clone(&purged) }));
    for _ in 0..5 {
        assert_eq!(edge.invalidate_tag("same").await, Purge::Queued);
    }
    assert_eq!(edge.purged().await, Purge::Queued);
    until("the five are one", async || edge.waiting() == 1).await;
    fails.store(false, Ordering::Release);
    assert!(edge.drained(support::DEADLINE).await);
    assert_eq!((purged.load(Ordering::Acquire), edge.purged().await), (1, Purge::Done));
}
