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
