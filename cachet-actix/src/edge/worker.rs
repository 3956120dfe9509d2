//! The one who purges: a batch at a time, and again after a pause where that fails.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    mem,
    sync::Arc,
    time::Duration,
};

use cachet_core::__private::Debt;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{self, Instant},
};

use super::{
    EdgePurger, PurgeError,
    later::Later,
    queue::{Job, Purge},
};

/// The most tags of a purge.
const MOST_TAGS: usize = 256;

/// How often it is looked whether the shared tier was told what it could not be told before.
const DEBT_LOOKED_AT_EVERY: Duration = Duration::from_millis(250);

#[derive(Clone, Debug)]
pub(super) struct Pace {
    pub(super) soft: bool,
    pub(super) most_waiting: usize,
    pub(super) timeout: Duration,
    pub(super) first_pause: Duration,
    pub(super) longest_pause: Duration,
    pub(super) again: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            soft: false,
            most_waiting: 10_000,
            timeout: Duration::from_secs(5),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(30),
            again: Duration::from_secs(2),
        }
    }
}

/// What is known of a tag that waits.
#[derive(Default)]
struct Waiting {
    debt: Option<Debt>,
    answers: Vec<oneshot::Sender<Purge>>,
    /// Whether it is purged once more after this.
    again: bool,
}

pub(super) struct Worker {
    purger: Arc<dyn EdgePurger>,
    pace: Pace,
    inbox: mpsc::Receiver<Job>,
    count: Arc<watch::Sender<usize>>,
    /// Each tag that waits, once, the one that waits longest first.
    order: VecDeque<String>,
    waiting: HashMap<String, Waiting>,
    later: Later,
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
        let (order, waiting, later) = Default::default();
        Self { purger, pace, inbox, count, order, waiting, later, batch: MOST_TAGS, pause: None }
    }

    /// Ends when nobody can send a tag any more.
    pub(super) async fn run(mut self) {
        while self.receive().await {
            self.purge().await;
        }
    }

    /// Takes what has come and what is due; waits for something, or for the end of the pause. It is false at the end.
    async fn receive(&mut self) -> bool {
        let pause = self.pause.filter(|_| !self.order.is_empty());
        let end = pause.map(|pause| Instant::now() + pause.mul_f64(fastrand::f64().mul_add(0.5, 0.75)));
        loop {
            while let Ok(job) = self.inbox.try_recv() {
                self.take(job);
            }
            self.take_due();
            let until = match end {
                Some(end) if Instant::now() < end => {
                    self.answer_later();
                    Some(end)
                }
                None if self.order.is_empty() => self.later.next(),
                Some(_) | None => return true,
            };
            match wait(self.inbox.recv(), until).await {
                Some(Some(job)) => self.take(job),
                Some(None) => return false,
                None => {}
            }
        }
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Purge { tag, debt, answer } => self.take_tag(tag, debt, answer),
            // What was purged while the shared tier could not be told may have been fetched again as it was.
            Job::Look(answer) if self.later.owes() => tell([answer], Purge::Queued),
            // Those before it are purged by then, or it is told that they failed.
            Job::Look(answer) => match self.order.back().and_then(|last| self.waiting.get_mut(last)) {
                Some(last) => last.answers.push(answer),
                None => tell([answer], Purge::Done),
            },
        }
    }

    fn take_tag(&mut self, tag: String, debt: Option<Debt>, answer: Option<oneshot::Sender<Purge>>) {
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
        known.debt = debt.or_else(|| known.debt.take());
        known.answers.extend(answer);
        known.again = !self.pace.again.is_zero();
    }

    /// Takes what is to be purged once more by now. What waits for the shared tier waits on.
    fn take_due(&mut self) {
        let now = Instant::now();
        while let Some((tag, debt)) = self.later.pop(now) {
            match debt {
                Some(debt) if !debt.is_paid() => drop(self.later.push(tag, now + DEBT_LOOKED_AT_EVERY, Some(debt))),
                paid => self.take_again(tag, paid.is_some() && !self.pace.again.is_zero()),
            }
        }
    }

    fn take_again(&mut self, tag: String, again: bool) {
        if self.waiting.contains_key(&tag) {
            return self.forget(1);
        }
        self.order.push_back(tag.clone());
        self.waiting.insert(tag, Waiting { again, ..Waiting::default() });
    }

    fn forget(&self, jobs: usize) {
        self.count.send_modify(|count| *count -= jobs);
    }

    /// Those who wait need not wait for another try.
    fn answer_later(&mut self) {
        let answers = self.waiting.values_mut().flat_map(|known| mem::take(&mut known.answers));
        tell(answers, Purge::Queued);
    }

    /// Purges the next tags.
    async fn purge(&mut self) {
        let tags: Vec<String> = self.order.drain(..self.batch.min(self.order.len())).collect();
        let mut jobs: Vec<Waiting> = tags.iter().map(|tag| self.waiting.remove(tag).unwrap_or_default()).collect();
        for job in &mut jobs {
            // Looked at before the purge: what the edge fetches after it is new only if the tiers have been told by then.
            job.debt.take_if(|debt| debt.is_paid());
        }
        let purging = time::timeout(self.pace.timeout, self.purger.purge(&tags, self.pace.soft));
        match purging.await.unwrap_or(Err(PurgeError::TimedOut)) {
            Ok(()) => {
                (self.batch, self.pause) = ((self.batch * 2).min(MOST_TAGS), None);
                for (tag, job) in tags.into_iter().zip(jobs) {
                    self.purged(tag, job);
                }
            }
            Err(error) => {
                self.failed(&error, tags.len());
                for (tag, mut job) in tags.into_iter().zip(jobs) {
                    tell(mem::take(&mut job.answers), Purge::Queued);
                    self.order.push_back(tag.clone());
                    self.waiting.insert(tag, job);
                }
            }
        }
    }

    fn purged(&mut self, tag: String, job: Waiting) {
        let pause = match &job.debt {
            Some(_) => Some(DEBT_LOOKED_AT_EVERY),
            None => Some(self.pace.again).filter(|_| job.again),
        };
        tell(job.answers, if job.debt.is_some() { Purge::Queued } else { Purge::Done });
        let Some(pause) = pause.filter(|_| self.later.len() < self.pace.most_waiting) else {
            if job.debt.is_some() {
                tracing::warn!("the edge's queue is full: a purge is lost");
            }
            return self.forget(1);
        };
        if !self.later.push(tag, Instant::now() + pause, job.debt) {
            self.forget(1);
        }
    }

    fn failed(&mut self, error: &PurgeError, tags: usize) {
        let pause = self.pause.map_or(self.pace.first_pause, |pause| pause * 2).min(self.pace.longest_pause);
        (self.pause, self.batch) = (Some(pause), (tags / 2).max(1));
        let error = error as &dyn std::error::Error;
        tracing::warn!(error, tags, ?pause, "a purge of the edge failed and is kept");
    }
}

/// `None` where the time is over first.
async fn wait<T>(waiting: impl Future<Output = T>, until: Option<Instant>) -> Option<T> {
    match until {
        Some(until) => time::timeout_at(until, waiting).await.ok(),
        None => Some(waiting.await),
    }
}

/// Those who went away meanwhile need no answer.
fn tell(answers: impl IntoIterator<Item = oneshot::Sender<Purge>>, outcome: Purge) {
    for answer in answers {
        let _ = answer.send(outcome);
    }
}
