//! What a node waits for, and for how long, by a clock that stands still until every task waits.

use std::collections::BTreeSet;

use super::*;
use crate::{
    backplane::{Backplane, Inbox, News, Subscription},
    builder::Builder,
    runtime::Cachet,
};

const LEASE: Duration = Duration::from_secs(5);

/// A tier on which somebody is loading, with a backplane that can be lost from the start.
#[derive(Debug, Default)]
struct Loading {
    is_loaded: AtomicBool,
    /// When it was read, renewed and subscribed to.
    reads: Times,
    renewals: Times,
    subscriptions: Times,
    inbox: Mutex<Option<Inbox>>,
    is_deaf: bool,
}

#[derive(Debug, Default)]
struct Times(Mutex<Vec<time::Instant>>);

impl Times {
    fn note(&self) {
        self.0.lock().expect("no test panicked").push(time::Instant::now());
    }

    fn all(&self) -> Vec<time::Instant> {
        self.0.lock().expect("no test panicked").clone()
    }
}

#[derive(Clone, Debug)]
struct Tiered(Arc<Loading>);

fn answer<T: Send + 'static>(answer: T) -> TierFuture<'static, T> {
    Box::pin(async { Ok(answer) })
}

impl Tier for Tiered {
    fn name(&self) -> &'static str {
        "loading"
    }

    fn read(&self, _: Lookup) -> TierFuture<'_, Read> {
        self.0.reads.note();
        let is_loaded = self.0.is_loaded.load(Ordering::SeqCst);
        answer(if is_loaded { Read::Miss { dead: None } } else { Read::Leased })
    }

    fn acquire(&self, _: Lookup, _: Duration, _: Option<EntryId>) -> TierFuture<'_, Acquired> {
        answer(Acquired::Granted(Lease { token: EntryId([0; 32]), tags: [0; 16] }))
    }

    fn refresh(&self, _: Lookup, _: Duration, _: EntryId) -> TierFuture<'_, Acquired> {
        answer(Acquired::Filled)
    }

    fn fill(&self, _: Lookup, _: Lease, _: NewEntry) -> TierFuture<'_, bool> {
        answer(true)
    }

    fn renew(&self, _: Lookup, _: Lease, _: Duration) -> TierFuture<'_, bool> {
        self.0.renewals.note();
        answer(true)
    }

    fn release(&self, _: Lookup, _: Lease) -> TierFuture<'_, bool> {
        answer(true)
    }

    fn invalidate(&self, _: Target) -> TierFuture<'_, ()> {
        answer(())
    }

    fn fence(&self, _: Vec<Target>, _: WriterId, _: Duration) -> TierFuture<'_, ()> {
        answer(())
    }

    fn lift(&self, _: Vec<Target>, _: WriterId) -> TierFuture<'_, ()> {
        answer(())
    }

    fn backplane(&self) -> Option<&dyn Backplane> {
        Some(self)
    }

    fn probe(&self) -> TierFuture<'_, ()> {
        answer(())
    }
}

impl Backplane for Tiered {
    fn subscribe(&self, inbox: Inbox) -> TierFuture<'_, Box<dyn Subscription>> {
        self.0.subscriptions.note();
        *self.0.inbox.lock().expect("no test panicked") = Some(inbox);
        let is_deaf = self.0.is_deaf;
        Box::pin(async move {
            let fault =
                TierError { tier: "loading", operation: "subscribe", fault: Fault::Outage, source: "deaf".into() };
            if is_deaf { Err(fault) } else { Ok(Box::new(Silent) as Box<dyn Subscription>) }
        })
    }
}

/// A subscription that brings nothing but what the test says.
struct Silent;

impl Subscription for Silent {
    fn heartbeat(&self) -> TierFuture<'_, ()> {
        answer(())
    }

    fn lost(&self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

fn node(loading: Loading) -> (Cachet, Shared, Tiered) {
    let tier = Tiered(Arc::new(loading));
    let limits = Limits { deadline: LONG, lease: LEASE, staleness_bound: LONG, grace: Duration::ZERO, outage_loads: 1 };
    let everything = Target::Tag("everything".into());
    let shared = Shared::new(Arc::new(tier.clone()), Thread::current(), limits, everything);
    (Cachet::assemble(Builder::default(), "waits".into(), Some(shared.clone())), shared, tier)
}

fn lookup() -> Lookup {
    wanted(1).remove(0).0
}

/// Who: a node that waits for another one's load. When: the fill is announced between two of its looks. It looks again at
/// once, by the announcement of that key alone.
#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_announcement_and_not_with_the_next_look() {
    let (_node, shared, tier) = node(Loading::default());
    while tier.0.inbox.lock().expect("no test panicked").is_none() {
        tokio::task::yield_now().await;
    }
    let tell = |news: News<'_>| tier.0.inbox.lock().expect("no test panicked").as_ref().expect("subscribed").take(news);
    let lookup = lookup();
    let waiting = tokio::spawn({
        let (shared, lookup) = (shared.clone(), lookup.clone());
        async move { (shared.wait(lookup, LONG, 0).await, time::Instant::now()) }
    });
    // The pauses are 1, 2, 4, 8, 16 ms and then 20 each, so that this is in the middle of one.
    time::sleep(Duration::from_millis(31 + 10 * 20 + 5)).await;
    tier.0.is_loaded.store(true, Ordering::SeqCst);
    let looked = tier.0.reads.all().len();
    tell(News::Filled("another"));
    time::sleep(Duration::from_millis(2)).await;
    assert_eq!(tier.0.reads.all().len(), looked, "another key's is none of its own");
    let told = time::Instant::now();
    tell(News::Filled(&lookup.key));
    let (read, ended) = waiting.await.expect("it does not panic");
    assert!(matches!(read, Some(Read::Miss { dead: None })), "{read:?}");
    assert_eq!(ended, told);
}

#[tokio::test(start_paused = true)]
async fn a_wait_without_announcements_looks_in_pauses_that_grow_to_a_bound() {
    let (_node, shared, tier) = node(Loading::default());
    let begun = time::Instant::now();
    let limit = Duration::from_secs(1);
    assert!(matches!(shared.wait(lookup(), limit, 0).await, Some(Read::Leased)));
    assert_eq!(begun.elapsed(), limit);
    let looks = tier.0.reads.all().len();
    assert!((50..=55).contains(&looks), "{looks}");
}

#[tokio::test(start_paused = true)]
async fn nobody_looks_for_a_caller_who_went_away() {
    let (_node, shared, tier) = node(Loading::default());
    let left = time::timeout(Duration::from_millis(100), shared.wait(lookup(), LONG, 0)).await;
    assert!(left.is_err());
    let looks = tier.0.reads.all().len();
    time::sleep(LONG).await;
    assert_eq!(tier.0.reads.all().len(), looks);
}

/// Who: a thousand nodes, and a server whose connections break. When: all of them at once. What stops them from coming
/// back together: each waits for a part of the pause, by chance.
#[tokio::test(start_paused = true)]
async fn nodes_that_lose_the_backplane_together_come_back_one_by_one() {
    fastrand::seed(7);
    let nodes: Vec<_> = (0..64).map(|_| node(Loading { is_deaf: true, ..Loading::default() })).collect();
    let begun = time::Instant::now();
    while nodes.iter().any(|(.., tier)| tier.0.subscriptions.all().len() < 2) {
        time::sleep(Duration::from_millis(1)).await;
    }
    let first: BTreeSet<_> = nodes.iter().map(|(.., tier)| tier.0.subscriptions.all()[0] - begun).collect();
    let second: Vec<_> = nodes.iter().map(|(.., tier)| tier.0.subscriptions.all()[1] - begun).collect();
    let different = second.iter().collect::<BTreeSet<_>>().len();
    assert!(first.iter().all(|first| *first < Duration::from_millis(2)), "{first:?}");
    assert!(different >= 16, "{different}: {second:?}");
}

/// Who: a load that never ends. What stops it from holding others up for ever: its lease is kept up twelve times as long
/// as it is, and not longer.
#[tokio::test(start_paused = true)]
async fn a_lease_is_kept_up_twelve_times_as_long_as_it_is() {
    let (_node, shared, tier) = node(Loading::default());
    let begun = time::Instant::now();
    let Some(Grant::Lease(lease)) = shared.acquire(lookup(), None).await else { panic!("it is granted") };
    time::sleep(LEASE * 30).await;
    let renewals = tier.0.renewals.all();
    let gaps = renewals.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(gaps.into_iter().all(|gap| gap <= LEASE / 2 + Duration::from_millis(2)), "always before it is over");
    // Each lets it go on for a whole time from then on.
    let ends = *renewals.last().expect("it was kept up") - begun + LEASE;
    assert!((LEASE * 12..LEASE * 12 + LEASE / 10).contains(&ends), "{ends:?}");
    drop(lease);
}
