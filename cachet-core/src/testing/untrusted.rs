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
    tier::{EntryId, Lease, NewEntry, StoredEntry},
};

/// A value with a bit of everything that a codec reads lengths of.
#[derive(Debug, Serialize, Deserialize)]
enum Sample {
    Nothing,
    Text(String),
    Rows { id: u64, more: Vec<Option<(u16, String)>>, by_name: BTreeMap<String, Vec<u8>> },
    Nested(Box<Sample>),
}

/// Reads bytes in every way in which bytes from a shared tier are read: as what a key holds, as a message of the
/// backplane, as an envelope sealed or not, and as a value by each codec. Whatever they are, it returns, and has not
/// allocated far more than they take.
///
/// # Panics
///
/// When it finds a defect.
pub fn read_untrusted(bytes: &[u8]) {
    redis::read_untrusted(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = names::read("shop", text);
    }
    let lease = Lease { token: EntryId([b'a'; 32]), tags: [0; 16] };
    let entry = NewEntry {
        lifetime: Duration::from_mins(1),
        grace: Duration::ZERO,
        load_time: Duration::ZERO,
        modified: SystemTime::UNIX_EPOCH,
        validator: None,
        body: Bytes::copy_from_slice(bytes),
    };
    let (remaining, stale_for) = (entry.lifetime, Duration::ZERO);
    let mut stored = StoredEntry { id: lease.token, tags: lease.tags, entry, remaining, stale_for };
    let sealing = Envelope { compress_over: Some(16), seal: Some(Seal::new([7; 32])) };
    assert!(sealing.open("key", &stored).is_err(), "nobody can seal without the key");
    if let Ok((_, encoded)) = Envelope::default().open("key", &stored) {
        decode(&encoded);
    }
    decode(bytes);
    sealing.close("key", &lease, &mut stored.entry, Holds::Value, bytes.to_vec());
    assert!(sealing.open("key", &stored).is_ok_and(|(_, opened)| opened == bytes), "what was sealed is opened");
}

/// What decodes, encodes and decodes again.
fn decode(bytes: &[u8]) {
    for codec in [Codec::<Sample>::bincode(), Codec::json(), Codec::postcard()] {
        if let Ok(value) = (codec.decode)(bytes) {
            let encoded = (codec.encode)(&value).expect("what was read can be written");
            assert!((codec.decode)(&encoded).is_ok(), "and read once more");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_bytes_make_a_reader_panic(bytes: Vec<u8>) {
            read_untrusted(&bytes);
        }

        /// Bytes that look like what a server holds, as far as it goes.
        #[test]
        fn nor_do_bytes_that_begin_well(
            kind in "[VLFCF]",
            id in "[0-9a-f]{32}",
            version in 0..6_u8,
            rest: Vec<u8>,
            cut in 0..200_usize,
        ) {
            let mut bytes = [kind.as_bytes(), id.as_bytes(), &[version], b"0000000000000".as_slice(), &rest].concat();
            read_untrusted(&bytes);
            bytes.truncate(cut);
            read_untrusted(&bytes);
        }
    }
}
