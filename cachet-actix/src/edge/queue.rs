//! Invalidating all the way: memory, Redis, the edge.

use std::{io, sync::Arc, thread, time::Duration};

use cachet_core::{
    __private::{Debt, follow, invalidate_tag_and, unique},
    Cachet,
};
use tokio::{
    runtime,
    sync::{mpsc, oneshot, watch},
    time,
};

use super::{
    EdgePurger,
    worker::{Pace, Worker},
};

/// Purges the caches in front of what is invalidated.
///
/// The order is memory, Redis, edge: an edge that is purged asks for the new answer at once, and a tier that still had
/// the old one would give it back. A purge that fails is kept, each tag once, and made again until it succeeds; so is one
/// that came while Redis could not be told.
///
/// An answer that was made before the invalidation may reach the edge after the purge: it was on its way, or is that of a
/// node that had not heard of it yet. So each tag is purged [once more](EdgeBuilder::again), a moment later.
///
/// # What is purged
///
/// With [`follow`](Self::follow) all that this node invalidates itself: by a tag, by the controls of a cached function, by
/// `#[invalidates]` and `#[updates]`, by an unsafe method through a [`ResponseCache`](crate::ResponseCache), and by
/// [`Cachet::clear`]. What other nodes invalidate they purge. [`EdgeTags`](crate::EdgeTags) says what answers carry for it.
///
/// ```
/// use cachet_actix::{Edge, EdgePurger, Purge, Purging};
/// use cachet_core::Cachet;
///
/// # struct Nothing;
/// # impl EdgePurger for Nothing {
/// #     fn purge<'a>(&'a self, _: &'a [String], _: bool) -> Purging<'a> { Box::pin(async { Ok(()) }) }
/// # }
/// # fn purger() -> impl EdgePurger { Nothing }
/// # #[actix_web::main] async fn main() -> std::io::Result<()> {
/// let edge = Edge::builder(purger()).soft(true).start()?;
/// edge.follow(&Cachet::current());
/// // After the source was written; it goes on to the edge behind the call:
/// cachet_core::invalidate_tag("product:7").await;
/// // Or, to know how far it came; handlers get clones:
/// match edge.invalidate_tag("product:8").await {
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
    /// What a runtime knows it by.
    number: u128,
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

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Job {
    /// A tag on its way.
    Purge {
        tag: String,
        /// What a shared tier has not been told yet.
        debt: Option<Debt>,
        answer: Option<oneshot::Sender<Purge>>,
    },
    /// Somebody asks how far all is that was sent before.
    Look(oneshot::Sender<Purge>),
}

impl Edge {
    /// An edge that is purged by `purger`, with the defaults.
    pub fn builder<P: EdgePurger>(purger: P) -> EdgeBuilder<P> {
        EdgeBuilder { purger, pace: Pace::default() }
    }

    /// Purges from now on what the runtime invalidates itself, and has its answers carry what for. It is done behind the
    /// call that invalidates; [`drained`](Self::drained) waits for it. The runtime keeps a clone of this.
    ///
    /// Nodes whose answers the edge keeps follow alike, whether they write or not.
    pub fn follow(&self, runtime: &Cachet) {
        let edge = self.clone();
        follow(runtime, self.number, move |names, debt| {
            for name in names {
                edge.send(Job::Purge { tag: name.clone(), debt: debt.clone(), answer: None });
            }
        });
    }

    /// Invalidates every entry that carries the tag in the current runtime, its shared tier, and the edge.
    ///
    /// It waits for the edge's first answer, unless the edge failed just now: then it is [`Purge::Queued`] at once. It is
    /// carried out even if the caller goes away.
    pub async fn invalidate_tag(&self, tag: impl Into<String>) -> Purge {
        let ((answer, answered), tag, edge) = (oneshot::channel(), tag.into(), self.clone());
        let sent = tag.clone();
        let then = move |debt| edge.send(Job::Purge { tag: sent, debt, answer: Some(answer) });
        invalidate_tag_and(&Cachet::current(), &tag, self.number, then).await;
        // A queue that is full drops the answer.
        answered.await.unwrap_or(Purge::Refused)
    }

    /// Waits until the edge has answered to all that was to be purged so far, and says whether it has all of it.
    ///
    /// A writer whose answer is to come after the purge asks this once it has invalidated. It is [`Purge::Queued`] at once
    /// while the edge fails.
    pub async fn purged(&self) -> Purge {
        let (answer, answered) = oneshot::channel();
        // Where there is no room there is much to be purged.
        match self.jobs.try_send(Job::Look(answer)) {
            Ok(()) => answered.await.unwrap_or(Purge::Queued),
            Err(_) => Purge::Queued,
        }
    }

    /// How many tags wait to be purged, or to be purged once more, or are on their way.
    pub fn waiting(&self) -> usize {
        *self.waiting.borrow()
    }

    /// Waits until nothing waits to be purged, at the longest for `patience`, and says whether it came to that. It needs
    /// a tokio runtime.
    pub async fn drained(&self, patience: Duration) -> bool {
        let mut waiting = self.waiting.subscribe();
        time::timeout(patience, waiting.wait_for(|tags| *tags == 0)).await.is_ok_and(|seen| seen.is_ok())
    }

    fn send(&self, job: Job) {
        self.waiting.send_modify(|jobs| *jobs += 1);
        if self.jobs.try_send(job).is_err() {
            self.waiting.send_modify(|jobs| *jobs -= 1);
            tracing::warn!("the edge's queue is full: a purge is lost");
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

    /// So long after a tag was purged it is purged once more; zero for not. Default 2 s: twice the time after which no
    /// node's memory answers with what another one has invalidated
    /// ([`staleness_bound`](cachet_core::Builder::staleness_bound)), which leaves a second to an answer on its way.
    #[must_use]
    pub fn again(mut self, after: Duration) -> Self {
        self.pace.again = after;
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
        Ok(Edge { jobs, waiting, number: unique() })
    }
}
