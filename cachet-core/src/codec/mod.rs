//! Values as bytes, and bytes that nobody vouches for as values.

mod bounded;

use std::cell::Cell;

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::bounded::{Bounded, Limits},
    shape::{Shape, Wire},
};

/// How values of one type become the body of a shared entry, and back.
pub(crate) struct Codec<S> {
    /// Joins the fingerprint, so that a function which changes its codec misses cleanly.
    pub(crate) name: &'static str,
    pub(crate) encode: fn(&S) -> Result<Vec<u8>, CodecError>,
    pub(crate) decode: fn(&[u8]) -> Result<S, CodecError>,
    /// What the type looks like to serde.
    pub(crate) shape: fn() -> Shape,
}

impl<S> Clone for Codec<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Codec<S> {}

/// A value that cannot be encoded, or bytes that are not the value's.
///
/// The libraries' own errors quote what they read, so none of them is kept as a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("a value could not be encoded as {codec}: {reason}")]
    Encode { codec: &'static str, reason: &'static str },
    #[error("a shared entry could not be decoded as {codec}: {reason}")]
    Decode { codec: &'static str, reason: &'static str },
    #[error("a shared entry has {0} bytes after its value")]
    Trailing(usize),
}

impl<S: Serialize + DeserializeOwned> Codec<S> {
    /// bincode 2 in its standard configuration: fast, for types whose encoding does not describe itself.
    pub(crate) fn bincode() -> Self {
        Self {
            name: BINCODE,
            encode: encode_bincode,
            decode: decode_bincode,
            shape: || Shape::of::<S>(Wire::Positional { codec: BINCODE }),
        }
    }

    /// postcard: as bincode, with the smallest bodies.
    pub(crate) fn postcard() -> Self {
        Self {
            name: POSTCARD,
            encode: encode_postcard,
            decode: decode_postcard,
            shape: || Shape::of::<S>(Wire::Positional { codec: POSTCARD }),
        }
    }

    /// JSON: for `flatten`, tagged and untagged enums, `skip_serializing_if`, and other languages.
    pub(crate) fn json() -> Self {
        Self { name: JSON, encode: encode_json, decode: decode_json, shape: || Shape::of::<S>(Wire::Named) }
    }
}

/// What an encoding begins with; `None` for a codec whose encodings cannot be cut, and where the bytes end too early.
pub(crate) fn decode_start<T: DeserializeOwned>(codec: &'static str, bytes: &[u8]) -> Option<T> {
    let limits = Limits::of(bytes.len());
    match codec {
        BINCODE => {
            let seed = Bounded { inner: std::marker::PhantomData::<T>, limits: &limits };
            let decoded = bincode::serde::seed_decode_from_slice(seed, bytes, bincode::config::standard());
            decoded.ok().map(|(value, _)| value)
        }
        POSTCARD => {
            let mut deserializer = postcard::Deserializer::from_bytes(bytes);
            T::deserialize(Bounded { inner: &mut deserializer, limits: &limits }).ok()
        }
        _ => None,
    }
}

const BINCODE: &str = "bincode";
const POSTCARD: &str = "postcard";
const JSON: &str = "json";

/// A buffer that grew larger is not kept.
const MAX_SCRATCH: usize = 64 << 10;

/// Encodes into this thread's buffer, which has its room already, and copies the bytes out into a vector of their size.
///
/// The buffer is taken out meanwhile: a `Serialize` that encodes another value itself finds an empty one.
fn encoded<E>(write: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, E>) -> Result<Vec<u8>, E> {
    thread_local! {
        static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }
    let mut buffer = write(SCRATCH.try_with(Cell::take).unwrap_or_default())?;
    if buffer.capacity() > MAX_SCRATCH {
        buffer.shrink_to_fit();
        return Ok(buffer);
    }
    let bytes = buffer.as_slice().to_vec();
    buffer.clear();
    // A thread that ends has dropped its buffer; then this one is dropped as well.
    let _ = SCRATCH.try_with(|scratch| scratch.set(buffer));
    Ok(bytes)
}

fn encode_bincode<S: Serialize>(value: &S) -> Result<Vec<u8>, CodecError> {
    encoded(|mut buffer| {
        bincode::serde::encode_into_std_write(value, &mut buffer, bincode::config::standard())
            .map(|_| buffer)
            .map_err(|error| CodecError::Encode { codec: BINCODE, reason: why_not_bincode(&error) })
    })
}

fn why_not_bincode(error: &bincode::error::EncodeError) -> &'static str {
    match error {
        bincode::error::EncodeError::Serde(bincode::serde::EncodeError::SequenceMustHaveLength) => NO_LENGTH,
        _ => "its `Serialize` refused",
    }
}

/// What `#[serde(flatten)]` runs into.
const NO_LENGTH: &str = "it has a sequence or map of unknown length (`#[serde(flatten)]`?); write `codec = \"json\"`";

/// What `#[serde(tag)]` and `#[serde(untagged)]` run into.
const NOT_POSITIONAL: &str =
    "the type asks what the bytes hold (`flatten`, `tag`, `untagged`?); write `codec = \"json\"`";

fn decode_bincode<S: DeserializeOwned>(bytes: &[u8]) -> Result<S, CodecError> {
    let limits = Limits::of(bytes.len());
    let seed = Bounded { inner: std::marker::PhantomData::<S>, limits: &limits };
    let (value, read) = bincode::serde::seed_decode_from_slice(seed, bytes, bincode::config::standard())
        .map_err(|error| CodecError::Decode { codec: BINCODE, reason: why_no_value(&error) })?;
    match bytes.len() - read {
        0 => Ok(value),
        left => Err(CodecError::Trailing(left)),
    }
}

fn why_no_value(error: &bincode::error::DecodeError) -> &'static str {
    use bincode::error::DecodeError;
    match error {
        DecodeError::UnexpectedEnd { .. } => "it ends too early",
        DecodeError::Serde(bincode::serde::DecodeError::AnyNotSupported) => NOT_POSITIONAL,
        _ => "it does not hold the value's type",
    }
}

fn encode_postcard<S: Serialize>(value: &S) -> Result<Vec<u8>, CodecError> {
    encoded(|buffer| postcard::to_extend(value, buffer)).map_err(|error| CodecError::Encode {
        codec: POSTCARD,
        reason: match error {
            postcard::Error::SerializeSeqLengthUnknown => NO_LENGTH,
            _ => "its `Serialize` refused",
        },
    })
}

fn decode_postcard<S: DeserializeOwned>(bytes: &[u8]) -> Result<S, CodecError> {
    let failed = |error| CodecError::Decode {
        codec: POSTCARD,
        reason: match error {
            postcard::Error::DeserializeUnexpectedEnd => "it ends too early",
            postcard::Error::WontImplement => NOT_POSITIONAL,
            _ => "it does not hold the value's type",
        },
    };
    let limits = Limits::of(bytes.len());
    let mut deserializer = postcard::Deserializer::from_bytes(bytes);
    let value = S::deserialize(Bounded { inner: &mut deserializer, limits: &limits }).map_err(failed)?;
    match deserializer.finalize().map_err(failed)?.len() {
        0 => Ok(value),
        left => Err(CodecError::Trailing(left)),
    }
}

fn encode_json<S: Serialize>(value: &S) -> Result<Vec<u8>, CodecError> {
    encoded(|mut buffer| serde_json::to_writer(&mut buffer, value).map(|()| buffer)).map_err(|_| CodecError::Encode {
        codec: JSON,
        reason: "its `Serialize` refused, or the keys of a map are no text",
    })
}

/// `serde_json` bounds the nesting itself, and everything in JSON takes bytes.
fn decode_json<S: DeserializeOwned>(bytes: &[u8]) -> Result<S, CodecError> {
    use serde_json::error::Category;
    serde_json::from_slice(bytes).map_err(|error| CodecError::Decode {
        codec: JSON,
        reason: match error.classify() {
            Category::Eof => "it ends too early",
            Category::Data => "it does not hold the value's type",
            Category::Syntax | Category::Io => "it is no JSON",
        },
    })
}

#[cfg(test)]
mod tests;
