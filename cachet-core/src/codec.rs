//! Values as bytes, and the fingerprint of their shape.

use std::any::type_name;

use serde::{Serialize, de::DeserializeOwned};
use serde_reflection::{Format, Registry, Samples, Tracer, TracerConfig};

/// How values of one type become the body of a shared entry, and back.
pub(crate) struct Codec<S> {
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
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("a value could not be encoded")]
    Encode(#[from] bincode::error::EncodeError),
    #[error("a shared entry could not be decoded")]
    Decode(#[from] bincode::error::DecodeError),
    #[error("a shared entry has {0} bytes after its value")]
    Trailing(usize),
    #[error("a shared entry does not say whether it holds a value or an error")]
    Mark,
}

impl<S: Serialize + DeserializeOwned> Codec<S> {
    /// bincode 2 in its standard configuration.
    pub(crate) fn bincode() -> Self {
        Self { encode, decode, shape: Shape::of::<S> }
    }
}

/// No decoded value may ask for more than this.
const MAX_DECODED: usize = 256 << 20;

fn encode<S: Serialize>(value: &S) -> Result<Vec<u8>, CodecError> {
    Ok(bincode::serde::encode_to_vec(value, bincode::config::standard())?)
}

fn decode<S: DeserializeOwned>(bytes: &[u8]) -> Result<S, CodecError> {
    let configuration = bincode::config::standard().with_limit::<MAX_DECODED>();
    let (value, read) = bincode::serde::decode_from_slice(bytes, configuration)?;
    if read == bytes.len() { Ok(value) } else { Err(CodecError::Trailing(bytes.len() - read)) }
}

/// Enough passes for enums of as many variants.
const MAX_PASSES: usize = 1024;

/// What a type looks like to serde: the tracer, order and types of all fields and variants, nested ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Traced(Box<(Format, Registry)>),
    /// The type could not be traced, so its name has to do; `version` is the user's way to tell changes apart.
    Named(&'static str),
}

impl Shape {
    fn of<S: DeserializeOwned>() -> Self {
        match Self::traced::<S>() {
            Ok(shape) => shape,
            Err(error) => {
                tracing::warn!(
                    value_type = type_name::<S>(),
                    %error,
                    "the value's shape cannot be traced: change `version` when the type changes"
                );
                Self::Named(type_name::<S>())
            }
        }
    }

    /// Each pass over the type meets one more variant of every enum that is known to have more; the registry names
    /// those whose variants were not all met.
    fn traced<S: DeserializeOwned>() -> serde_reflection::Result<Self> {
        let (samples, mut passes, mut enums) = (Samples::new(), 1, Vec::<String>::new());
        loop {
            let mut tracer = Tracer::new(TracerConfig::default());
            let mut format = tracer.trace_type_once::<S>(&samples)?.0;
            for _ in 1..passes {
                for name in &enums {
                    // Reading the mark resets it; a marked enum would only be given its first variant again.
                    let _ = tracer.check_incomplete_enum(name);
                }
                format = tracer.trace_type_once::<S>(&samples)?.0;
            }
            match tracer.registry() {
                Ok(registry) => return Ok(Self::Traced(Box::new((format, registry)))),
                Err(serde_reflection::Error::MissingVariants(names)) if passes < MAX_PASSES => {
                    enums.extend(names);
                    passes *= 2;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn write(&self, hasher: &mut blake3::Hasher) {
        match self {
            Self::Traced(traced) => hasher.update(format!("{traced:?}").as_bytes()),
            Self::Named(name) => hasher.update(name.as_bytes()),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    fn digest<S: DeserializeOwned>() -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        Shape::of::<S>().write(&mut hasher);
        hasher.finalize()
    }

    #[test]
    fn a_changed_field_changes_the_shape() {
        mod one {
            #[derive(serde::Deserialize)]
            #[allow(dead_code)]
            pub(super) struct Product {
                name: String,
                price: u64,
            }
        }
        mod swapped {
            #[derive(serde::Deserialize)]
            #[allow(dead_code)]
            pub(super) struct Product {
                price: u64,
                name: String,
            }
        }
        mod retyped {
            #[derive(serde::Deserialize)]
            #[allow(dead_code)]
            pub(super) struct Product {
                name: String,
                price: u32,
            }
        }
        mod same {
            #[derive(serde::Deserialize)]
            #[allow(dead_code)]
            pub(super) struct Product {
                name: String,
                price: u64,
            }
        }
        assert_eq!(digest::<one::Product>(), digest::<same::Product>());
        assert_ne!(digest::<one::Product>(), digest::<swapped::Product>());
        assert_ne!(digest::<one::Product>(), digest::<retyped::Product>());
        assert_ne!(digest::<Vec<one::Product>>(), digest::<Option<one::Product>>());
    }

    #[test]
    fn every_variant_of_a_nested_enum_takes_part() {
        #[derive(Deserialize)]
        #[allow(dead_code)]
        enum State {
            Draft,
            Published { at: u64 },
            Moved(String, Vec<u8>),
        }
        #[derive(Deserialize)]
        #[allow(dead_code)]
        struct Post {
            state: State,
            notes: HashMap<String, Option<u16>>,
        }
        let shape = Shape::of::<Post>();
        let Shape::Traced(traced) = shape else { panic!("a plain type can be traced") };
        let text = format!("{traced:?}");
        for part in ["Draft", "Published", "at", "Moved", "notes"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }

    #[test]
    fn bytes_that_are_not_the_value_are_an_error() {
        let bytes = (Codec::<(u8, String)>::bincode().encode)(&(1, "x".into())).expect("it can be encoded");
        let decode = Codec::<(u8, String)>::bincode().decode;
        assert_eq!(decode(&bytes).expect("it can be decoded"), (1, "x".to_owned()));
        assert!(decode(&bytes[..2]).is_err());
        assert!(decode(&[&bytes[..], &[0]].concat()).is_err(), "trailing bytes are not ours");
        assert!(decode(&[1, 253, 255, 255, 255, 255, 255, 255, 255, 127]).is_err(), "no room is made for a lie");
    }
}
