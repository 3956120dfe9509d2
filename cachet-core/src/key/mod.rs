//! Canonical keys: what a cached function's arguments are, as bytes.
//!
//! Two calls share an entry exactly when their bytes are equal, so the encoding is injective per type and the same on
//! every platform and release. It is built in a stack buffer and hashed borrowed: a memory hit allocates nothing.

mod ecosystem;
#[cfg(test)]
mod golden;
mod impls;
mod net;
#[cfg(test)]
mod properties;
mod ranges;
mod times;

use std::{
    borrow::Cow,
    fmt,
    hash::{BuildHasher, Hash, Hasher},
};

/// Key bytes that fit here never touch the heap. A multiple of a block.
const INLINE: usize = 64;

/// How many bytes of a key are hashed and compared at a time.
const BLOCK: usize = 16;

type Block = [u8; BLOCK];

/// The longest text that stands in a shared key as it is; longer ones are hashed.
const MAX_TAIL: usize = 120;

/// A value that can be part of a cache key.
///
/// Derive it on structs and enums with `#[derive(CacheKey)]`:
///
#[cfg_attr(feature = "macros", doc = "```")]
#[cfg_attr(not(feature = "macros"), doc = "```ignore")]
/// use cachet_core::{CacheKey, KeyWriter, cached};
///
/// #[derive(CacheKey)]
/// struct Search {
///     words: String,
///     #[cache_key(with = whole_kilometres)] // a float is no key; this says what is one
///     radius: f64,
///     order: Order,
///     #[cache_key(skip)] // makes no difference to what is found
///     trace: u128,
/// }
///
/// #[derive(CacheKey)]
/// enum Order {
///     #[cache_key(rename = "near")] // written by name, so it may move
///     Nearest,
///     #[cache_key(rename = "best")]
///     BestRated { at_least: u8 },
/// }
///
/// fn whole_kilometres(metres: &f64, key: &mut KeyWriter) {
///     key.u64((metres / 1000.0).round() as u64);
/// }
///
/// #[cached(ttl = "1m")]
/// fn found(search: Search) -> String {
///     format!("{} within {} m", search.words, search.radius)
/// }
///
/// let search = |radius, trace| {
///     found(Search { words: "tea".into(), radius, order: Order::BestRated { at_least: 4 }, trace })
/// };
/// assert_eq!(search(2000.0, 1), "tea within 2000 m");
/// assert_eq!(search(2100.0, 2), "tea within 2000 m"); // a memory hit
/// assert_eq!(search(3000.0, 3), "tea within 3000 m");
/// ```
///
/// An implementation by hand writes every part of the value that makes a difference, in an order of its own that never
/// changes. Different values must write different bytes, and none may write the beginning of what another one writes:
/// a text with its length does so by itself, a list writes how many elements follow.
///
/// ```
/// use cachet_core::{CacheKey, KeyWriter};
///
/// struct Language(&'static str);
///
/// impl CacheKey for Language {
///     fn write_key(&self, key: &mut KeyWriter) {
///         key.str(self.0);
///     }
/// }
/// ```
///
/// The standard library's types have it wherever a value means the same in every process and on every platform;
/// so paths do not. `f32` and `f64` have none on purpose: `NaN` and `-0.0` make equality of floats a trap. Features of
/// the crates' names give it to common types of `uuid`, `chrono`, `time`, `url`, `rust_decimal` and `http`; `bytes`
/// needs none. Values that are equal write equal bytes: an instant is the same in two time zones, `1.0` is `1.00`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "not a `CacheKey`",
    note = "derive it with `#[derive(CacheKey)]`, or leave the argument out of the key with `skip(…)`"
)]
pub trait CacheKey {
    /// Writes the value's canonical bytes.
    fn write_key(&self, key: &mut KeyWriter);
}

/// Receives the canonical bytes of a key.
///
/// It has two forms. In the *bytes* form integers have a fixed width and text a length before it. In the *text* form,
/// which the `key = "…"` template uses, integers are decimal and text is percent-escaped, so that the key reads well in
/// Redis and separators of the template cannot occur inside a value. Implementations of [`CacheKey`] need not care.
#[derive(Clone)]
pub struct KeyWriter {
    inline: [u8; INLINE],
    len: usize,
    /// Holds everything once `len` exceeds the inline buffer, up to a whole block.
    heap: Vec<u8>,
    text: bool,
    /// In the text form: a value stands right before, so the next one needs a comma.
    comma: bool,
}

macro_rules! integers {
    ($($name:ident)*) => {$(
        #[doc = concat!("Writes one `", stringify!($name), "`.")]
        #[inline]
        pub fn $name(&mut self, value: $name) {
            if self.text {
                self.token(itoa::Buffer::new().format(value).as_bytes());
            } else {
                self.push(&value.to_le_bytes());
            }
        }
    )*};
}

impl KeyWriter {
    #[inline]
    fn new(text: bool) -> Self {
        Self { inline: [0; INLINE], len: 0, heap: Vec::new(), text, comma: false }
    }

    integers! { u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 }

    /// Writes one `usize`, as 64 bits on every platform.
    #[inline]
    pub fn usize(&mut self, value: usize) {
        self.u64(value as u64);
    }

    /// Writes one `isize`, as 64 bits on every platform.
    #[inline]
    pub fn isize(&mut self, value: isize) {
        self.i64(value as i64);
    }

    /// Writes one `bool`.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        if self.text {
            self.token(if value { b"true" } else { b"false" });
        } else {
            self.push(&[u8::from(value)]);
        }
    }

    /// Writes one `char`.
    #[inline]
    pub fn char(&mut self, value: char) {
        if self.text {
            self.str(value.encode_utf8(&mut [0; 4]));
        } else {
            self.u32(value.into());
        }
    }

    /// Writes text, with its length.
    #[inline]
    pub fn str(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// Writes bytes, with their length.
    #[inline]
    pub fn bytes(&mut self, value: &[u8]) {
        if self.text {
            self.escaped(value);
        } else {
            self.push(&(value.len() as u64).to_le_bytes());
            self.push(value);
        }
    }

    /// Writes which variant of an enum follows.
    #[inline]
    pub fn variant(&mut self, index: u32) {
        self.u32(index);
    }

    /// Writes which variant of an enum follows, by a name in place of its index.
    ///
    /// A name that is not empty and does not begin with a digit is no index in either form, so an enum may have
    /// variants of both kinds.
    #[inline]
    pub fn variant_name(&mut self, name: &str) {
        if !self.text {
            self.u32(u32::MAX);
        }
        self.str(name);
    }

    /// Writes how many elements of a sequence follow.
    #[inline]
    pub fn len(&mut self, count: usize) {
        self.usize(count);
    }

    /// Writes the fixed text between two placeholders of a `key` template.
    #[inline]
    pub fn literal(&mut self, text: &str) {
        self.push(text.as_bytes());
        self.comma = false;
    }

    /// Writes the elements of an unordered collection so that their order makes no difference.
    fn unordered<T>(&mut self, items: impl Iterator<Item = T>, write: impl Fn(T, &mut KeyWriter)) {
        let mut written: Vec<KeyWriter> = items
            .map(|item| {
                let mut key = KeyWriter::new(self.text);
                write(item, &mut key);
                key
            })
            .collect();
        written.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        self.len(written.len());
        for item in written {
            if self.text {
                self.token(item.as_bytes());
            } else {
                self.push(item.as_bytes());
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        if self.len <= INLINE { &self.inline[..self.len] } else { &self.heap[..self.len] }
    }

    /// The bytes, and zeros up to a whole block: what is hashed and compared without a rest to care for.
    #[inline]
    fn blocks(&self) -> &[Block] {
        if self.len <= INLINE {
            &self.inline.as_chunks().0[..self.len.div_ceil(BLOCK)]
        } else {
            self.heap.as_chunks().0
        }
    }

    /// One value of the text form, already free of separators.
    fn token(&mut self, text: &[u8]) {
        if self.comma {
            self.push(b",");
        }
        self.push(text);
        self.comma = true;
    }

    /// Percent-escapes everything but RFC 3986's unreserved characters.
    fn escaped(&mut self, value: &[u8]) {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        self.token(b"");
        for &byte in value {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                self.push(&[byte]);
            } else {
                self.push(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if end <= INLINE {
            self.inline[self.len..end].copy_from_slice(bytes);
            self.len = end;
        } else {
            self.spill(bytes);
        }
    }

    #[cold]
    fn spill(&mut self, bytes: &[u8]) {
        if self.len <= INLINE {
            self.heap.reserve(self.len + bytes.len());
            self.heap.extend_from_slice(&self.inline[..self.len]);
        }
        self.heap.truncate(self.len);
        self.heap.extend_from_slice(bytes);
        self.len = self.heap.len();
        self.heap.resize(self.len.next_multiple_of(BLOCK), 0);
    }
}

impl fmt::Debug for KeyWriter {
    /// Shows the size only: keys may hold what must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyWriter").field("len", &self.len).finish_non_exhaustive()
    }
}

/// The finished key of one call.
#[derive(Clone, Debug)]
pub struct KeyBuf(KeyWriter);

impl KeyBuf {
    /// An empty key in the bytes form.
    #[inline]
    pub fn bytes() -> Self {
        Self(KeyWriter::new(false))
    }

    /// An empty key in the text form, of a `key` template.
    #[inline]
    pub fn text() -> Self {
        Self(KeyWriter::new(true))
    }

    /// Makes an empty key one in the text form.
    #[inline]
    pub fn be_text(&mut self) {
        self.0.text = true;
    }

    /// What its parts are written with.
    #[inline]
    pub fn writer(&mut self) -> &mut KeyWriter {
        &mut self.0
    }

    #[cfg(test)]
    pub(crate) fn written(mut self, write: impl FnOnce(&mut KeyWriter)) -> Self {
        write(&mut self.0);
        self
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The key as the memory tier and the flights look it up.
    #[inline]
    pub(crate) fn hashed(&self, state: &foldhash::fast::RandomState) -> KeyRef<'_> {
        KeyRef::new(state, self.0.blocks(), self.0.len)
    }

    /// The last part of a shared key: the template's text where it is short and printable, else a digest.
    ///
    /// The digest is BLAKE3 cut to 128 bits, marked by a `#` that no text begins with.
    pub(crate) fn tail(&self) -> Cow<'_, str> {
        let bytes = self.as_bytes();
        let readable = self.0.text
            && (1..=MAX_TAIL).contains(&bytes.len())
            && bytes[0] != b'#'
            && bytes.iter().all(u8::is_ascii_graphic);
        match std::str::from_utf8(bytes) {
            Ok(text) if readable => text.into(),
            _ => format!("#{}", &blake3::hash(bytes).to_hex()[..32]).into(),
        }
    }
}

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
    fn new(state: &foldhash::fast::RandomState, blocks: &'a [Block], len: usize) -> Self {
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap, HashSet};

    use super::*;

    fn bytes<T: CacheKey + ?Sized>(value: &T) -> Vec<u8> {
        KeyBuf::bytes().written(|key| value.write_key(key)).as_bytes().to_vec()
    }

    fn text<T: CacheKey + ?Sized>(value: &T) -> String {
        let key = KeyBuf::text().written(|key| value.write_key(key));
        String::from_utf8(key.as_bytes().to_vec()).expect("the text form is ASCII")
    }

    #[test]
    fn the_bytes_form_is_the_same_on_every_release() {
        assert_eq!(bytes(&42_u64), [42, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes(&-2_i16), [0xFE, 0xFF]);
        assert_eq!(bytes(&true), [1]);
        assert_eq!(bytes("ab"), [2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b']);
        assert_eq!(bytes(&None::<u8>), [0, 0, 0, 0]);
        assert_eq!(bytes(&Some(7_u8)), [1, 0, 0, 0, 7]);
        assert_eq!(bytes(&[1_u8, 2][..]), [2, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(bytes(&(1_u8, 'a')), [1, b'a', 0, 0, 0]);
        assert_eq!(bytes(&()), [0_u8; 0]);
    }

    #[test]
    fn neighbouring_texts_never_run_together() {
        assert_ne!(bytes(&("ab", "c")), bytes(&("a", "bc")));
        assert_ne!(text(&("ab", "c")), text(&("a", "bc")));
        assert_ne!(text(&vec!["a,b"]), text(&vec!["a", "b"]));
        assert_ne!(text(&vec![""]), text(&Vec::<&str>::new()));
    }

    #[test]
    fn the_text_form_escapes_what_a_template_may_use_as_separator() {
        assert_eq!(text("a:b/ü"), "a%3Ab%2F%C3%BC");
        assert_eq!(text(&(-7_i32, "x")), "-7,x");
        assert_eq!(text(&Some('|')), "1,%7C");
    }

    #[test]
    fn the_order_of_an_unordered_collection_makes_no_difference() {
        let map: HashMap<u32, &str> = (0..100).map(|n| (n, "v")).collect();
        let same: HashMap<u32, &str> = (0..100).rev().map(|n| (n, "v")).collect();
        assert_eq!(bytes(&map), bytes(&same));
        let set: HashSet<&str> = ["b", "a"].into();
        assert_eq!(text(&set), "2,a,b");
        let sorted: BTreeMap<&str, u8> = [("b", 2), ("a", 1)].into();
        assert_eq!(text(&sorted), "2,a,1,b,2");
    }

    #[test]
    fn a_key_longer_than_the_buffer_moves_to_the_heap_whole() {
        let long = "x".repeat(INLINE * 3);
        let mut expected = (long.len() as u64).to_le_bytes().to_vec();
        expected.extend_from_slice(long.as_bytes());
        assert_eq!(bytes(long.as_str()), expected);
        assert_eq!(bytes(&(1_u8, long.as_str(), 2_u8))[expected.len() + 1], 2);
    }

    #[test]
    fn keys_that_differ_in_trailing_zeros_alone_are_different() {
        let state = foldhash::fast::RandomState::default();
        for len in 0..INLINE * 2 {
            let key = |zeros: usize| {
                KeyBuf::bytes().written(|key| {
                    (0..len).for_each(|_| key.u8(1));
                    (0..zeros).for_each(|_| key.u8(0));
                })
            };
            let (one, same, longer) = (key(0), key(0), key(1));
            assert!(one.hashed(&state) == same.hashed(&state), "{len}");
            assert!(one.hashed(&state) == one.hashed(&state).to_key().borrowed(), "{len}");
            assert!(one.hashed(&state) != longer.hashed(&state), "{len}");
        }
    }

    #[test]
    fn a_tail_is_text_when_short_and_printable_and_a_digest_otherwise() {
        let readable = KeyBuf::text().written(|key| {
            42_u64.write_key(key);
            key.literal(":");
            "en".write_key(key);
        });
        assert_eq!(readable.tail(), "42:en");
        let digest = KeyBuf::bytes().written(|key| 42_u64.write_key(key));
        assert!(digest.tail().starts_with('#') && digest.tail().len() == 33);
        assert!(KeyBuf::text().written(|key| "x".repeat(500).write_key(key)).tail().starts_with('#'));
        assert!(KeyBuf::text().tail().starts_with('#'));
    }
}
