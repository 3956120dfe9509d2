//! Taking one rule of the protocol out, so that a test can show that it would be missed.
//!
//! With the feature `testing`, `CACHET_WITHOUT=stamps` takes out the rule of that name for the whole process. Without the
//! feature every rule stands, and nothing is asked.

/// What keeps nodes coherent, one rule each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A fill is stored only while its lease stands.
    Lease,
    /// An entry carries the stamp of its key.
    Stamps,
    /// A follower uses a value only if it joined before that was confirmed.
    Join,
    /// Trust ends unless a heartbeat puts it off.
    Heartbeat,
    /// A value of an earlier life of the server is none.
    Incarnation,
    /// A writer's keys take no fills.
    Fence,
    /// A server that answers again is believed after a while.
    Grace,
}

/// Whether the rule is taken out. Not to be asked on a memory hit.
#[cfg(feature = "testing")]
pub(crate) fn without(rule: Rule) -> bool {
    use std::sync::OnceLock;

    static WITHOUT: OnceLock<Option<Rule>> = OnceLock::new();
    *WITHOUT.get_or_init(|| std::env::var("CACHET_WITHOUT").ok().map(|name| Rule::named(&name))) == Some(rule)
}

/// No rule is ever taken out.
#[cfg(not(feature = "testing"))]
pub(crate) const fn without(_: Rule) -> bool {
    false
}

#[cfg(feature = "testing")]
impl Rule {
    const ALL: [Self; 7] =
        [Self::Lease, Self::Stamps, Self::Join, Self::Heartbeat, Self::Incarnation, Self::Fence, Self::Grace];

    /// # Panics
    ///
    /// If no rule has that name: a test that takes nothing out would show nothing.
    fn named(name: &str) -> Self {
        let named = Self::ALL.into_iter().find(|rule| format!("{rule:?}").eq_ignore_ascii_case(name));
        named.unwrap_or_else(|| panic!("CACHET_WITHOUT names one of {:?}, not `{name}`", Self::ALL))
    }
}
