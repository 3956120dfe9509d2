//! Values whose type the flow does not know: on their way into an entry, and as bytes.

use std::{any::Any, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::{Codec, CodecError},
    entry::{AnyValue, Entry, Meta},
    returns::SharedError,
    shape::Shape,
};

/// A value of some type on its way into an entry.
pub(crate) trait Erased: Send + Sync {
    fn as_any(&self) -> &AnyValue;
    fn into_entry(self: Box<Self>, meta: Meta) -> Arc<Entry>;
}

/// Boxes a value, so that its type is forgotten.
pub(crate) fn erase<T: Any + Send + Sync>(value: T) -> Box<dyn Erased> {
    Box::new(Holding(value))
}

/// A value as such: a blanket implementation would hold for the box of one as well.
struct Holding<T>(T);

impl<T: Any + Send + Sync> Erased for Holding<T> {
    fn as_any(&self) -> &AnyValue {
        &self.0
    }

    fn into_entry(self: Box<Self>, meta: Meta) -> Arc<Entry> {
        Arc::new(Entry::new(meta, self.0))
    }
}

/// How values become the body of a shared entry, and back.
pub(crate) trait AnyCodec: Send + Sync {
    /// The bytes of a value; `None` for one of another type.
    fn encode(&self, value: &AnyValue) -> Option<Result<Vec<u8>, CodecError>>;
    fn decode(&self, bytes: &[u8]) -> Result<Box<dyn Erased>, CodecError>;
    /// The codec's name.
    fn name(&self) -> &'static str;
    /// What the type looks like to serde.
    fn shape(&self) -> Shape;
}

impl<S: Serialize + DeserializeOwned + Send + Sync + 'static> AnyCodec for Codec<S> {
    fn encode(&self, value: &AnyValue) -> Option<Result<Vec<u8>, CodecError>> {
        value.downcast_ref().map(self.encode)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Box<dyn Erased>, CodecError> {
        Ok(erase((self.decode)(bytes)?))
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn shape(&self) -> Shape {
        (self.shape)()
    }
}

/// The codec of errors, which an entry holds as [`SharedError`].
pub(crate) struct ErrorCodec<E>(pub(crate) Codec<E>);

impl<E: Clone + Serialize + DeserializeOwned + Send + Sync + 'static> AnyCodec for ErrorCodec<E> {
    fn encode(&self, value: &AnyValue) -> Option<Result<Vec<u8>, CodecError>> {
        value.downcast_ref::<SharedError>()?.as_any().downcast_ref().map(self.0.encode)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Box<dyn Erased>, CodecError> {
        Ok(erase(SharedError::new((self.0.decode)(bytes)?)))
    }

    fn name(&self) -> &'static str {
        self.0.name
    }

    fn shape(&self) -> Shape {
        (self.0.shape)()
    }
}
