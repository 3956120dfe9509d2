//! The caches in front: what they are sent, in which order, and again; a real Varnish.

#[path = "../support/mod.rs"]
mod support;

mod fields;
mod follow;
mod queue;
mod recorder;
mod shapes;
mod shop;
mod tls;
mod varnish;

use std::time::Duration;

use cachet_actix::{Edge, EdgeBuilder, EdgePurger};

/// An edge that purges once, and tries again soon where that fails.
fn quick<P: EdgePurger>(edge: EdgeBuilder<P>) -> Edge {
    let pause = Duration::from_millis(20);
    edge.again(Duration::ZERO).backoff(pause, pause).start().expect("a thread")
}
