//! A call on its way past memory: begin, load, fill.

use std::{
    iter, mem,
    sync::Arc,
    task::{Context, Poll, ready},
};

use super::{Begun, Boxed, Cache, Found, Lead, Purpose, lead::Loaded};
use crate::{
    entry::{Entry, Origin},
    events::count,
    loader::{Run, Running},
    private::Keyed,
    returns::SharedError,
};

/// A call that memory did not answer. It is polled with the function's body at hand, which it does not own: only the
/// caller knows that body's type, and so whether it may be sent to another thread.
pub(crate) struct Miss {
    cache: Arc<Cache>,
    purpose: Purpose,
    described: bool,
    stage: Stage,
}

enum Stage {
    Begin(Boxed<'static, Begun>),
    Load(Box<(Lead, Running)>),
    Fill(Boxed<'static, Arc<Entry>>),
    Fail(Boxed<'static, Option<Arc<Entry>>>),
    /// For the moment between two of them.
    Over,
}

/// Why there is no value.
pub(crate) enum Failed {
    /// The body ended in an error, and has it.
    Own,
    /// A refresh has nothing to do.
    Spared,
    /// Another caller's load did.
    Shared(SharedError),
}

impl Miss {
    /// `described` asks for the value's validator.
    pub(crate) fn new(cache: &Arc<Cache>, call: Keyed, described: bool) -> Self {
        let begin = Box::pin(Arc::clone(cache).begin(call));
        Self { cache: Arc::clone(cache), purpose: Purpose::Call, described, stage: Stage::Begin(begin) }
    }

    /// A refresh of a value that is served meanwhile.
    pub(crate) fn refresh(cache: &Arc<Cache>, call: Keyed, served: &Arc<Entry>) -> Self {
        let begin = Box::pin(Arc::clone(cache).begin_refresh(call, Arc::clone(served)));
        Self { cache: Arc::clone(cache), purpose: Purpose::Refresh, described: false, stage: Stage::Begin(begin) }
    }

    /// Whether the body is this call's to run.
    pub(crate) fn leads(&self) -> bool {
        matches!(self.stage, Stage::Load(..) | Stage::Fill(_) | Stage::Fail(_))
    }

    /// To be called when its load goes on without the caller.
    pub(super) fn go_alone(&self) {
        if let Stage::Load(begun) = &self.stage {
            begun.0.leader().go_alone();
        }
    }

    /// The value that its load replaces, if it is still of use.
    pub(crate) fn stale(&self) -> Option<&Arc<Entry>> {
        if let Stage::Load(begun) = &self.stage { begun.0.stale() } else { None }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, body: &mut dyn Run) -> Poll<Result<Found, Failed>> {
        loop {
            match &mut self.stage {
                Stage::Begin(begin) => match ready!(begin.as_mut().poll(cx)) {
                    Begun::Found(found) => return Poll::Ready(Ok(found)),
                    Begun::Failed(error) => return Poll::Ready(Err(Failed::Shared(error))),
                    Begun::Spared => return Poll::Ready(Err(Failed::Spared)),
                    Begun::Lead(lead) => {
                        let running = self.cache.running(iter::once(&lead), lead.stale());
                        self.stage = Stage::Load(Box::new((lead, running)));
                    }
                },
                Stage::Load(begun) => {
                    let running = &begun.1;
                    let value = {
                        let _inside = running.enter();
                        ready!(body.poll(cx))
                    };
                    let time = running.time();
                    self.cache.loaded(time, value.is_ok());
                    let Stage::Load(begun) = mem::replace(&mut self.stage, Stage::Over) else { unreachable!() };
                    let (lead, running) = *begun;
                    self.stage = match value {
                        Ok(value) => Stage::Fill(
                            lead.fill(Loaded::new(value, time, self.described).unchanged_since(running.unchanged())),
                        ),
                        Err(error) => Stage::Fail(lead.fail(error)),
                    };
                }
                Stage::Fill(fill) => {
                    return fill.as_mut().poll(cx).map(|entry| Ok(Found { entry, origin: Origin::Loaded }));
                }
                Stage::Fail(fail) => {
                    let stale = ready!(fail.as_mut().poll(cx));
                    // A refresh answers nobody.
                    if stale.is_some() && self.purpose == Purpose::Call {
                        count(&self.cache.counters.stale);
                    }
                    return Poll::Ready(stale.map(|entry| Found { entry, origin: Origin::Memory }).ok_or(Failed::Own));
                }
                Stage::Over => unreachable!("a future is not polled after its end"),
            }
        }
    }
}
