mod waits;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32},
    },
    time::{Instant, SystemTime},
};

use futures_util::FutureExt as _;
use tokio::sync::Notify;

use super::*;
use crate::{
    invalidate::Invalidation,
    tier::{Acquired, Lease, MAX_BATCH, NewEntry, TierFuture, WriterId},
};

const LONG: Duration = Duration::from_secs(30);

/// A tier that grants everything, notes what it is asked, and can be out of reach.
#[derive(Debug, Default)]
struct Noting {
    log: Mutex<Vec<String>>,
    out_of_reach: AtomicBool,
    probes: AtomicU32,
    /// What reads wait for.
    gate: Mutex<Option<Arc<Notify>>>,
}

#[derive(Clone, Debug, Default)]
struct Notes(Arc<Noting>);

impl Notes {
    fn answer<T: Send + 'static>(&self, note: String, answer: T) -> TierFuture<'_, T> {
        let failed = self.0.out_of_reach.load(Ordering::SeqCst);
        if !failed && !note.is_empty() {
            self.0.log.lock().expect("no test panicked").push(note);
        }
        let failure = TierError { tier: "notes", operation: "all", fault: Fault::Outage, source: "cut off".into() };
        Box::pin(async move { if failed { Err(failure) } else { Ok(answer) } })
    }

    fn out_of_reach(&self, out_of_reach: bool) {
        self.0.out_of_reach.store(out_of_reach, Ordering::SeqCst);
    }

    fn log(&self) -> Vec<String> {
        self.0.log.lock().expect("no test panicked").clone()
    }
}

fn keys(targets: &[Target]) -> String {
    targets.iter().map(Target::key).collect::<Vec<_>>().join(" ")
}

impl Tier for Notes {
    fn name(&self) -> &'static str {
        "notes"
    }

    fn read(&self, _: Lookup) -> TierFuture<'_, Read> {
        let gate = self.0.gate.lock().expect("no test panicked").clone();
        let answer = self.answer(String::new(), Read::Fenced);
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.notified().await;
            }
            answer.await
        })
    }

    fn acquire(&self, _: Lookup, _: Duration, _: Option<EntryId>) -> TierFuture<'_, Acquired> {
        self.answer(String::new(), Acquired::Granted(Lease { token: EntryId([0; 32]), tags: [0; 16] }))
    }

    fn refresh(&self, _: Lookup, _: Duration, _: EntryId) -> TierFuture<'_, Acquired> {
        unreachable!("no test refreshes")
    }

    fn acquire_many(&self, wanted: Vec<(Lookup, Option<EntryId>)>, _: Duration) -> TierFuture<'_, Vec<Acquired>> {
        let granted = Acquired::Granted(Lease { token: EntryId([0; 32]), tags: [0; 16] });
        self.answer(format!("acquire {}", wanted.len()), vec![granted; wanted.len()])
    }

    fn fill(&self, _: Lookup, _: Lease, _: NewEntry) -> TierFuture<'_, bool> {
        self.answer(String::new(), true)
    }

    fn fill_many(&self, fills: Vec<(Lookup, Lease, NewEntry)>) -> TierFuture<'_, Vec<bool>> {
        self.answer(format!("fill {}", fills.len()), vec![true; fills.len()])
    }

    fn release(&self, lookup: Lookup, _: Lease) -> TierFuture<'_, bool> {
        self.answer(format!("release {}", lookup.key), true)
    }

    fn invalidate(&self, target: Target) -> TierFuture<'_, ()> {
        self.answer(format!("invalidate {}", target.key()), ())
    }

    fn fence(&self, targets: Vec<Target>, _: WriterId, _: Duration) -> TierFuture<'_, ()> {
        self.answer(format!("fence {}", keys(&targets)), ())
    }

    fn lift(&self, targets: Vec<Target>, _: WriterId) -> TierFuture<'_, ()> {
        self.answer(format!("lift {}", keys(&targets)), ())
    }

    fn probe(&self) -> TierFuture<'_, ()> {
        self.0.probes.fetch_add(1, Ordering::SeqCst);
        self.answer(String::new(), ())
    }
}

fn shared(tier: &Notes) -> Shared {
    shared_after(tier, Duration::ZERO)
}

fn shared_after(tier: &Notes, grace: Duration) -> Shared {
    let limits = Limits { deadline: LONG, lease: LONG, staleness_bound: LONG, grace, outage_loads: 1 };
    Shared::new(Arc::new(tier.clone()), Thread::current(), limits, Target::Tag("everything".into()))
}

fn targets() -> Vec<Target> {
    vec![Target::Entry("one".into()), Target::Tag("two".into())]
}

fn wanted(count: usize) -> Vec<(Lookup, Option<EntryId>)> {
    (0..count).map(|at| (Lookup { key: at.to_string().into(), tags: Arc::new([]) }, None)).collect()
}

fn leases(grants: Vec<Option<Grant>>) -> Vec<HeldLease> {
    let lease = |grant| if let Some(Grant::Lease(lease)) = grant { Some(lease) } else { None };
    grants.into_iter().filter_map(lease).collect()
}

fn fill(lease: HeldLease) -> (HeldLease, NewEntry) {
    let body = "value".into();
    (
        lease,
        NewEntry {
            lifetime: LONG,
            grace: Duration::ZERO,
            load_time: Duration::ZERO,
            modified: SystemTime::now(),
            validator: None,
            body,
        },
    )
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < LONG, "gave up waiting: {what}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn fences_are_set_and_lifted_in_one_exchange_each() {
    let tier = Notes::default();
    let (shared, writer) = (shared(&tier), WriterId::unique());
    assert_eq!(shared.fence(targets(), writer, LONG).await, Some(()));
    let after = Arc::new(AtomicBool::new(false));
    let ran = Arc::clone(&after);
    assert_eq!(shared.lift(targets(), writer, move || ran.store(true, Ordering::SeqCst)).await, Invalidation::Done);
    assert!(after.load(Ordering::SeqCst), "the local part ran after the tier's answer");
    assert_eq!(tier.log(), ["fence one two", "lift one two"]);
}

#[tokio::test]
async fn a_lift_that_cannot_be_sent_is_kept() {
    let tier = Notes::default();
    let (shared, writer) = (shared(&tier), WriterId::unique());
    assert_eq!(shared.fence(targets(), writer, LONG).await, Some(()));
    tier.out_of_reach(true);
    assert_eq!(shared.lift(targets(), writer, || {}).await, Invalidation::Queued);
    assert_eq!(shared.fence(targets(), writer, LONG).await, None, "no fence can be set");
    assert!(shared.read_many(vec![wanted(1)[0].0.clone()]).await[0].is_none(), "nor is the tier believed");
    tier.out_of_reach(false);
    until("the tier is believed again", || !shared.is_suspended()).await;
    assert_eq!(tier.log(), ["fence one two", "lift one", "lift two"]);
}

#[tokio::test]
async fn a_lift_is_carried_out_though_its_caller_went_away() {
    let tier = Notes::default();
    let shared = shared(&tier);
    {
        let mut lift = std::pin::pin!(shared.lift(targets(), WriterId::unique(), || {}));
        assert!(lift.as_mut().now_or_never().is_none());
    }
    until("the lift is carried out", || tier.log() == ["lift one two"]).await;
}

#[tokio::test]
async fn a_large_batch_goes_in_several_exchanges() {
    let tier = Notes::default();
    let shared = shared(&tier);
    let leases = leases(shared.acquire_many(wanted(MAX_BATCH + 1)).await);
    let filled = shared.fill_many(leases.into_iter().map(fill).collect()).await;
    assert_eq!(filled, vec![Some(true); MAX_BATCH + 1]);
    let sizes = [MAX_BATCH, 1];
    let expected = ["acquire", "fill"].map(|operation| sizes.map(|size| format!("{operation} {size}")));
    assert_eq!(tier.log(), expected.as_flattened());
}

#[tokio::test]
async fn what_a_batch_does_not_fill_is_released() {
    let tier = Notes::default();
    let shared = shared(&tier);
    let mut leases = leases(shared.acquire_many(wanted(3)).await);
    drop(leases.remove(1));
    assert_eq!(shared.fill_many(leases.into_iter().map(fill).collect()).await, [Some(true); 2]);
    until("the second lease is given back", || tier.log().contains(&"release 1".into())).await;
    assert_eq!(tier.log().len(), 3, "the others are not");
}

#[tokio::test]
async fn a_batch_that_fails_gives_no_answers_and_asks_no_further() {
    let tier = Notes::default();
    let shared = shared(&tier);
    let leases = leases(shared.acquire_many(wanted(2)).await);
    tier.out_of_reach(true);
    let grants = shared.acquire_many(wanted(MAX_BATCH * 2)).await;
    assert!(grants.len() == MAX_BATCH * 2 && grants.iter().all(Option::is_none));
    assert_eq!(shared.fill_many(leases.into_iter().map(fill).collect()).await, [None; 2]);
}

/// Who: a backplane that is lost twice. When: the second time during the grace after the first. What keeps the tier from
/// being believed before others have sent what they kept: the grace begins anew.
#[tokio::test(start_paused = true)]
async fn a_second_loss_during_the_grace_has_a_grace_of_its_own() {
    let (tier, grace) = (Notes::default(), Duration::from_secs(10));
    let shared = shared_after(&tier, grace);
    shared.suspend();
    time::sleep(grace / 2).await;
    assert!(shared.is_suspended());
    shared.suspend();
    let begun = time::Instant::now();
    while shared.is_suspended() {
        time::sleep(grace / 100).await;
    }
    assert!((grace..grace * 2).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_tier_that_stays_away_is_tried_less_and_less_often_as_far_as_the_grace_allows() {
    let tier = Notes::default();
    tier.out_of_reach(true);
    let shared = shared_after(&tier, Duration::from_secs(30));
    shared.suspend();
    time::sleep(Duration::from_mins(1)).await;
    let tries = tier.0.probes.load(Ordering::SeqCst);
    assert!((10..30).contains(&tries), "{tries} tries in a minute");
}

/// Who: a read, and another node that keeps an invalidation in an outage. When: the answer comes so late that the outage and
/// its grace are over. What stops the old value: it was asked for before them.
#[tokio::test(start_paused = true)]
async fn an_answer_from_before_an_outage_is_not_believed_after_it() {
    let (tier, gate) = (Notes::default(), Arc::new(Notify::new()));
    let shared = shared(&tier);
    *tier.0.gate.lock().expect("no test panicked") = Some(Arc::clone(&gate));
    let mut reading = std::pin::pin!(shared.read(wanted(1)[0].0.clone()));
    assert!(reading.as_mut().now_or_never().is_none());
    shared.suspend();
    while shared.is_suspended() {
        time::sleep(pauses::FIRST).await;
    }
    gate.notify_one();
    assert!(reading.await.is_none());
    gate.notify_one();
    assert!(shared.read(wanted(1)[0].0.clone()).await.is_some(), "later ones are");
}

#[tokio::test]
async fn some_faults_mean_that_the_tier_is_not_asked_and_others_do_not() {
    // After how many in a row it is not.
    let classes = [
        (Fault::Outage, Some(3)),
        (Fault::Overload, Some(3)),
        (Fault::Denied, Some(1)),
        (Fault::Full, None),
        (Fault::WrongType, None),
        (Fault::Moved, None),
        (Fault::Reply, None),
    ];
    for (fault, limit) in classes {
        let tier = Notes::default();
        let shared = shared_after(&tier, LONG);
        let suspended_after = (1..=10).find(|_| {
            shared.took_fault(&TierError { tier: "notes", operation: "read", fault, source: "it failed".into() });
            shared.is_suspended()
        });
        assert_eq!(suspended_after, limit, "{fault:?}");
    }
}

#[tokio::test]
async fn an_outage_is_told_whoever_finds_it_and_once() {
    let tier = Notes::default();
    let shared = shared(&tier);
    tier.out_of_reach(true);
    shared.suspend(); // as the backplane does that is lost: no call has failed
    until("it is told", || shared.0.told.load(Ordering::Relaxed) == 1).await;
    assert!(!shared.is_news(Fault::Outage) && !shared.is_news(Fault::Overload));
    assert!(shared.is_news(Fault::Denied), "a refusal says more");
    assert!(!shared.is_news(Fault::Denied) && !shared.is_news(Fault::Outage));
    tier.out_of_reach(false);
    until("the tier is believed again", || !shared.is_suspended()).await;
    assert!(shared.is_news(Fault::Outage), "the next outage is another one");
}
