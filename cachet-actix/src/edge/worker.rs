//! The one who purges: a batch at a time, and again after a pause where that fails.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::Arc,
    time::Duration,
};

use cachet_core::Cachet;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{self, Instant},
};

use super::{
    EdgePurger, PurgeError,
    queue::{Job, Purge},
};

/// The most tags of a purge.
const MOST_TAGS: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct Pace {
    pub(super) soft: bool,
    pub(super) most_waiting: usize,
    pub(super) timeout: Duration,
    pub(super) first_pause: Duration,
    pub(super) longest_pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            soft: false,
            most_waiting: 10_000,
            timeout: Duration::from_secs(5),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// What is known of a tag that waits.
#[derive(Default)]
struct Waiting {
    untold: Option<Cachet>,
    answers: Vec<oneshot::Sender<Purge>>,
}

pub(super) struct Worker {
    purger: Arc<dyn EdgePurger>,
    pace: Pace,
    inbox: mpsc::Receiver<Job>,
    count: Arc<watch::Sender<usize>>,
    /// Each tag that waits, once, the one that waits longest first.
    order: VecDeque<String>,
    waiting: HashMap<String, Waiting>,
    /// So many tags are in the next purge. One that the edge will not take fails with all that are with it; so after a
    /// failure they are fewer, and in the end it fails alone.
    batch: usize,
    pause: Option<Duration>,
}

impl Worker {
    pub(super) fn new(
        purger: Arc<dyn EdgePurger>,
        pace: Pace,
        inbox: mpsc::Receiver<Job>,
        count: Arc<watch::Sender<usize>>,
    ) -> Self {
        let (order, waiting) = Default::default();
        Self { purger, pace, inbox, count, order, waiting, batch: MOST_TAGS, pause: None }
    }

    /// Ends when nobody can send a tag any more.
    pub(super) async fn run(mut self) {
        while self.receive().await {
            self.purge().await;
        }
    }

    /// Takes what has come; waits for something, or for the end of the pause. It is false at the end.
    async fn receive(&mut self) -> bool {
        if let Some(pause) = self.pause.filter(|_| !self.order.is_empty()) {
            let end = Instant::now() + pause.mul_f64(fastrand::f64().mul_add(0.5, 0.75));
            while let Ok(job) = time::timeout_at(end, self.inbox.recv()).await {
                let Some(job) = job else { return false };
                self.take(job);
                self.answer_later();
            }
        } else if self.order.is_empty() {
            let Some(job) = self.inbox.recv().await else { return false };
            self.take(job);
        }
        while let Ok(job) = self.inbox.try_recv() {
            self.take(job);
        }
        true
    }

    fn take(&mut self, Job { tag, untold, answer }: Job) {
        if self.waiting.contains_key(&tag) {
            self.forget(1);
        } else {
            if self.order.len() >= self.pace.most_waiting {
                tracing::warn!("the edge's queue is full: a purge is lost");
                self.forget(1);
                return tell(answer, Purge::Refused);
            }
            self.order.push_back(tag.clone());
        }
        let known = self.waiting.entry(tag).or_default();
        known.untold = untold.or_else(|| known.untold.take());
        known.answers.extend(answer);
    }

    fn forget(&self, jobs: usize) {
        self.count.send_modify(|count| *count -= jobs);
    }

    /// Those who wait need not wait for another try.
    fn answer_later(&mut self) {
        let answers = self.waiting.values_mut().flat_map(|known| mem::take(&mut known.answers));
        tell(answers, Purge::Queued);
    }

    /// Goes the way with the next tags: what a tier still has to be told comes before the edge.
    async fn purge(&mut self) {
        let tags: Vec<String> = self.order.drain(..self.batch.min(self.order.len())).collect();
        let mut jobs: Vec<Waiting> = tags.iter().map(|tag| self.waiting.remove(tag).unwrap_or_default()).collect();
        for (tag, job) in tags.iter().zip(&mut jobs) {
            if let Some(runtime) = &job.untold
                && runtime.invalidate_tag(tag).await.is_done()
            {
                job.untold = None;
            }
        }
        let purging = time::timeout(self.pace.timeout, self.purger.purge(&tags, self.pace.soft));
        let purged = purging.await.unwrap_or(Err(PurgeError::TimedOut));
        let is_done = |job: &Waiting| purged.is_ok() && job.untold.is_none();
        if jobs.iter().all(is_done) {
            (self.batch, self.pause) = ((self.batch * 2).min(MOST_TAGS), None);
        } else {
            self.failed(purged.as_ref().err(), tags.len());
        }
        for (tag, mut job) in tags.into_iter().zip(jobs) {
            let is_done = is_done(&job);
            let outcome = if is_done { Purge::Done } else { Purge::Queued };
            tell(mem::take(&mut job.answers), outcome);
            if is_done {
                self.forget(1);
            } else {
                self.order.push_back(tag.clone());
                self.waiting.insert(tag, job);
            }
        }
    }

    fn failed(&mut self, error: Option<&PurgeError>, tags: usize) {
        let pause = self.pause.map_or(self.pace.first_pause, |pause| pause * 2).min(self.pace.longest_pause);
        self.pause = Some(pause);
        if let Some(error) = error {
            self.batch = (tags / 2).max(1);
            let error = error as &dyn std::error::Error;
            tracing::warn!(error, tags, ?pause, "a purge of the edge failed and is kept");
        }
    }
}

/// Those who went away meanwhile need no answer.
fn tell(answers: impl IntoIterator<Item = oneshot::Sender<Purge>>, outcome: Purge) {
    for answer in answers {
        let _ = answer.send(outcome);
    }
}
