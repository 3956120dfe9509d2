//! The loader: the function's own body, run at most once for each call.

use std::{
    any::Any,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tracing::{Span, span::Entered};

use crate::{
    erased::Erased,
    flight::{self, Leader, Leading},
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

/// A body under way: what is measured and seen of it.
pub(crate) struct Running {
    began: Instant,
    span: Span,
}

impl Running {
    pub(crate) fn new(function: &str) -> Self {
        Self { began: Instant::now(), span: tracing::debug_span!("load", function) }
    }

    /// To be held while the body is polled.
    pub(crate) fn enter<'a>(&'a self, leaders: impl IntoIterator<Item = &'a Leader>) -> (Entered<'a>, Leading) {
        (self.span.enter(), flight::leading(leaders))
    }

    /// How long the body has run.
    pub(crate) fn time(&self) -> Duration {
        self.began.elapsed()
    }
}
