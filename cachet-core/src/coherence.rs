//! What memory may answer beside other nodes: stamps, trust, and who waits for another node's load.
//!
//! Every entry of a function with a shared tier carries the *stamp* of its key, noted before the command was sent whose
//! answer it is. News of a change advances the stamp, which makes such entries dead, those of loads under way included.
//!
//! News can be lost, and a connection can hang without a sign. So memory is *trusted* only until a moment, which a
//! heartbeat on the connection that brings the news puts off: sent at `s` and answered, it shows that everything
//! published before `s` has been taken, so until `s` + Δ no hit misses a change that is more than Δ old. Where trust is
//! over, an entry still answers for Δ from the moment its own answer was asked for, which is the same bound; so it does
//! where the connection broke, if it was asked for after that. That shields the tier and, in an outage, the source.
//!
//! That nothing published was missed is not all: what could not be published is kept by its node. So trust that lapsed, or
//! was lost, comes back to an empty memory.
//!
//! Who: a hit, and the driver that takes news and then trusts. When: the hit looks at the stamp before the news, and at
//! the trust after them. What stops it: it looks at the trust first.

use std::{
    collections::{HashMap, hash_map},
    fmt,
    hash::BuildHasher,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, watch};

use crate::{
    clock::{AtomicTick, Clock, RESOLUTION, Tick},
    tags::TagSeen,
    without::{Rule, without},
};

/// How many stamps there are. Keys share them, so a change costs a few other entries a look at the shared tier.
const STAMPS: usize = 4096;

/// How long trust lasts where nothing ends it.
const FOR_EVER: Duration = Duration::from_hours(24);

pub(crate) struct Coherence {
    /// Δ.
    bound: Duration,
    stamps: Box<[Arc<AtomicU64>]>,
    hasher: foldhash::fast::RandomState,
    trusted_until: AtomicTick,
    /// When trust was lost last by a connection that broke.
    lost: AtomicTick,
    live: watch::Sender<bool>,
    waiting: Waiting,
}

/// The time that trust is measured by, whatever clock a test gives the entries.
pub(crate) fn now() -> Tick {
    Clock::System.now()
}

impl Coherence {
    pub(crate) fn new(bound: Duration) -> Self {
        Self {
            bound,
            stamps: (0..STAMPS).map(|_| Arc::default()).collect(),
            hasher: foldhash::fast::RandomState::default(),
            trusted_until: AtomicTick::default(),
            lost: AtomicTick::default(),
            live: watch::Sender::new(false),
            waiting: Waiting::default(),
        }
    }

    /// Δ.
    pub(crate) fn bound(&self) -> Duration {
        self.bound
    }

    /// Whether memory may answer with what was asked for at `asked`. To be called before the entry's stamp is looked at.
    #[inline]
    pub(crate) fn vouches(&self, asked: Tick, now: Tick) -> bool {
        now < self.trusted_until.acquire() || self.is_young(asked, now)
    }

    #[cold]
    fn is_young(&self, asked: Tick, now: Tick) -> bool {
        asked > self.lost.acquire() && now < self.until(asked)
    }

    /// Coarse readings may lag behind, so the time is that much shorter.
    fn until(&self, sent: Tick) -> Tick {
        sent + self.bound.saturating_sub(RESOLUTION)
    }

    /// The stamp of a key, to be noted before the command is sent whose answer it dates.
    pub(crate) fn seen(&self, key: &str) -> TagSeen {
        TagSeen::of(&self.stamps[self.slot(key)])
    }

    /// Makes everything dead that was noted under the key's stamp.
    pub(crate) fn advance(&self, key: &str) {
        self.stamps[self.slot(key)].fetch_add(1, Ordering::AcqRel);
    }

    /// Makes everything dead: changes may have gone unheard.
    pub(crate) fn advance_all(&self) {
        for stamp in &self.stamps {
            stamp.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn slot(&self, key: &str) -> usize {
        usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or_default() % STAMPS
    }

    /// Whether trust is over, though the connection has not broken.
    pub(crate) fn has_lapsed(&self) -> bool {
        *self.live.borrow() && now() >= self.trusted_until.acquire()
    }

    /// A heartbeat sent at that moment was answered.
    pub(crate) fn trust(&self, sent: Tick) {
        let until = if without(Rule::Heartbeat) { sent + FOR_EVER } else { self.until(sent) };
        self.trusted_until.release(until);
        self.live.send_replace(true);
    }

    /// The connection broke: what memory holds is not vouched for any more.
    pub(crate) fn lose(&self) {
        self.lost.release(now());
        self.trusted_until.release(Tick::default());
        self.live.send_replace(false);
    }

    /// Waits until news come in.
    pub(crate) async fn is_live(&self) {
        // The sender is part of `self`, so the wait ends with the condition only.
        let _ = self.live.subscribe().wait_for(|is_live| *is_live).await;
    }

    pub(crate) fn waiting(&self) -> &Waiting {
        &self.waiting
    }
}

impl fmt::Debug for Coherence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coherence").field("bound", &self.bound).finish_non_exhaustive()
    }
}

/// The keys whose loads, on other nodes, are waited for. There are at most as many as calls under way.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<Bells>);

type Bells = HashMap<Arc<str>, (Arc<Notify>, usize)>;

impl Waiting {
    /// Waits for a key from now on.
    pub(crate) fn wait_for(&self, key: &Arc<str>) -> Waiter<'_> {
        let mut bells = self.bells();
        let (bell, waiters) = bells.entry(Arc::clone(key)).or_default();
        *waiters += 1;
        Waiter { waiting: self, key: Arc::clone(key), bell: Arc::clone(bell) }
    }

    /// The load of the key is over.
    pub(crate) fn wake(&self, key: &str) {
        if let Some((bell, _)) = self.bells().get(key) {
            bell.notify_waiters();
        }
    }

    fn bells(&self) -> MutexGuard<'_, Bells> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One wait for a key.
pub(crate) struct Waiter<'a> {
    waiting: &'a Waiting,
    key: Arc<str>,
    bell: Arc<Notify>,
}

impl Waiter<'_> {
    /// Waits for the next piece of news of the key. What came before is gone: the caller looks from time to time.
    pub(crate) async fn woken(&self) {
        self.bell.notified().await;
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let hash_map::Entry::Occupied(mut bell) = self.waiting.bells().entry(Arc::clone(&self.key)) {
            bell.get_mut().1 -= 1;
            if bell.get().1 == 0 {
                bell.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    fn coherence() -> Coherence {
        Coherence::new(Duration::from_secs(1))
    }

    #[test]
    fn trust_ends_strictly_before_the_bound_after_the_heartbeat_was_sent() {
        let coherence = coherence();
        let sent = now();
        let long_ago = sent.before(Duration::from_mins(1));
        assert!(!coherence.vouches(long_ago, sent), "nothing is trusted before the first answer");
        coherence.trust(sent);
        assert!(!coherence.has_lapsed());
        assert!(coherence.vouches(long_ago, sent + Duration::from_millis(970)));
        assert!(!coherence.vouches(long_ago, sent + Duration::from_secs(1)));
    }

    #[test]
    fn trust_lapses_by_itself_and_is_lost_with_its_connection() {
        let coherence = coherence();
        let long_ago = now().before(Duration::from_mins(1));
        assert!(!coherence.has_lapsed(), "there has been none");
        coherence.trust(long_ago);
        assert!(coherence.has_lapsed());
        coherence.lose();
        assert!(!coherence.has_lapsed(), "a new connection begins anew");
    }

    #[test]
    fn what_was_asked_for_lately_is_answered_without_trust_unless_the_connection_broke_since() {
        let coherence = coherence();
        let asked = now();
        assert!(coherence.vouches(asked, asked + Duration::from_millis(970)));
        assert!(!coherence.vouches(asked, asked + Duration::from_secs(1)));
        coherence.lose();
        assert!(!coherence.vouches(asked, asked), "it may have changed unheard");
        assert!(coherence.vouches(now() + Duration::from_millis(1), now()));
    }

    #[test]
    fn a_change_reaches_the_entries_of_its_key_and_all_of_them_at_once() {
        let coherence = coherence();
        let (one, other) = ([coherence.seen("a")], [coherence.seen("b")]);
        coherence.advance("a");
        assert!(!TagSeen::all_current(&one) && TagSeen::all_current(&other));
        coherence.advance_all();
        assert!(!TagSeen::all_current(&other));
        assert!(TagSeen::all_current(&[coherence.seen("a")]));
    }

    #[test]
    fn who_waits_is_woken_and_forgotten() {
        let coherence = coherence();
        let key: Arc<str> = "k".into();
        let (one, other) = (coherence.waiting().wait_for(&key), coherence.waiting().wait_for(&key));
        let mut cx = Context::from_waker(Waker::noop());
        let mut woken = Box::pin(one.woken());
        assert!(woken.as_mut().poll(&mut cx).is_pending());
        coherence.waiting().wake("other");
        assert!(woken.as_mut().poll(&mut cx).is_pending());
        coherence.waiting().wake("k");
        assert!(woken.as_mut().poll(&mut cx).is_ready());
        drop(woken);
        drop(other);
        drop(one);
        assert!(coherence.waiting().bells().is_empty());
    }
}
