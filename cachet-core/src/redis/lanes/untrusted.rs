//! Bytes as whatever a server may say of itself and of others, for fuzzers.

use deadpool_redis::redis::{RedisResult, Value};

use super::{
    cluster::Verdict,
    server::incarnation_in,
    slots::address_of,
    view::{Range, masters_named},
};

/// Reads text as every command answers that tells where the masters are. Says who made something of it.
pub(in crate::redis) fn read_untrusted_text(text: &str) -> Vec<&'static str> {
    let readers = [
        ("masters", !masters_named(text, "host").is_empty()),
        ("address", address_of(text, "host").is_some()),
        ("incarnation", incarnation_in(text).is_some()),
    ];
    readers.into_iter().filter_map(|(reader, made)| made.then_some(reader)).collect()
}

/// The same for a reply.
pub(in crate::redis) fn read_untrusted(reply: &RedisResult<Value>) -> Vec<&'static str> {
    let readers = [
        ("redirection", !matches!(Verdict::of(reply, "host"), Verdict::Answered)),
        ("range", reply.as_ref().is_ok_and(|value| Range::of(value, "host").is_some())),
    ];
    readers.into_iter().filter_map(|(reader, made)| made.then_some(reader)).collect()
}
