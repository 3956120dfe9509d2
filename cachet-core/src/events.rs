//! Counters of one function, always on.
//!
//! Only memory hits are frequent enough to contend, so only they are spread over several cache lines.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde::{Serialize, Serializer};

/// Independent hit counters; a power of two.
const SHARDS: usize = 16;

/// A counter alone on its cache line (two lines, for the prefetcher's sake).
#[derive(Default)]
#[repr(align(128))]
struct Padded(AtomicU64);

#[derive(Default)]
pub(crate) struct Counters {
    memory_hits: [Padded; SHARDS],
    pub(crate) shared_hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) followers: AtomicU64,
    pub(crate) loads: AtomicU64,
    pub(crate) load_errors: AtomicU64,
    load_nanos: AtomicU64,
    pub(crate) invalidations: AtomicU64,
    pub(crate) undecodable: AtomicU64,
    pub(crate) refused_fills: AtomicU64,
    pub(crate) bypassed: AtomicU64,
    pub(crate) evictions: Arc<AtomicU64>,
    pub(crate) stale: AtomicU64,
    pub(crate) refreshes: AtomicU64,
    pub(crate) dropped_refreshes: AtomicU64,
    pub(crate) overruns: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    #[inline]
    pub(crate) fn memory_hit(&self) {
        self.memory_hits[shard_of_this_thread()].0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn loaded_in(&self, time: Duration) {
        count(&self.loads);
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.load_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self, entries: u64) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            memory_hits: self.memory_hits.iter().map(|shard| read(&shard.0)).sum(),
            shared_hits: read(&self.shared_hits),
            misses: read(&self.misses),
            followers: read(&self.followers),
            loads: read(&self.loads),
            load_errors: read(&self.load_errors),
            load_time: Duration::from_nanos(read(&self.load_nanos)),
            invalidations: read(&self.invalidations),
            undecodable: read(&self.undecodable),
            refused_fills: read(&self.refused_fills),
            bypassed: read(&self.bypassed),
            evictions: read(&self.evictions),
            stale: read(&self.stale),
            refreshes: read(&self.refreshes),
            dropped_refreshes: read(&self.dropped_refreshes),
            overruns: read(&self.overruns),
            entries,
            bytes: 0,
        }
    }
}

#[inline]
fn shard_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    SHARD.with(|shard| {
        if shard.get() == usize::MAX {
            shard.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        shard.get() % SHARDS
    })
}

/// What happened to one cached function since the process began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Calls that memory answered.
    pub memory_hits: u64,
    /// Calls that the shared tier answered.
    pub shared_hits: u64,
    /// Calls that memory did not answer.
    pub misses: u64,
    /// Calls that waited for another caller's load.
    pub followers: u64,
    /// Loads that ran to their end.
    pub loads: u64,
    /// Loads among them that ended in an error.
    pub load_errors: u64,
    /// The time that all loads took together; in seconds where it is serialized.
    #[serde(serialize_with = "as_seconds")]
    pub load_time: Duration,
    /// Invalidations by key and clears of the function; not those by tag.
    pub invalidations: u64,
    /// Shared entries that did not decode and were overwritten.
    pub undecodable: u64,
    /// Values that the shared tier refused to store, because the key was invalidated during the load.
    pub refused_fills: u64,
    /// Loads that ran without the shared tier, because it could not be asked.
    pub bypassed: u64,
    /// Entries that memory gave up for want of room (with `Engine::MiniMoka` only those that it never took).
    pub evictions: u64,
    /// Calls that were answered with a stale value, by `stale` or `stale_if_error`. While a source that failed is left
    /// alone, they are memory hits.
    pub stale: u64,
    /// Refreshes that began behind a call, by `stale` or `early`.
    pub refreshes: u64,
    /// Refreshes that never began: too many others were more urgent, or the runtime was shut down.
    pub dropped_refreshes: u64,
    /// Calls whose load overran `timeout`.
    pub overruns: u64,
    /// Entries in memory now.
    pub entries: u64,
    /// What they weigh together, in bytes, with their keys and headers; zero where `max_bytes` does not bound it.
    pub bytes: u64,
}

fn as_seconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(span.as_secs_f64())
}
