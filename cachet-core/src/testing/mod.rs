//! For tests: a clock that is moved by hand, gates, counters, tiers that fail on demand, nodes in one process.
//!
//! Switch on the feature for tests alone:
//!
//! ```toml
//! [dev-dependencies]
//! cachet-core = { version = "0.1", features = ["testing"] }
//! ```
//!
//! | to | use |
//! |---|---|
//! | test alone, beside tests that run at the same time | a [`Cachet`](crate::Cachet) of the test's own and its `scope` |
//! | let entries grow old | [`ManualClock`] |
//! | count what reached the source | [`LoadCounter`], or the function's `stats()` |
//! | do something while a load is under way | [`Gate`] |
//! | have two nodes | [`Nodes`], over an [`InProcessTier`] or a real one |
//! | make the shared tier fail | [`Faults`] of a [`Node`], or of a [`FaultyTier`] |
//! | write a tier | [`tier_conformance`] |
//!
//! # A cached function
//!
//! What a function's body uses comes in as an argument. Those that are no part of the key are skipped:
//!
//! ```
//! use std::time::Duration;
//! use cachet_core::{Cachet, cached, testing::{LoadCounter, ManualClock}};
//!
//! #[cached(ttl = "5m", skip(loads))]
//! async fn product(id: u64, loads: &LoadCounter) -> Result<String, String> {
//!     let _load = loads.load();
//!     if id == 0 { Err("no such product".into()) } else { Ok(format!("product {id}")) }
//! }
//!
//! // #[tokio::test]
//! async fn a_product_is_loaded_once_in_five_minutes() {
//!     let (clock, loads) = (ManualClock::new(), LoadCounter::new());
//!     let runtime = Cachet::builder().memory_only().clock(&clock).build().expect("a good configuration");
//!     runtime
//!         .scope(async {
//!             let (one, other) = tokio::join!(product(1, &loads), product(1, &loads));
//!             assert_eq!(one, other);
//!             assert_eq!((loads.count(), loads.peak()), (1, 1));
//!             clock.advance(Duration::from_mins(5));
//!             assert!(product(1, &loads).await.is_ok());
//!             assert_eq!(loads.count(), 2);
//!         })
//!         .await;
//! }
//! # pollster::block_on(a_product_is_loaded_once_in_five_minutes());
//! ```
//!
//! # Two nodes, and a tier that fails
//!
//! ```
//! use std::{sync::atomic::{AtomicU64, Ordering}, time::Duration};
//! use cachet_core::{Invalidation, cached, testing::{Gate, Nodes, Operation}};
//!
//! #[cached(ttl = "1h", tier = "memory,redis", memory_ttl = "5s", skip(stock, gate))]
//! async fn in_stock(id: u64, stock: &AtomicU64, gate: &Gate) -> u64 {
//!     let read = stock.load(Ordering::SeqCst);
//!     gate.pass().await;
//!     read
//! }
//!
//! // #[tokio::test]
//! async fn a_sale_is_seen_by_every_node() {
//!     let (nodes, stock, gate) = (Nodes::new(), AtomicU64::new(3), Gate::closed());
//!     let [shop, office] = nodes.start();
//!
//!     // The office reads the old row, and the shop sells while that load is under way.
//!     let sale = async {
//!         gate.arrived(1).await;
//!         stock.store(2, Ordering::SeqCst);
//!         assert_eq!(shop.scope(in_stock::invalidate(1)).await, Invalidation::Done);
//!         gate.open();
//!     };
//!     let (old, ()) = tokio::join!(office.scope(in_stock(1, &stock, &gate)), sale);
//!     assert_eq!(old, 3, "its own caller may have it");
//!     assert_eq!(shop.scope(in_stock(1, &stock, &gate)).await, 2, "nobody else is given it");
//!     assert_eq!(office.scope(in_stock(1, &stock, &gate)).await, 2);
//!
//!     // The next sale cannot be told to the tier. The shop knows of it at once, and goes on.
//!     shop.faults().cut_off();
//!     stock.store(1, Ordering::SeqCst);
//!     assert_eq!(shop.scope(in_stock::invalidate(1)).await, Invalidation::Queued);
//!     assert_eq!(shop.scope(in_stock(1, &stock, &gate)).await, 1);
//!
//!     // Once the tier can be reached, it is told; the office's memory asks it after five seconds.
//!     shop.faults().clear();
//!     shop.faults().answered(Operation::Invalidate, 2).await;
//!     nodes.clock().advance(Duration::from_secs(5));
//!     assert_eq!(office.scope(in_stock(1, &stock, &gate)).await, 1);
//! }
//! # pollster::block_on(a_sale_is_seen_by_every_node());
//! ```
//!
//! Nothing here sleeps for luck, and no wait is for ever: each ends after [`PATIENCE`], with what was waited for.

mod clock;
mod conformance;
mod faults;
mod faulty;
mod gate;
mod in_process;
mod injection;
mod loads;
mod nodes;
mod untrusted;
mod wait;

pub use self::{
    clock::ManualClock,
    conformance::{redis_tier, tier_conformance, tier_conformance_by},
    faults::Faults,
    faulty::FaultyTier,
    gate::Gate,
    in_process::InProcessTier,
    injection::{Injection, Operation},
    loads::{Load, LoadCounter},
    nodes::{Node, Nodes},
    untrusted::read_untrusted,
    wait::PATIENCE,
};
