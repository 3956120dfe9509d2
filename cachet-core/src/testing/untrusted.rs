//! Every reader of what comes from a shared tier, for fuzzers.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    codec::Codec,
    envelope::{Envelope, Holds, Seal},
    names, redis,
    tier::{EntryId, Lease, NewEntry, Read, StoredEntry},
};

const KEY: &str = "key";

const LEASE: Lease = Lease { token: EntryId([b'a'; 32]), tags: [0; 16] };

/// A value with a bit of everything that a codec reads lengths of.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Sample {
    Nothing,
    Text(String),
    Rows { id: u64, more: Vec<Option<(u16, String)>>, by_name: BTreeMap<String, Vec<u8>> },
    Nested(Box<Sample>),
}

/// How far bytes were taken for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Depth {
    Nothing,
    Entry,
    Opened,
    Decoded,
}

/// Reads bytes in every way in which bytes from a shared tier are read: as what a key holds, down to the value; as a
/// server's reply to each command, and as a message of the backplane; as the body of an entry, sealed or not; and as a
/// value by each codec. Whatever they are, it returns, and has not allocated far more than they take.
///
/// # Panics
///
/// When it finds a defect.
pub fn read_untrusted(bytes: &[u8]) {
    redis::read_reply(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = names::read("shop", text);
    }
    read_entry(bytes);
    let mut stored = stored(Bytes::copy_from_slice(bytes));
    open(&stored);
    decode(bytes);
    let sealing = sealing();
    let closed = sealing.close(KEY, &LEASE, &mut stored.entry, Holds::Value, bytes.to_vec());
    closed.expect("it is short");
    assert!(sealing.open(KEY, &stored).is_ok_and(|(_, opened)| opened == bytes), "what was sealed is opened");
}

/// Reads bytes as what a key holds, and what is in it.
fn read_entry(bytes: &[u8]) -> Depth {
    match redis::read_entry(bytes) {
        Read::Hit(stored) => open(&stored),
        _ => Depth::Nothing,
    }
}

fn open(stored: &StoredEntry) -> Depth {
    assert!(sealing().open(KEY, stored).is_err(), "nobody can seal without the key");
    let Ok((_, encoded)) = Envelope::default().open(KEY, stored) else { return Depth::Entry };
    if decode(&encoded) { Depth::Decoded } else { Depth::Opened }
}

fn sealing() -> Envelope {
    Envelope { compress_over: Some(16), seal: Some(Seal::new([7; 32])), ..Envelope::default() }
}

fn stored(body: Bytes) -> StoredEntry {
    let entry = NewEntry {
        lifetime: Duration::from_mins(1),
        grace: Duration::ZERO,
        load_time: Duration::ZERO,
        modified: SystemTime::UNIX_EPOCH,
        validator: None,
        body,
    };
    let (remaining, stale_for) = (entry.lifetime, Duration::ZERO);
    StoredEntry { id: LEASE.token, tags: LEASE.tags, entry, remaining, stale_for }
}

/// What decodes, encodes and decodes again. Says whether anything did.
fn decode(bytes: &[u8]) -> bool {
    let mut is_decoded = false;
    for codec in [Codec::<Sample>::bincode(), Codec::json(), Codec::postcard()] {
        if let Ok(value) = (codec.decode)(bytes) {
            let encoded = (codec.encode)(&value).expect("what was read can be written");
            assert!((codec.decode)(&encoded).is_ok(), "and read once more");
            is_decoded = true;
        }
    }
    is_decoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> impl Strategy<Value = Sample> {
        use prop::collection::{btree_map, vec};

        let (more, name) = (any::<Option<(u16, String)>>(), any::<String>());
        let rows = (any::<u64>(), vec(more, 0..3), btree_map(name, vec(any::<u8>(), 0..20), 0..3));
        let rows = rows.prop_map(|(id, more, by_name)| Sample::Rows { id, more, by_name });
        let leaf = prop_oneof![Just(Sample::Nothing), any::<String>().prop_map(Sample::Text), rows];
        leaf.prop_recursive(4, 8, 1, |inner| inner.prop_map(|inner| Sample::Nested(Box::new(inner))))
    }

    /// What a node stores, by one of the codecs; compressed, sealed, both or neither.
    fn written(sample: &Sample, kind: u8) -> Vec<u8> {
        let codec = [Codec::bincode(), Codec::json(), Codec::postcard()][usize::from(kind / 4 % 3)];
        let encoded = (codec.encode)(sample).expect("it can be encoded");
        let envelope = Envelope {
            compress_over: (kind & 1 == 1).then_some(0),
            seal: (kind & 2 == 2).then(|| Seal::new([1; 32])),
            ..Envelope::default()
        };
        let mut stored = stored(Bytes::new());
        envelope.close(KEY, &LEASE, &mut stored.entry, Holds::Value, encoded).expect("it is short");
        redis::written(&stored)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_bytes_make_a_reader_panic(bytes: Vec<u8>) {
            read_untrusted(&bytes);
        }

        #[test]
        fn what_a_node_stores_is_read_down_to_the_value(sample in sample(), kind in 0..12_u8) {
            prop_assert_eq!(read_entry(&written(&sample, kind)), Depth::Decoded);
        }

        /// Bytes that a node stored, and somebody changed here and there.
        #[test]
        fn nor_does_what_a_node_stored_and_somebody_changed(
            sample in sample(),
            kind in 0..12_u8,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in any::<prop::sample::Index>(),
            more: Vec<u8>,
        ) {
            let mut bytes = written(&sample, kind);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                read_untrusted(&bytes);
            }
            let cut = cut.index(bytes.len());
            read_untrusted(&[&bytes[..cut], &more, &bytes[cut..]].concat());
            bytes.truncate(cut);
            read_untrusted(&bytes);
        }

        /// Bytes that look like a lease or a fence, as far as it goes.
        #[test]
        fn nor_do_bytes_that_begin_well(kind in "[VLF]", id in "[0-9a-f]{32}", rest: Vec<u8>, cut in 0..200_usize) {
            let mut bytes = [kind.as_bytes(), id.as_bytes(), &rest].concat();
            read_untrusted(&bytes);
            bytes.truncate(cut);
            read_untrusted(&bytes);
        }
    }

    #[test]
    fn whatever_is_changed_in_a_body_it_is_the_envelope_or_the_codec_that_reads_it() {
        let sample = Sample::Rows {
            id: 7,
            more: vec![None, Some((3, "three, three, three, three".to_owned()))],
            by_name: [("name".to_owned(), vec![1; 40])].into(),
        };
        for kind in 0..12 {
            let whole = written(&sample, kind);
            let body = written(&Sample::Nothing, 0).len() - 2;
            let mut depths = Vec::new();
            for at in body..whole.len() {
                for bit in 0..8 {
                    let mut bytes = whole.clone();
                    bytes[at] ^= 1 << bit;
                    depths.push(read_entry(&bytes));
                }
            }
            assert!(!depths.contains(&Depth::Nothing), "the head is whole");
            assert!(depths.contains(&Depth::Entry) && depths.contains(&Depth::Decoded), "{kind}: {depths:?}");
        }
    }
}
