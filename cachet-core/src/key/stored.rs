//! Keys as tables keep them, and the hash they bring along.

use std::hash::{BuildHasher, Hash, Hasher};

/// How many bytes of a key are hashed and compared at a time.
pub(super) const BLOCK: usize = 16;

pub(super) type Block = [u8; BLOCK];

/// A key as the memory tier and the flights keep it: the bytes in whole blocks, beside their hash, which is computed
/// once a call.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key {
    hash: u64,
    blocks: Box<[Block]>,
}

impl Key {
    /// How many bytes it takes, whole blocks.
    pub(crate) fn size(&self) -> u64 {
        size_of_val(&*self.blocks) as u64
    }

    #[inline]
    pub(crate) fn borrowed(&self) -> KeyRef<'_> {
        KeyRef { hash: self.hash, blocks: &self.blocks }
    }
}

/// A key borrowed from a call's stack buffer.
#[derive(Clone, Copy, Eq)]
pub(crate) struct KeyRef<'a> {
    hash: u64,
    blocks: &'a [Block],
}

impl<'a> KeyRef<'a> {
    /// The hash of the blocks and the length. Keys with equal blocks and equal hashes are of one length: for the same
    /// blocks, another length is another hash.
    #[inline]
    pub(super) fn new(state: &foldhash::fast::RandomState, blocks: &'a [Block], len: usize) -> Self {
        let mut hasher = state.build_hasher();
        for block in blocks {
            hasher.write_u128(u128::from_le_bytes(*block));
        }
        Self { hash: hasher.finish() ^ len as u64, blocks }
    }

    pub(crate) fn to_key(self) -> Key {
        Key { hash: self.hash, blocks: self.blocks.into() }
    }

    #[inline]
    pub(crate) fn hash_code(self) -> u64 {
        self.hash
    }
}

impl PartialEq for KeyRef<'_> {
    /// Not by comparing the slices: that calls `memcmp`, which costs more than the few blocks of a key.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let word = |block: &Block| u128::from_ne_bytes(*block);
        self.hash == other.hash
            && self.blocks.len() == other.blocks.len()
            && self.blocks.iter().zip(other.blocks).all(|(one, other)| word(one) == word(other))
    }
}

impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Hash for KeyRef<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Hands a [`Key`]'s own hash on, so that no table hashes its bytes again.
#[derive(Clone, Copy, Default)]
pub(crate) struct KeyHash;

#[derive(Default)]
pub(crate) struct KeyHasher(u64);

impl BuildHasher for KeyHash {
    type Hasher = KeyHasher;

    #[inline]
    fn build_hasher(&self) -> KeyHasher {
        KeyHasher::default()
    }
}

impl Hasher for KeyHasher {
    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
