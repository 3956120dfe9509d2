//! Invalidating all the way: memory, Redis, the edge.

use std::{io, sync::Arc, thread, time::Duration};

use cachet_core::{Cachet, Invalidation};
use tokio::{
    runtime,
    sync::{mpsc, oneshot, watch},
    time,
};

use super::{
    EdgePurger,
    worker::{Pace, Worker},
};

/// Invalidates tags in cachet's tiers and then in the caches in front.
///
/// The order is memory, Redis, edge: an edge that is purged asks for the new answer at once, and a tier that still had
/// the old one would give it back. Where a step fails, the tag is kept, once, and the way is gone again in the
/// background, from Redis on, until it succeeds.
///
/// ```
/// use cachet_actix::{Edge, EdgePurger, Purge, Purging};
///
/// # struct Nothing;
/// # impl EdgePurger for Nothing {
/// #     fn purge<'a>(&'a self, _: &'a [String], _: bool) -> Purging<'a> { Box::pin(async { Ok(()) }) }
/// # }
/// # fn purger() -> impl EdgePurger { Nothing }
/// # #[actix_web::main] async fn main() -> std::io::Result<()> {
/// let edge = Edge::builder(purger()).soft(true).start()?;    // once; handlers get clones
/// // After the source was written:
/// match edge.invalidate_tag("product:7").await {
///     Purge::Done => {}
///     later => println!("old answers may be served for a while: {later:?}"),
/// }
/// # Ok(())
/// # }
/// ```
///
/// Clones share the queue. It lives in memory: [`drained`](Self::drained) waits for it before a process ends. The last
/// clone that is dropped ends it.
#[derive(Clone, Debug)]
pub struct Edge {
    jobs: mpsc::Sender<Job>,
    /// How many jobs were sent and are not done with.
    waiting: Arc<watch::Sender<usize>>,
}

/// How far an invalidation has come when [`Edge::invalidate_tag`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purge {
    /// Every tier has it, and so has the edge.
    Done,
    /// This node has it. It is kept for those that could not be told yet.
    Queued,
    /// The tiers have it or will, and the edge will not: the queue is full. What it holds lives as long as it may.
    Refused,
}

/// Settings of an [`Edge`].
#[derive(Clone, Debug)]
pub struct EdgeBuilder<P> {
    purger: P,
    pace: Pace,
}

/// A tag on its way.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) tag: String,
    /// The runtime whose tiers do not all have it yet.
    pub(super) untold: Option<Cachet>,
    pub(super) answer: Option<oneshot::Sender<Purge>>,
}

impl Edge {
    /// An edge that is purged by `purger`, with the defaults.
    pub fn builder<P: EdgePurger>(purger: P) -> EdgeBuilder<P> {
        EdgeBuilder { purger, pace: Pace::default() }
    }

    /// Invalidates every entry that carries the tag in the current runtime, its shared tier, and the edge.
    ///
    /// It waits for the edge's first answer, unless the edge failed just now: then it is [`Purge::Queued`] at once. It is
    /// carried out even if the caller goes away.
    pub async fn invalidate_tag(&self, tag: impl Into<String>) -> Purge {
        let runtime = Cachet::current();
        let mut unsent = Unsent { edge: self, job: Some((tag.into(), runtime.clone())) };
        let tag = unsent.job.as_ref().map(|(tag, _)| tag.clone()).unwrap_or_default();
        let told = runtime.invalidate_tag(&tag).await;
        unsent.job = None;
        let untold = (told == Invalidation::Queued).then_some(runtime);
        let (answer, answered) = oneshot::channel();
        if !self.send(Job { tag, untold, answer: Some(answer) }) {
            return Purge::Refused;
        }
        answered.await.unwrap_or(Purge::Refused)
    }

    /// How many tags wait to be purged or are on their way.
    pub fn waiting(&self) -> usize {
        *self.waiting.borrow()
    }

    /// Waits until nothing waits to be purged, at the longest for `patience`, and says whether it came to that. It needs
    /// a tokio runtime.
    pub async fn drained(&self, patience: Duration) -> bool {
        let mut waiting = self.waiting.subscribe();
        time::timeout(patience, waiting.wait_for(|tags| *tags == 0)).await.is_ok_and(|seen| seen.is_ok())
    }

    fn send(&self, job: Job) -> bool {
        self.waiting.send_modify(|jobs| *jobs += 1);
        let is_sent = self.jobs.try_send(job).is_ok();
        if !is_sent {
            self.waiting.send_modify(|jobs| *jobs -= 1);
            tracing::warn!("the edge's queue is full: a purge is lost");
        }
        is_sent
    }
}

/// An invalidation whose caller may go away before the tiers have answered: nobody knows then what they have.
struct Unsent<'a> {
    edge: &'a Edge,
    job: Option<(String, Cachet)>,
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if let Some((tag, runtime)) = self.job.take() {
            self.edge.send(Job { tag, untold: Some(runtime), answer: None });
        }
    }
}

impl<P: EdgePurger> EdgeBuilder<P> {
    /// Whether the edge may serve what it holds as stale while it asks for the new. Default: not.
    #[must_use]
    pub fn soft(mut self, soft: bool) -> Self {
        self.pace.soft = soft;
        self
    }

    /// The most tags that are kept. Default 10 000; zero is one.
    #[must_use]
    pub fn most_waiting(mut self, tags: usize) -> Self {
        self.pace.most_waiting = tags.max(1);
        self
    }

    /// How long the purger has for a purge. Default 5 s.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.pace.timeout = time;
        self
    }

    /// The pause after a failure, which doubles up to `longest` with each further one, and varies by a fourth. Default
    /// 100 ms to 30 s.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        (self.pace.first_pause, self.pace.longest_pause) = (first, longest.max(first));
        self
    }

    /// Starts the thread that purges.
    ///
    /// # Errors
    ///
    /// If the system has no thread to give, or nothing to wait with.
    pub fn start(self) -> io::Result<Edge> {
        let (jobs, inbox) = mpsc::channel(self.pace.most_waiting);
        let waiting = Arc::new(watch::Sender::new(0));
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let worker = Worker::new(Arc::new(self.purger), self.pace, inbox, Arc::clone(&waiting));
        thread::Builder::new().name("cachet-edge".to_owned()).spawn(move || runtime.block_on(worker.run()))?;
        Ok(Edge { jobs, waiting })
    }
}
