//! Caching for async Rust: one attribute carries a value through this process' memory and a Redis shared by all nodes,
//! and the two agree.
//!
//! ```
//! use cachet_core::cached;
//!
//! #[cached(ttl = "5m")]
//! async fn square(n: u64) -> u64 {
//!     n * n
//! }
//!
//! # pollster::block_on(async {
//! assert_eq!(square(4).await, 16);        // runs the body
//! assert_eq!(square(4).await, 16);        // a memory hit
//! square::invalidate(4).await;            // gone; a load that began before can never bring the old value back
//! assert_eq!(square::stats().memory_hits, 1);
//! # });
//! ```
//!
//! [`cached`] is the reference of the attribute and [`mod@reference`] its examples, [`Cachet`] configures the tiers, [`Tier`] is the extension point.

mod background;
mod backplane;
mod batch;
mod beside;
mod breaker;
mod builder;
mod cache;
mod call;
mod clock;
mod codec;
mod coherence;
mod controls;
mod entry;
mod envelope;
mod erased;
mod error;
mod events;
mod flight;
mod fronts;
mod invalidate;
mod key;
mod loader;
mod memory;
mod names;
pub mod operations;
mod policy;
mod private;
mod recovery;
mod redis;
#[cfg(feature = "macros")]
pub mod reference;
mod refresh;
mod returns;
mod runtime;
mod shape;
mod shared;
mod sweep;
mod tags;
mod target;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tier;
mod unique;
mod validator;
mod warm;
mod without;
mod write;

#[cfg(feature = "macros")]
pub use cachet_macros::{CacheKey, cached, invalidates, updates};

pub use crate::{
    builder::Builder,
    controls::{Controls, MethodControls, PlainControls, PlainMethodControls},
    entry::{Cached, Origin},
    envelope::Seal,
    error::Error,
    events::Stats,
    invalidate::{Invalidation, invalidate_tag},
    key::{CacheKey, KeyWriter},
    memory::Engine,
    redis::Redis,
    refresh::Refresh,
    runtime::Cachet,
    tier::Tier,
    validator::Validator,
    warm::{Warmed, Warming},
};

#[doc(hidden)]
pub mod __private {
    pub use crate::private::*;
}
