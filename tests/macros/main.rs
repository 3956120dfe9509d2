//! What `#[cached]` promises wherever it stands: one file a subject, one behaviour a test.
#![allow(clippy::unused_async, reason = "a loader of a test need not wait for anything")]

mod arguments;
mod controls;
mod fragments;
mod generics;
mod keys;
mod methods;
mod places;
mod policies;
mod ported;
mod results;
mod spawned;
mod tags_of_value;

use cachet_core::{Cachet, testing::ManualClock};

/// A runtime of the test's own, in which time stands still.
fn runtime() -> (Cachet, ManualClock) {
    let clock = ManualClock::new();
    let runtime = Cachet::builder().memory_only().clock(&clock).build().expect("it is valid");
    (runtime, clock)
}

/// Runs a test in a runtime of its own, whose clock it needs not.
async fn alone<F: Future>(test: F) -> F::Output {
    runtime().0.scope(test).await
}
