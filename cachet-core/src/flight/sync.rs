//! The primitives that flights are made of: those of the standard library, and in this crate's own unit tests those of
//! shuttle, which runs them in one interleaving after another.
//!
//! So a unit test that has to do with flights runs inside of `shuttle::check_random` or a sibling of it.

#[cfg(test)]
pub(super) use shuttle::{
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread_local,
};
#[cfg(not(test))]
pub(super) use std::{
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread_local,
};
