//! A question that one asks for all, such as where the master is.
//!
//! It goes on when whoever asked has gone: connecting may take longer than any deadline, and would else begin again with
//! every caller.

use std::{
    future::Future,
    io,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use deadpool_redis::redis::RedisResult;
use tokio::{sync::watch, time::timeout_at};

/// So long after a question, whoever has a guess waits for the answer. Then the guess is as good as it gets: those who are
/// asked may hang while what they are asked for is as well as ever.
const PATIENCE: Duration = Duration::from_millis(50);

type Told = Option<RedisResult<()>>;

/// The last question. Its answer is a change of what is known; here stands whether there was one.
#[derive(Debug, Default)]
pub(super) struct Inquiry(Mutex<Option<Question>>);

#[derive(Clone, Debug)]
pub(super) struct Question {
    at: Instant,
    told: watch::Receiver<Told>,
}

impl Inquiry {
    /// The last question, if it was asked less than `ago` ago or has no answer yet; else a new one. Zero is always a new
    /// one. A question comes to its end by itself.
    pub(super) fn ask<Q>(&self, ago: Duration, question: impl FnOnce() -> Q) -> Question
    where
        Q: Future<Output = RedisResult<()>> + Send + 'static,
    {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| !ago.is_zero() && (last.at.elapsed() < ago || last.is_open())) {
            return last.clone();
        }
        let (tell, told) = watch::channel(None);
        let question = question();
        tokio::spawn(async move { tell.send_replace(Some(question.await)) });
        last.insert(Question { at: Instant::now(), told }).clone()
    }
}

impl Question {
    fn is_open(&self) -> bool {
        self.told.borrow().is_none() && self.told.has_changed().is_ok()
    }

    /// Waits for the answer.
    pub(super) async fn answered(mut self) -> RedisResult<()> {
        match self.told.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            _ => Err(io::Error::other("the question was given up").into()),
        }
    }

    /// Waits for the answer, unless it has been coming for too long.
    pub(super) async fn answered_soon(self) {
        let _ = timeout_at((self.at + PATIENCE).into(), self.answered()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use tokio::{sync::Notify, task::yield_now};

    use super::*;

    const AGO: Duration = Duration::from_hours(1);

    /// Questions that are answered when the test says so, and how many were asked.
    #[derive(Clone, Default)]
    struct Asked(Arc<(AtomicUsize, Notify)>);

    impl Asked {
        fn ask(&self, inquiry: &Inquiry, ago: Duration) -> Question {
            let asked = self.clone();
            inquiry.ask(ago, || async move {
                asked.0.0.fetch_add(1, Ordering::SeqCst);
                asked.0.1.notified().await;
                Ok(())
            })
        }

        fn count(&self) -> usize {
            self.0.0.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn a_question_outlives_who_asked_and_is_everybodys() {
        let (inquiry, asked) = (Inquiry::default(), Asked::default());
        drop(asked.ask(&inquiry, AGO));
        yield_now().await;
        let later = asked.ask(&inquiry, AGO);
        asked.0.1.notify_one();
        assert!(later.answered().await.is_ok());
        assert!(asked.ask(&inquiry, AGO).answered().await.is_ok(), "it was answered lately");
        assert_eq!(asked.count(), 1);
        drop(asked.ask(&inquiry, Duration::ZERO));
        yield_now().await;
        assert_eq!(asked.count(), 2, "what was asked before is not good enough for some");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_a_guess_goes_by_it_while_the_answer_does_not_come() {
        let (inquiry, asked) = (Inquiry::default(), Asked::default());
        asked.ask(&inquiry, AGO).answered_soon().await;
        assert!(asked.ask(&inquiry, AGO).is_open());
        asked.0.1.notify_one();
        assert!(asked.ask(&inquiry, AGO).answered().await.is_ok());
        assert_eq!(asked.count(), 1);
    }

    #[tokio::test]
    async fn a_question_that_panics_is_no_answer_and_is_asked_again() {
        let (inquiry, asked) = (Inquiry::default(), Asked::default());
        let panics = inquiry.ask(AGO, || async { panic!("nobody can answer that") });
        assert!(panics.answered().await.is_err());
        drop(asked.ask(&inquiry, Duration::from_nanos(1)));
        yield_now().await;
        assert_eq!(asked.count(), 1);
    }
}
