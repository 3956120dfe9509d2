//! What an encoded value is wrapped in on its way to a shared tier: compression, and a seal.
//!
//! | bytes | |
//! |---|---|
//! | first | the encoded value; compressed, if its form says so: its length in 4 bytes, little-endian, then an LZ4 block |
//! | then, if the form says so, 32 | the seal |
//! | last | the form, a sum of 1: an error, 2: compressed, 8: sealed |
//!
//! A form with 4 was sealed over less, and is known no more.
//!
//! A seal is BLAKE3 under a key of the service's over everything that an entry is stored with: its key, the id of its fill,
//! the digest of its tags' versions, its ages, its validator, the encoded value and the form. None of it changes until
//! another fill takes its place. A refresh that is under way stands beside the value, unsealed, and changes none of it.
//! So whoever can write to the tier and does not know the key can neither make an entry nor change or move one; not even
//! give an old one the id or the digest of a present one. What is left to him, [`Seal`] tells.

use std::{borrow::Cow, fmt, time::SystemTime};

use crate::{
    tier::{EntryId, Lease, NewEntry, StoredEntry},
    validator::Validator,
};

const ERROR: u8 = 1;
const COMPRESSED: u8 = 2;
const SEALED: u8 = 8;

const SEAL: usize = 32;
const LENGTH: usize = 4;

/// LZ4 makes 255 bytes of one at most, so that a length beyond that is a lie and nothing is allocated for it.
const MOST_FROM_ONE: usize = 255;

/// Seals entries in the shared tier against forgery, with a key of 32 secret bytes that every node has.
///
/// An entry whose seal is missing or wrong is a miss, is counted as undecodable and overwritten. Sealing a value of 1 KB
/// costs about a microsecond.
///
/// | whoever can write to the tier, and does not know the key, | |
/// |---|---|
/// | cannot make an entry, or change one in anything: its value, lifetime, validator, the fill that it is of, the tags' versions that it was loaded under | the seal is over all of it |
/// | cannot have one answer for another key, function, namespace or type | the key that it is over names them |
/// | cannot bring back what an earlier life of the server held | the fill's id tells whose it was |
/// | can put an entry back that stood under the same key before, in the same life of the server, be it invalidated since; of one that a tag has outdated he has to put the tag's version back as well | the seal does not tell the present entry from an earlier one |
/// | can keep an entry past its lifetime, by giving its key another time or putting it back again and again | no two machines' clocks are compared; each read believes at most the lifetime that is sealed |
/// | can remove entries, fence them, have them refreshed early or never, and publish invalidations | that costs loads |
/// | can read what is there | nothing is encrypted |
///
/// What must not come back at all when it was invalidated does not belong into a tier that others can write to.
///
/// To change the key, first let every node accept the new one, then seal with it everywhere, then accept the old one no
/// longer:
///
/// ```
/// use cachet_core::{Cachet, Seal};
///
/// # fn main() -> Result<(), cachet_core::Error> {
/// let (old, new) = ([1; 32], [2; 32]);               // from the service's secrets
/// Cachet::builder().memory_only().seal(Seal::new(old).accept(new)).build()?;
/// Cachet::builder().memory_only().seal(Seal::new(new).accept(old)).build()?;
/// Cachet::builder().memory_only().seal(Seal::new(new)).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Seal {
    key: [u8; 32],
    accepted: Vec<[u8; 32]>,
    accepts_unsealed: bool,
}

impl Seal {
    /// Seals with this key, and accepts what was sealed with it.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, accepted: Vec::new(), accepts_unsealed: false }
    }

    /// Accepts what was sealed with another key as well.
    #[must_use]
    pub fn accept(mut self, key: [u8; 32]) -> Self {
        self.accepted.push(key);
        self
    }

    /// Accepts what is not sealed at all, while the first seals are brought in.
    #[must_use]
    pub fn accept_unsealed(mut self) -> Self {
        self.accepts_unsealed = true;
        self
    }

    fn fits(&self, seal: [u8; SEAL], sealed: &Sealed<'_>) -> bool {
        // `blake3::Hash` compares in constant time.
        [&self.key].into_iter().chain(&self.accepted).any(|key| sealed.under(key) == seal)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("accepts_unsealed", &self.accepts_unsealed).finish_non_exhaustive()
    }
}

/// How bodies are wrapped.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    /// The most bytes of an encoded value.
    pub(crate) most: usize,
    /// Values of more bytes are compressed, if that makes them smaller.
    pub(crate) compress_over: Option<usize>,
    pub(crate) seal: Option<Seal>,
}

/// What a body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Value,
    Error,
}

/// Why a body cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvelopeError {
    #[error("a shared entry is in no form that is known")]
    Form,
    #[error("a shared entry is longer than the bound")]
    Length,
    #[error("a shared entry cannot be decompressed")]
    Compression,
    #[error("a shared entry is not sealed")]
    Unsealed,
    #[error("a shared entry's seal is wrong")]
    Seal,
}

impl Envelope {
    /// The most bytes of a body.
    pub(crate) fn longest_body(&self) -> usize {
        self.most.saturating_add(SEAL + 1)
    }

    /// Wraps an encoded value, which is to be stored under the key by that lease, with that entry's ages. The entry's body
    /// is set.
    pub(crate) fn close(
        &self,
        key: &str,
        lease: &Lease,
        entry: &mut NewEntry,
        holds: Holds,
        encoded: Vec<u8>,
    ) -> Result<(), EnvelopeError> {
        if encoded.len() > self.most {
            return Err(EnvelopeError::Length);
        }
        let (mut body, mut form) = (encoded, if holds == Holds::Error { ERROR } else { 0 });
        if let Some(compressed) = self.compressed(&body) {
            (body, form) = (compressed, form | COMPRESSED);
        }
        if let Some(seal) = &self.seal {
            form |= SEALED;
            let sealed = Sealed { key, id: lease.token, tags: lease.tags, entry, body: &body, form };
            let tag = sealed.under(&seal.key);
            body.extend_from_slice(tag.as_bytes());
        }
        body.push(form);
        entry.body = body.into();
        Ok(())
    }

    /// The encoded value.
    pub(crate) fn open<'a>(&self, key: &str, stored: &'a StoredEntry) -> Result<(Holds, Cow<'a, [u8]>), EnvelopeError> {
        let StoredEntry { id, tags, entry, .. } = stored;
        let (&form, body) = entry.body.split_last().ok_or(EnvelopeError::Form)?;
        if form & !(ERROR | COMPRESSED | SEALED) != 0 {
            return Err(EnvelopeError::Form);
        }
        let (body, seal) = match form & SEALED {
            0 => (body, None),
            _ => body.split_last_chunk::<SEAL>().map(|(body, seal)| (body, Some(*seal))).ok_or(EnvelopeError::Form)?,
        };
        // What is compressed is shorter than the value.
        if body.len() > self.most {
            return Err(EnvelopeError::Length);
        }
        match (&self.seal, seal) {
            (None, _) => {}
            (Some(required), None) if required.accepts_unsealed => {}
            (Some(_), None) => return Err(EnvelopeError::Unsealed),
            (Some(required), Some(seal)) => {
                if !required.fits(seal, &Sealed { key, id: *id, tags: *tags, entry, body, form }) {
                    return Err(EnvelopeError::Seal);
                }
            }
        }
        let body = if form & COMPRESSED == 0 { body.into() } else { self.decompressed(body)?.into() };
        Ok((if form & ERROR == 0 { Holds::Value } else { Holds::Error }, body))
    }

    /// The encoded value, as far as a body goes that was cut out of its middle. `None` where only the whole would tell: it is
    /// compressed, sealed, or has to be.
    pub(crate) fn open_start<'a>(&self, entry: &'a NewEntry) -> Option<&'a [u8]> {
        let (&form, start) = entry.body.split_last()?;
        (form == 0 && self.seal.is_none()).then_some(start)
    }

    fn compressed(&self, body: &[u8]) -> Option<Vec<u8>> {
        let length = u32::try_from(body.len()).ok()?;
        if self.compress_over.is_none_or(|limit| body.len() <= limit) {
            return None;
        }
        let block = lz4_flex::block::compress(body);
        let compressed = [&length.to_le_bytes(), &block[..]].concat();
        (compressed.len() < body.len()).then_some(compressed)
    }

    fn decompressed(&self, compressed: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
        let (length, block) = compressed.split_first_chunk::<LENGTH>().ok_or(EnvelopeError::Compression)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| EnvelopeError::Length)?;
        if length > self.most {
            return Err(EnvelopeError::Length);
        }
        if length > block.len().saturating_mul(MOST_FROM_ONE) {
            return Err(EnvelopeError::Compression);
        }
        let body = lz4_flex::block::decompress(block, length).map_err(|_| EnvelopeError::Compression)?;
        if body.len() == length { Ok(body) } else { Err(EnvelopeError::Compression) }
    }
}

impl Default for Envelope {
    fn default() -> Self {
        Self { most: 64 << 20, compress_over: None, seal: None }
    }
}

/// What a seal is over.
struct Sealed<'a> {
    key: &'a str,
    id: EntryId,
    tags: [u8; 16],
    entry: &'a NewEntry,
    body: &'a [u8],
    form: u8,
}

impl Sealed<'_> {
    /// Ages count in the units that every tier keeps.
    fn under(&self, secret: &[u8; 32]) -> blake3::Hash {
        let entry = self.entry;
        let whole = |count: u128| u64::try_from(count).unwrap_or(u64::MAX);
        let modified = entry.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut hasher = blake3::Hasher::new_keyed(secret);
        for part in [self.key.as_bytes(), self.body] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.update(&self.id.0);
        hasher.update(&self.tags);
        let (lifetime, grace) = (whole(entry.lifetime.as_millis()), whole(entry.grace.as_millis()));
        for age in [lifetime, grace, modified, whole(entry.load_time.as_micros())] {
            hasher.update(&age.to_le_bytes());
        }
        hasher.update(&entry.validator.map_or([0; 16], Validator::to_bytes));
        hasher.update(&[self.form]);
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "shop:product:0123:7";

    const LEASE: Lease = Lease { token: EntryId([b'i'; 32]), tags: [b't'; 16] };

    /// As it is read that was filled by the lease.
    fn stored(entry: NewEntry) -> StoredEntry {
        let Lease { token: id, tags } = LEASE;
        StoredEntry { id, tags, remaining: entry.lifetime, stale_for: Duration::ZERO, entry }
    }

    fn entry(body: Vec<u8>) -> NewEntry {
        NewEntry {
            lifetime: Duration::from_mins(1),
            grace: Duration::ZERO,
            load_time: Duration::from_millis(3),
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            validator: Some(Validator::of_bytes(b"x")),
            body: body.into(),
        }
    }

    fn closed(envelope: &Envelope, encoded: &[u8]) -> StoredEntry {
        let mut entry = entry(Vec::new());
        envelope.close(KEY, &LEASE, &mut entry, Holds::Value, encoded.to_vec()).expect("it is short");
        stored(entry)
    }

    fn sealing(seal: Seal) -> Envelope {
        Envelope { seal: Some(seal), ..Envelope::default() }
    }

    fn every_kind() -> [Envelope; 4] {
        let seal = Some(Seal::new([7; 32]));
        [(None, None), (Some(8), None), (None, seal.clone()), (Some(8), seal)].map(|(compress_over, seal)| Envelope {
            compress_over,
            seal,
            ..Envelope::default()
        })
    }

    #[test]
    fn what_is_closed_is_opened_as_it_was() {
        for envelope in every_kind() {
            for encoded in [&b""[..], b"short", &[b'a'; 10_000], &(0..=255).collect::<Vec<u8>>()] {
                for holds in [Holds::Value, Holds::Error] {
                    let mut entry = entry(Vec::new());
                    envelope.close(KEY, &LEASE, &mut entry, holds, encoded.to_vec()).expect("it is short");
                    assert_eq!(envelope.open(KEY, &stored(entry)), Ok((holds, encoded.into())));
                }
            }
        }
    }

    #[test]
    fn what_repeats_itself_is_compressed_and_what_does_not_is_left() {
        let envelope = Envelope { compress_over: Some(1000), ..Envelope::default() };
        assert!(closed(&envelope, &[b'a'; 10_000]).entry.body.len() < 200);
        assert_eq!(closed(&envelope, &[b'a'; 1000]).entry.body.len(), 1001, "it is not over the threshold");
        let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(5000).collect();
        assert_eq!(closed(&envelope, &noise).entry.body.len(), 5001);
        assert!(Envelope::default().open(KEY, &closed(&envelope, &[b'a'; 10_000])).is_ok(), "every node can read it");
    }

    #[test]
    fn a_length_that_the_bytes_cannot_have_is_refused_before_anything_is_allocated() {
        let bomb = [&1_000_000_u32.to_le_bytes()[..], &[0; 100], &[COMPRESSED]].concat();
        assert_eq!(Envelope::default().open(KEY, &stored(entry(bomb))), Err(EnvelopeError::Compression));
    }

    #[test]
    fn a_value_longer_than_the_bound_is_neither_closed_nor_opened_however_short_it_is_compressed() {
        for envelope in every_kind() {
            let bounded = Envelope { most: 1000, ..envelope.clone() };
            let longest = closed(&bounded, &[b'a'; 1000]);
            assert!(longest.entry.body.len() <= bounded.longest_body());
            assert!(bounded.open(KEY, &longest).is_ok());
            let close = |entry: &mut NewEntry| bounded.close(KEY, &LEASE, entry, Holds::Value, vec![b'a'; 1001]);
            assert_eq!(close(&mut entry(Vec::new())), Err(EnvelopeError::Length));
            assert_eq!(bounded.open(KEY, &closed(&envelope, &[b'a'; 1001])), Err(EnvelopeError::Length));
        }
        let most = u32::try_from(Envelope::default().most).expect("it is not that much");
        let bomb = [&(most + 1).to_le_bytes()[..], &vec![0; 1_000_000], &[COMPRESSED]].concat();
        assert_eq!(Envelope::default().open(KEY, &stored(entry(bomb))), Err(EnvelopeError::Length));
    }

    #[test]
    fn a_seal_is_for_one_key_one_fill_its_tags_its_ages_its_validator_and_its_bytes() {
        let envelope = sealing(Seal::new([7; 32]));
        let sealed = closed(&envelope, b"value");
        assert!(envelope.open(KEY, &sealed).is_ok());
        assert_eq!(envelope.open("shop:product:0123:8", &sealed), Err(EnvelopeError::Seal));
        let changes: [fn(&mut StoredEntry); 7] = [
            |stored| stored.id.0[31] ^= 1,
            |stored| stored.tags[0] ^= 1,
            |stored| stored.entry.lifetime += Duration::from_secs(1),
            |stored| stored.entry.grace += Duration::from_secs(1),
            |stored| stored.entry.load_time += Duration::from_secs(1),
            |stored| stored.entry.modified += Duration::from_secs(1),
            |stored| stored.entry.validator = None,
        ];
        for change in changes {
            let mut other = sealed.clone();
            change(&mut other);
            assert_eq!(envelope.open(KEY, &other), Err(EnvelopeError::Seal));
        }
        for at in 0..sealed.entry.body.len() {
            let mut other = sealed.clone();
            let mut bytes = other.entry.body.to_vec();
            bytes[at] ^= 1;
            other.entry.body = bytes.into();
            assert!(envelope.open(KEY, &other).is_err(), "byte {at}");
        }
    }

    #[test]
    fn what_the_tier_tells_of_a_value_that_goes_on_is_not_sealed() {
        let envelope = sealing(Seal::new([7; 32]));
        let mut sealed = closed(&envelope, b"value");
        (sealed.remaining, sealed.stale_for) = (Duration::ZERO, Duration::from_secs(3));
        assert!(envelope.open(KEY, &sealed).is_ok());
    }

    #[test]
    fn keys_are_changed_one_step_at_a_time() {
        let (old, new) = ([1; 32], [2; 32]);
        let by_old = closed(&sealing(Seal::new(old)), b"value");
        let by_new = closed(&sealing(Seal::new(new)), b"value");
        let unsealed = closed(&Envelope::default(), b"value");
        let both = sealing(Seal::new(old).accept(new));
        assert!(both.open(KEY, &by_old).is_ok() && both.open(KEY, &by_new).is_ok());
        assert_eq!(sealing(Seal::new(new)).open(KEY, &by_old), Err(EnvelopeError::Seal));
        assert_eq!(both.open(KEY, &unsealed), Err(EnvelopeError::Unsealed));
        assert!(sealing(Seal::new(new).accept_unsealed()).open(KEY, &unsealed).is_ok());
    }

    #[test]
    fn nothing_shows_a_key() {
        assert!(!format!("{:?}", sealing(Seal::new([251; 32]).accept([252; 32]))).contains("25"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_pass_a_seal(bytes: Vec<u8>, form in 0..16_u8) {
            for body in [bytes.clone(), [&bytes[..], &[form]].concat()] {
                let stored = stored(entry(body));
                for envelope in every_kind() {
                    let opened = envelope.open(KEY, &stored);
                    prop_assert!(envelope.seal.is_none() || opened.is_err());
                }
            }
        }

        #[test]
        fn every_value_comes_back(encoded: Vec<u8>) {
            for envelope in every_kind() {
                let sealed = closed(&envelope, &encoded);
                prop_assert_eq!(envelope.open(KEY, &sealed), Ok((Holds::Value, encoded.as_slice().into())));
            }
        }
    }
}
