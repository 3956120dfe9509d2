//! The loader: the function's own body, run at most once for each call.

use std::{
    any::Any,
    cell::RefCell,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tracing::{Span, span::Entered};

use crate::{
    entry::Entry,
    erased::Erased,
    flight::{Load, Polling},
    refresh::Replaced,
};

/// A body whose types are forgotten.
pub(crate) trait Run {
    /// Goes on with it, to its value or its error.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Box<dyn Erased>, &dyn Any>>;
}

/// A body that may go on without its caller.
pub(crate) trait RunAlone: Run + Send {
    fn as_run(&mut self) -> &mut dyn Run;
    /// The error that it ended in.
    fn into_error(self: Box<Self>) -> Box<dyn Any + Send>;
    /// Whether it blocks the thread that it runs on.
    fn is_blocking(&self) -> bool;
}

thread_local! {
    /// What the loads that this thread is polling replace, the innermost last.
    static REPLACED: RefCell<Vec<Option<Arc<Replaced>>>> = const { RefCell::new(Vec::new()) };
}

/// A body under way: what is measured and seen of it.
pub(crate) struct Running {
    began: Instant,
    span: Span,
    replaced: Option<Arc<Replaced>>,
    load: Load,
}

impl Running {
    pub(crate) fn new(function: &str, replaced: Option<Replaced>, load: Load) -> Self {
        let span = tracing::debug_span!("load", function);
        Self { began: Instant::now(), span, replaced: replaced.map(Arc::new), load }
    }

    /// To be held while the body is polled.
    pub(crate) fn enter(&self) -> (Entered<'_>, Polling, Replacing) {
        REPLACED.with_borrow_mut(|loads| loads.push(self.replaced.clone()));
        (self.span.enter(), self.load.enter(), Replacing)
    }

    /// How long the body has run.
    pub(crate) fn time(&self) -> Duration {
        self.began.elapsed()
    }

    /// The value that the body found to be as it was.
    pub(crate) fn unchanged(&self) -> Option<Arc<Entry>> {
        self.replaced.as_ref().and_then(|replaced| replaced.unchanged())
    }
}

/// Forgets what a load replaces when it is polled no more.
pub(crate) struct Replacing;

impl Drop for Replacing {
    fn drop(&mut self) {
        REPLACED.with_borrow_mut(Vec::pop);
    }
}

/// What the load that is being polled on this thread replaces.
pub(crate) fn replaced() -> Option<Arc<Replaced>> {
    REPLACED.with_borrow(|loads| loads.last().cloned().flatten())
}
