//! Invalidating by tag and by function; by key it is a control beside each function.

use crate::runtime::Cachet;

/// How far an invalidation has come when the call returns.
///
/// Either way this node never serves the old value again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Invalidation {
    /// Every tier has it.
    Done,
    /// The shared tier could not be told yet. The invalidation is kept and sent as soon as the tier answers; until then
    /// this node asks it for nothing, and other nodes may still be given the old value by it.
    Queued,
}

impl Invalidation {
    /// Whether every tier has it.
    pub fn is_done(self) -> bool {
        self == Self::Done
    }
}

/// Invalidates every entry that carries the tag, in the current runtime and its shared tier.
///
/// It takes one step, however many entries there are.
///
/// ```
/// # pollster::block_on(async {
/// assert!(cachet_core::invalidate_tag("products").await.is_done());
/// # });
/// ```
pub async fn invalidate_tag(tag: impl AsRef<str>) -> Invalidation {
    Cachet::current().invalidate_tag(tag).await
}
