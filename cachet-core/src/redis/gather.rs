//! Reads that are asked for at the same time go in one exchange.
//!
//! Who asks first has a task woken, which sends for all who have asked by the time it runs. Nobody waits for others: on an
//! idle thread the task runs at once and has one read to send; on a busy one it has many, which is when it matters. Tags
//! that they share are asked for once.

use std::{
    io, mem,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use deadpool_redis::redis::RedisResult;
use tokio::sync::oneshot;

use super::{lanes::Lanes, read::read_all};
use crate::tier::{Lookup, Read};

/// So many reads go in one exchange: more save little, and the answers of all of them have to arrive before any is used.
const MOST: usize = 64;

/// A read, and who waits for it.
#[derive(Debug)]
struct Asked {
    lookup: Lookup,
    answer: oneshot::Sender<RedisResult<Read>>,
}

/// The reads that were asked for and not sent yet.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    waiting: Arc<Waiting>,
    /// How many reads are under way.
    under_way: AtomicUsize,
}

#[derive(Debug, Default)]
struct Waiting(Mutex<Vec<Asked>>);

impl Gathering {
    /// Reads at most so many bytes of the entry.
    pub(super) async fn read(&self, lanes: &Arc<Lanes>, lookup: Lookup, longest: usize) -> RedisResult<Read> {
        let under_way = UnderWay::begin(&self.under_way);
        if under_way.is_alone {
            // Nobody to share with, and no task to wake.
            return Box::pin(read_all(lanes, &[lookup], longest)).await.map(|mut read| read.remove(0));
        }
        let (answer, answered) = oneshot::channel();
        if self.waiting.add(Asked { lookup, answer }) {
            tokio::spawn(Unsent(Some(Arc::clone(&self.waiting))).send(Arc::clone(lanes), longest));
        }
        // The task ends early only with its runtime.
        answered.await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::NotConnected).into()))
    }
}

impl Waiting {
    /// Whether it is the first one, for which a task is to be woken.
    fn add(&self, asked: Asked) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(asked);
        waiting.len() == 1
    }

    fn take(&self) -> Vec<Asked> {
        // It is made before the lock is taken.
        let empty = Vec::with_capacity(MOST);
        mem::replace(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), empty)
    }
}

/// A read that is counted.
struct UnderWay<'a> {
    count: &'a AtomicUsize,
    /// Whether there was no other when it began.
    is_alone: bool,
}

impl<'a> UnderWay<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        Self { count, is_alone: count.fetch_add(1, Ordering::Relaxed) == 0 }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a task is to send when it runs.
struct Unsent(Option<Arc<Waiting>>);

impl Unsent {
    async fn send(mut self, lanes: Arc<Lanes>, longest: usize) {
        let mut asked = self.take();
        // Who went away meanwhile needs no answer.
        asked.retain(|asked| !asked.answer.is_closed());
        while asked.len() > MOST {
            tokio::spawn(answer(Arc::clone(&lanes), asked.split_off(asked.len() - MOST), longest));
        }
        answer(lanes, asked, longest).await;
    }

    fn take(&mut self) -> Vec<Asked> {
        self.0.take().map(|waiting| waiting.take()).unwrap_or_default()
    }
}

impl Drop for Unsent {
    /// A task that never runs, because its runtime ends, leaves nobody behind who would wait for it.
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// Sends some reads, unless all who wait for them give up before they are answered. The lane learns of that as of any
/// exchange that is given up.
async fn answer(lanes: Arc<Lanes>, asked: Vec<Asked>, longest: usize) {
    let (lookups, mut answers): (Vec<_>, Vec<_>) = asked.into_iter().map(|asked| (asked.lookup, asked.answer)).unzip();
    let read = tokio::select! {
        biased;
        read = read_all(&lanes, &lookups, longest) => read,
        () = all_gone(&mut answers) => return,
    };
    match read {
        Ok(read) => answers.into_iter().zip(read).for_each(|(answer, read)| drop(answer.send(Ok(read)))),
        Err(error) => answers.into_iter().for_each(|answer| drop(answer.send(Err(error.clone())))),
    }
}

async fn all_gone(answers: &mut [oneshot::Sender<RedisResult<Read>>]) {
    for answer in answers {
        answer.closed().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> (Asked, oneshot::Receiver<RedisResult<Read>>) {
        let (answer, answered) = oneshot::channel();
        (Asked { lookup: Lookup { key: "key".into(), tags: Arc::new([]) }, answer }, answered)
    }

    #[test]
    fn the_first_one_has_a_task_woken_and_whoever_comes_after_it_was_sent() {
        let waiting = Waiting::default();
        assert_eq!([asked(), asked()].map(|(asked, _)| waiting.add(asked)), [true, false]);
        assert_eq!(waiting.take().len(), 2);
        assert!(waiting.add(asked().0));
    }

    #[test]
    fn a_task_that_never_runs_leaves_nobody_waiting() {
        let waiting = Arc::new(Waiting::default());
        let ((one, mut answered), (next, _)) = (asked(), asked());
        assert!(waiting.add(one));
        drop(Unsent(Some(Arc::clone(&waiting))));
        assert_eq!(answered.try_recv().err(), Some(oneshot::error::TryRecvError::Closed));
        assert!(waiting.add(next), "the next one has a task of its own");
    }

    #[test]
    fn only_a_read_beside_no_other_is_alone() {
        let gathering = Gathering::default();
        let one = UnderWay::begin(&gathering.under_way);
        assert!(one.is_alone && !UnderWay::begin(&gathering.under_way).is_alone);
        drop(one);
        assert!(UnderWay::begin(&gathering.under_way).is_alone);
    }
}
