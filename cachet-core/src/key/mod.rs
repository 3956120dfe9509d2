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
mod stored;
#[cfg(test)]
mod tests;
mod times;
mod writer;

pub(crate) use self::stored::{Key, KeyHash, KeyRef};
pub use self::writer::{KeyBuf, KeyWriter};

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
    note = "derive it with `#[derive(CacheKey)]`, say by `key = …` what counts of it, or leave the argument out of the key with `skip(…)`",
    note = "what an actix-web handler takes has a key beside `http = \"…\"`"
)]
pub trait CacheKey {
    /// Writes the value's canonical bytes.
    fn write_key(&self, key: &mut KeyWriter);
}
