//! What HTTP clients see of `cachet-actix`: real servers, and a client that shows every byte.
#![allow(clippy::unused_async, reason = "the cached functions stand for ones that wait")]

mod attacks;
mod cached_json;
mod choices;
mod coded;
mod coded_json;
mod handlers;
#[path = "../support/http2.rs"]
mod http2;
mod in_front;
mod properties;
mod ranges;
mod server;
mod shared;
mod short;
mod stale;
#[path = "../support/mod.rs"]
mod support;
mod tagged;
mod unkept;
mod validated;
mod varied;
mod vectors;
mod writes;

/// The fields that every test compares with what it expects.
fn fields<'a>(reply: &'a support::Reply, names: &[&str]) -> Vec<Option<&'a str>> {
    names.iter().map(|name| reply.header(name)).collect()
}
