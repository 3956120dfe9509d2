//! What may be served past its lifetime, and who looks for a newer value: each rule of the reference, and which of them
//! goes first.
#![allow(clippy::unused_async, reason = "a loader of a test need not wait for anything")]

mod bounds;
mod conditional;
mod deadline;
mod early;
mod failing;
mod forms;
mod nodes;
mod redis;
mod stale;

#[path = "../support/mod.rs"]
mod support;

use std::{future::Future, time::Duration};

use cachet_core::{Builder, Cachet, testing::ManualClock};

pub(crate) use self::support::until as eventually;

/// A runtime of the test's own, and the clock that its entries live by.
struct Runtime {
    cachet: Cachet,
    clock: ManualClock,
}

impl Runtime {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(configure: impl FnOnce(Builder) -> Builder) -> Self {
        let clock = ManualClock::new();
        let builder = configure(Cachet::builder().memory_only().clock(&clock));
        Self { cachet: builder.build().expect("it can be built"), clock }
    }

    async fn run<F: Future>(&self, test: F) -> F::Output {
        self.cachet.scope(test).await
    }

    fn seconds_later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}
