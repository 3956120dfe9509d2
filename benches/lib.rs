//! What the benchmarks share: their results, how they take turns, and the requests they make.
//!
//! They are run with `cargo bench`; see `README.md` beside this file.

pub mod clairvoyant;
pub mod result;
pub mod subject;
pub mod trace;
