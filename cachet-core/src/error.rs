//! What can go wrong outside a call: configuration, installation, a strict write, and an outage that is to be told.

/// An error of configuring or installing the runtime, of a strict write, or of an outage.
///
/// A call of a cached function never fails with one, unless `on_outage = "fail"` says so: a tier's fault is a miss, and
/// only the loader's own error reaches the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field of the configuration cannot be used.
    #[error("invalid configuration of `{field}`: {reason}")]
    Configuration {
        /// The builder's method, or the environment variable.
        field: &'static str,
        /// What is wrong with it, without its value where that may hold a secret.
        reason: String,
    },
    /// Another runtime is in use already.
    #[error("a runtime is in use already: install one before the first call of a cached function, and only once")]
    AlreadyInstalled,
    /// A writer with `#[invalidates(…, strict)]` did not run: the shared tier could not be asked to keep out loads that
    /// began before the write.
    #[error("the fence of a strict write could not be set: the shared tier cannot be asked; nothing was written")]
    Fence,
    /// The shared tier could not be asked, and the function is to fail then: `on_outage = "fail"`.
    #[error("the shared tier cannot be asked")]
    Outage,
    /// The background thread did not start.
    #[error("the background thread could not be started")]
    Background(#[source] std::io::Error),
}
