//! What may be served past its lifetime, and who looks for a newer value: each rule of the reference, and which of them
//! goes first.
#![allow(clippy::unused_async, reason = "a loader of a test need not wait for anything")]

mod conditional;
mod nodes;
mod stale;
