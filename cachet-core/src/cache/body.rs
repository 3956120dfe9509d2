//! Values as the bodies of shared entries.

use super::Cache;
use crate::{
    codec::CodecError,
    entry::AnyValue,
    envelope::{EnvelopeError, Holds},
    erased::Erased,
    events::count,
    shared::HeldLease,
    tier::{NewEntry, StoredEntry},
};

/// Why a body gives no value, or a value no body.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    Codec(#[from] CodecError),
}

impl Cache {
    /// Gives an entry its body, as it is stored by that lease; `None` if the value has no bytes.
    pub(super) fn with_body(&self, held: &HeldLease, mut entry: NewEntry, value: &AnyValue) -> Option<NewEntry> {
        let (_, codec) = self.shared.as_ref()?;
        let lease = held.lease()?;
        let (holds, encoded) = match codec.encode(value) {
            Some(encoded) => (Holds::Value, encoded),
            None => (Holds::Error, self.settings.error_codec.as_ref()?.encode(value)?),
        };
        let mut close = |encoded| self.envelope.close(held.key(), &lease, &mut entry, holds, encoded);
        match encoded.map_err(Unfit::from).and_then(|encoded| Ok(close(encoded)?)) {
            Ok(()) => Some(entry),
            Err(error) => {
                tracing::error!(function = self.name(), %error, "the value stays out of the shared tier");
                None
            }
        }
    }

    /// The value of an entry; `None` for one that is to be overwritten.
    pub(super) fn decode(&self, key: &str, stored: &StoredEntry) -> Option<Box<dyn Erased>> {
        self.opened(key, stored)
            .inspect_err(|error| {
                count(&self.counters.undecodable);
                tracing::debug!(function = self.name(), %error, "an entry is overwritten");
            })
            .ok()
    }

    fn opened(&self, key: &str, stored: &StoredEntry) -> Result<Box<dyn Erased>, Unfit> {
        let (holds, encoded) = self.envelope.open(key, stored)?;
        let codec = match holds {
            Holds::Value => self.shared.as_ref().map(|(_, codec)| codec),
            Holds::Error => self.settings.error_codec.as_ref(),
        };
        Ok(codec.ok_or(EnvelopeError::Form)?.decode(&encoded)?)
    }
}
