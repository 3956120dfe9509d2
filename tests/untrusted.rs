//! Bytes in Redis that nobody vouches for: compressed, sealed, forged, exchanged.
#![allow(clippy::unused_async, reason = "a loader of a test need not wait for anything")]

mod support;

use std::sync::atomic::{AtomicU64, Ordering};

use cachet_core::{Builder, Cachet, Origin, Seal, cached, invalidate_tag, testing::read_untrusted};
use support::{DEADLINE, Redis, until};

#[cached(ttl = 3600, tier = "redis", key = "{id}", name = "text")]
async fn text(id: u64) -> String {
    format!("{id}: {}", "all the same, ".repeat(500))
}

/// A node that seals and compresses as told.
fn node(redis: &Redis, configure: impl FnOnce(Builder) -> Builder) -> Cachet {
    let builder = Cachet::builder().namespace("bytes").redis(redis.url()).deadline(DEADLINE);
    configure(builder).build().expect("the configuration is valid")
}

fn key_of(redis: &Redis, id: u64) -> String {
    redis.command(&["KEYS", &format!("bytes:text:*:{id}")]).trim().to_owned()
}

async fn origin(node: &Cachet, id: u64) -> Origin {
    let read = node.scope(text::fetch(id)).await;
    assert_eq!(*read, format!("{id}: {}", "all the same, ".repeat(500)), "whatever is stored, the value is right");
    read.origin()
}

#[tokio::test]
async fn what_is_compressed_is_short_and_every_node_reads_it() {
    let redis = Redis::start();
    let compressing = node(&redis, |builder| builder.compress_over(1024));
    origin(&compressing, 1).await;
    let length: usize = redis.command(&["STRLEN", &key_of(&redis, 1)]).trim().parse().expect("a length");
    assert!(length < 500, "{length}");
    assert_eq!(origin(&node(&redis, |builder| builder), 1).await, Origin::Shared);
}

/// How many bytes the server has sent so far.
fn sent(redis: &Redis) -> u64 {
    let sent = redis.told(&["INFO", "stats"], "total_net_output_bytes").expect("a server counts");
    sent.parse().expect("a number")
}

/// Who: somebody who makes an entry, or a version of its tags, as long as a server takes. What stops a reader from taking
/// all of it: it asks for no more than there may be.
#[tokio::test]
async fn of_what_somebody_has_lengthened_no_more_is_read_than_there_may_be_and_it_is_overwritten() {
    const LENGTH: u64 = 5_000_000;
    let redis = Redis::start();
    let node = node(&redis, |builder| builder.max_shared_bytes(100_000));
    origin(&node, 1).await;
    for key in [key_of(&redis, 1), "bytes:@all".to_owned(), "bytes:@function:text".to_owned()] {
        redis.command(&["SETRANGE", &key, &LENGTH.to_string(), "x"]);
        let before = sent(&redis);
        assert_eq!(origin(&node, 1).await, Origin::Loaded, "{key}");
        assert_eq!(origin(&node, 1).await, Origin::Shared, "{key} was overwritten");
        assert!(sent(&redis) - before < LENGTH / 5, "{key}: {}", sent(&redis) - before);
    }
    assert_eq!(node.scope(async { text::stats().undecodable }).await, 1);
}

#[tokio::test]
async fn a_value_that_is_longer_than_the_bound_stays_out_of_the_shared_tier() {
    let redis = Redis::start();
    let length = format!("1: {}", "all the same, ".repeat(500)).len() + 3;
    let short = node(&redis, |builder| builder.max_shared_bytes(length - 1).compress_over(100));
    for _ in 0..2 {
        assert_eq!(origin(&short, 1).await, Origin::Loaded);
        assert_eq!(redis.command(&["KEYS", "bytes:text:*"]), "", "nor is a lease left behind");
    }
    let long = node(&redis, |builder| builder.max_shared_bytes(length).compress_over(100));
    assert_eq!((origin(&long, 1).await, origin(&long, 1).await), (Origin::Loaded, Origin::Shared));
    assert_eq!(origin(&short, 1).await, Origin::Loaded, "however short it is compressed");
}

#[test]
fn reading_allocates_no_more_than_the_bytes_may_hold() {
    let body = |form: u8, claimed: u32, rest: usize| [&claimed.to_le_bytes()[..], &vec![0; rest], &[form]].concat();
    let lengths = [vec![0xFF; 9], vec![0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]];
    let mut samples = vec![body(2, u32::MAX, 100), body(2, 64 << 20, 1000), body(2, 25_000, 100), vec![b'['; 100_000]];
    for length in lengths {
        for variant in 0..4 {
            samples.push([&[variant][..], &length, &[0; 100]].concat());
            samples.push([&[variant][..], &length, &[0; 100], &[0]].concat());
        }
    }
    samples
        .extend(["$536870911\r\nx", "*1000000000\r\n:1\r\n", "%1000000000\r\n"].map(|reply| reply.as_bytes().to_vec()));
    for sample in samples {
        let allocated = allocation_counter::measure(|| read_untrusted(&sample)).bytes_max;
        // LZ4 makes 255 bytes of one, and a value of many small parts is larger than its encoding.
        let most = 1_000_000 + 1000 * sample.len() as u64;
        assert!(allocated < most, "{allocated} for {:?}…", &sample[..sample.len().min(20)]);
    }
}

#[tokio::test]
async fn an_entry_is_neither_forged_nor_moved_nor_taken_unsealed() {
    let redis = Redis::start();
    let sealing = || node(&redis, |builder| builder.seal(Seal::new([7; 32])));
    let (one, other) = (sealing(), sealing());
    for id in [1, 2] {
        origin(&one, id).await;
        assert_eq!(origin(&other, id).await, Origin::Shared);
    }
    // Another key's entry, whole and well sealed.
    redis.command(&["COPY", &key_of(&redis, 2), &key_of(&redis, 1), "REPLACE"]);
    assert_eq!(origin(&other, 1).await, Origin::Loaded);
    assert_eq!(origin(&one, 1).await, Origin::Shared, "it was overwritten");
    // One byte of the value.
    redis.command(&["SETRANGE", &key_of(&redis, 1), "150", "X"]);
    assert_eq!(origin(&other, 1).await, Origin::Loaded);
    // One that a node wrote which does not seal.
    let plain = node(&redis, |builder| builder);
    plain.scope(text::invalidate(1)).await;
    origin(&plain, 1).await;
    assert_eq!(origin(&other, 1).await, Origin::Loaded);
    assert_eq!(other.scope(async { text::stats().undecodable }).await, 3);
}

static LOADS: AtomicU64 = AtomicU64::new(0);

#[cached(ttl = 3600, tier = "redis", key = "{id}", name = "tagged", tags = ["t"], stale = "1h")]
async fn tagged(id: u64) -> (u64, u64) {
    (id, LOADS.fetch_add(1, Ordering::SeqCst))
}

/// Who: somebody who keeps a sealed entry that a tag has outdated since. What stops him from bringing it back with the id
/// and the tags' versions of the one that stands there now: both are sealed.
#[tokio::test]
async fn an_outdated_entry_does_not_come_back_in_the_name_of_a_present_one() {
    // What of the present entry he takes: its id, from 1 on, its digest of the tags' versions, from 127 on, or both.
    const SPLICE: &str = "
local now, before = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
if string.find(ARGV[1], 'id') then before = string.sub(now, 1, 33) .. string.sub(before, 34) end
if string.find(ARGV[1], 'digest') then
  before = string.sub(before, 1, 127) .. string.sub(now, 128, 143) .. string.sub(before, 144)
end
return redis.call('SET', KEYS[1], before, 'PX', 3600000)";
    let redis = Redis::start();
    let node = node(&redis, |builder| builder.seal(Seal::new([7; 32])));
    for (id, splice) in [(1, "id"), (2, "digest"), (3, "id, digest")] {
        let old = node.scope(tagged(id)).await;
        let key = redis.command(&["KEYS", &format!("bytes:tagged:*:{id}")]).trim().to_owned();
        redis.command(&["COPY", &key, "before"]);
        node.scope(invalidate_tag("t")).await;
        let new = node.scope(tagged(id)).await;
        redis.command(&["EVAL", SPLICE, "2", &key, "before", splice]);
        redis.command(&["DEL", "before"]);
        let read = node.scope(tagged::fetch(id)).await;
        assert!(*read != old && *read != new && read.origin() == Origin::Loaded, "by {splice}: {read:?}");
    }
    assert_eq!(node.scope(async { tagged::stats().undecodable }).await, 2, "a wrong digest alone is a miss");
}

/// A refresh that is under way is written beside the value, which stays sealed; so is the value that it brings.
#[tokio::test]
async fn a_sealed_value_is_refreshed() {
    let redis = Redis::start();
    let sealing = || node(&redis, |builder| builder.seal(Seal::new([7; 32])));
    let (one, other) = (sealing(), sealing());
    let old = one.scope(tagged(9)).await;
    let key = redis.command(&["KEYS", "bytes:tagged:*:9"]).trim().to_owned();
    // It is stale now, for an hour and the time of a lease.
    redis.command(&["PEXPIRE", &key, "3600000"]);
    assert_eq!(other.scope(tagged(9)).await, old, "stale, while it is refreshed");
    until("the refresh is over", async || one.scope(tagged(9)).await != old).await;
    let third = sealing();
    assert_eq!(third.scope(tagged::fetch(9)).await.origin(), Origin::Shared);
    for node in [&one, &other, &third] {
        assert_eq!(node.scope(async { tagged::stats().undecodable }).await, 0);
    }
}

#[tokio::test]
async fn a_key_is_changed_while_nodes_run() {
    let redis = Redis::start();
    let (old, new) = ([1; 32], [2; 32]);
    let before = node(&redis, |builder| builder.seal(Seal::new(old).accept(new)));
    let after = node(&redis, |builder| builder.seal(Seal::new(new).accept(old)));
    let last = node(&redis, |builder| builder.seal(Seal::new(new)));
    origin(&before, 1).await;
    origin(&after, 2).await;
    assert_eq!((origin(&after, 1).await, origin(&before, 2).await), (Origin::Shared, Origin::Shared));
    assert_eq!((origin(&last, 1).await, origin(&last, 2).await), (Origin::Loaded, Origin::Shared));
}
