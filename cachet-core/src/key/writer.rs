//! Canonical bytes as they are written, on the stack while they fit.

use std::{borrow::Cow, fmt};

#[cfg(doc)]
use super::CacheKey;
use super::stored::{BLOCK, Block, KeyRef};

/// Key bytes that fit here never touch the heap. A multiple of a block.
pub(super) const INLINE: usize = 64;

/// The longest text that stands in a shared key as it is; longer ones are hashed.
const MAX_TAIL: usize = 120;

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
    pub(super) text: bool,
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
    pub(super) fn unordered<T>(&mut self, items: impl Iterator<Item = T>, write: impl Fn(T, &mut KeyWriter)) {
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
