//! What a cached function asks for: its lifetimes, tiers and bounds.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::Codec,
    returns::{Validate, Value},
};

/// The default bound of a function's memory tier, in entries.
const CAPACITY: usize = 10_000;

/// Everything that the attribute says about one function; built once for each runtime.
pub struct Spec<S> {
    pub(crate) path: &'static str,
    pub(crate) name: Option<&'static str>,
    pub(crate) ttl: Duration,
    pub(crate) negative_ttl: Option<Duration>,
    pub(crate) memory_ttl: Option<Duration>,
    pub(crate) memory: bool,
    pub(crate) capacity: usize,
    pub(crate) version: u64,
    pub(crate) codec: Option<Codec<S>>,
    pub(crate) validate: Option<Validate<S>>,
}

impl<S: Value> Spec<S> {
    /// A memory-only function with the defaults; `path` is its full path.
    pub fn new(path: &'static str, ttl: Duration) -> Self {
        Self {
            path,
            name: None,
            ttl,
            negative_ttl: None,
            memory_ttl: None,
            memory: true,
            capacity: CAPACITY,
            version: 0,
            codec: None,
            validate: None,
        }
    }

    /// The name in shared keys and counters, in place of the path.
    #[must_use]
    pub fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// Uses the shared tier, which needs the value as bytes.
    #[must_use]
    pub fn shared(mut self) -> Self
    where
        S: Serialize + DeserializeOwned,
    {
        self.codec = Some(Codec::bincode());
        self
    }

    /// Whether the function uses the memory tier.
    #[must_use]
    pub fn memory(mut self, memory: bool) -> Self {
        self.memory = memory;
        self
    }

    /// The bound of the memory tier, in entries.
    #[must_use]
    pub fn capacity(mut self, entries: usize) -> Self {
        self.capacity = entries;
        self
    }

    /// A number of the user's that is part of the shared key.
    #[must_use]
    pub fn version(mut self, version: u64) -> Self {
        self.version = version;
        self
    }

    /// How long an absent value is kept.
    #[must_use]
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.negative_ttl = Some(ttl);
        self
    }

    /// How long memory may answer without asking the shared tier.
    #[must_use]
    pub fn memory_ttl(mut self, ttl: Duration) -> Self {
        self.memory_ttl = Some(ttl);
        self
    }

    /// How values are validated.
    #[must_use]
    pub fn validated(mut self, validate: Option<Validate<S>>) -> Self {
        self.validate = validate;
        self
    }

    pub(crate) fn display_name(&self) -> &'static str {
        self.name.unwrap_or(self.path)
    }
}
