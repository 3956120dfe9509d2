//! `Cache-Control` of responses (RFC 9111 §5.2.2, RFC 5861, RFC 8246), built, written and read.

mod parse;

use std::{collections::BTreeMap, fmt, time::Duration};

use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, TryIntoHeaderPair};

pub(crate) use self::parse::{for_its_client, forbids_keeping};

/// The `Cache-Control` of a response.
///
/// ```
/// use cachet_actix::CacheControl;
///
/// let policy = CacheControl::public().max_age(1800).stale_while_revalidate(60);
/// assert_eq!(policy.to_string(), "public, max-age=1800, stale-while-revalidate=60");
/// assert_eq!("Public,Max-Age=1800 , stale-while-revalidate=60".parse(), Ok(policy));
/// ```
///
/// All lifetimes are in seconds. What is written never has a quoted number, and never one beyond 2³¹, which every
/// cache takes for the longest there is (RFC 9111 §1.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheControl(BTreeMap<Directive, Argument>);

/// The longest lifetime that every cache understands.
const MOST_SECONDS: u64 = 1 << 31;

/// The directives, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Directive {
    Public,
    Private,
    NoStore,
    NoCache,
    MustRevalidate,
    ProxyRevalidate,
    MustUnderstand,
    NoTransform,
    Immutable,
    MaxAge,
    SMaxage,
    StaleWhileRevalidate,
    StaleIfError,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Argument {
    None,
    Seconds(u64),
    /// The fields that the directive is limited to.
    Fields(Vec<HeaderName>),
}

impl CacheControl {
    /// No directive yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Any cache may store the response, even where it would not by itself (RFC 9111 §5.2.2.9).
    pub fn public() -> Self {
        Self::new().flag(Directive::Public)
    }

    /// Only the client's own cache may store the response (RFC 9111 §5.2.2.7).
    pub fn private() -> Self {
        Self::new().flag(Directive::Private)
    }

    /// No cache may store the response (RFC 9111 §5.2.2.5).
    pub fn no_store() -> Self {
        Self::new().flag(Directive::NoStore)
    }

    /// Caches ask before each reuse (RFC 9111 §5.2.2.4).
    #[must_use]
    pub fn no_cache(self) -> Self {
        self.flag(Directive::NoCache)
    }

    /// Shared caches leave these fields of the response out (RFC 9111 §5.2.2.7).
    #[must_use]
    pub fn private_fields(self, fields: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with(Directive::Private, Argument::Fields(fields.into_iter().collect()))
    }

    /// Caches ask before they reuse these fields of the response (RFC 9111 §5.2.2.4).
    #[must_use]
    pub fn no_cache_fields(self, fields: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with(Directive::NoCache, Argument::Fields(fields.into_iter().collect()))
    }

    /// Once stale, the response is not reused without asking (RFC 9111 §5.2.2.2).
    #[must_use]
    pub fn must_revalidate(self) -> Self {
        self.flag(Directive::MustRevalidate)
    }

    /// The same for shared caches alone (RFC 9111 §5.2.2.8).
    #[must_use]
    pub fn proxy_revalidate(self) -> Self {
        self.flag(Directive::ProxyRevalidate)
    }

    /// Only caches that know the status code's own rules store the response (RFC 9111 §5.2.2.3).
    #[must_use]
    pub fn must_understand(self) -> Self {
        self.flag(Directive::MustUnderstand)
    }

    /// Nobody on the way changes the body (RFC 9111 §5.2.2.6).
    #[must_use]
    pub fn no_transform(self) -> Self {
        self.flag(Directive::NoTransform)
    }

    /// While fresh, the response is not asked for again, not even by a reload (RFC 8246).
    #[must_use]
    pub fn immutable(self) -> Self {
        self.flag(Directive::Immutable)
    }

    /// For how long the response is fresh (RFC 9111 §5.2.2.1).
    #[must_use]
    pub fn max_age(self, seconds: u64) -> Self {
        self.seconds(Directive::MaxAge, seconds)
    }

    /// The same for shared caches alone (RFC 9111 §5.2.2.10).
    #[must_use]
    pub fn s_maxage(self, seconds: u64) -> Self {
        self.seconds(Directive::SMaxage, seconds)
    }

    /// For how long after that it may be served while it is asked for anew (RFC 5861 §3).
    #[must_use]
    pub fn stale_while_revalidate(self, seconds: u64) -> Self {
        self.seconds(Directive::StaleWhileRevalidate, seconds)
    }

    /// For how long after that it may be served when asking fails (RFC 5861 §4).
    #[must_use]
    pub fn stale_if_error(self, seconds: u64) -> Self {
        self.seconds(Directive::StaleIfError, seconds)
    }

    /// The same with `max-age` from an entry, unless there is one, or a word that leaves no room for it.
    pub(crate) fn or_max_age(self, lifetime: Duration) -> Self {
        let settled = self.0.contains_key(&Directive::MaxAge)
            || self.0.contains_key(&Directive::NoStore)
            || self.0.get(&Directive::NoCache) == Some(&Argument::None);
        if settled { self } else { self.max_age(lifetime.as_secs()) }
    }

    /// The field's value; nothing is said by a field without directives.
    pub(crate) fn into_header_value(self) -> Option<HeaderValue> {
        let said = !self.0.is_empty();
        said.then(|| HeaderValue::try_from(self.to_string()).expect("directives are written in field characters"))
    }

    fn flag(self, directive: Directive) -> Self {
        self.with(directive, Argument::None)
    }

    fn seconds(self, directive: Directive, seconds: u64) -> Self {
        self.with(directive, Argument::Seconds(seconds.min(MOST_SECONDS)))
    }

    fn with(mut self, directive: Directive, argument: Argument) -> Self {
        self.0.insert(directive, argument);
        self
    }
}

impl fmt::Display for CacheControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (directive, argument)) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            write!(f, "{}{argument}", directive.name())?;
        }
        Ok(())
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Seconds(seconds) => write!(f, "={seconds}"),
            Self::Fields(fields) => {
                let names: Vec<_> = fields.iter().map(HeaderName::as_str).collect();
                write!(f, "=\"{}\"", names.join(", "))
            }
        }
    }
}

impl TryIntoHeaderPair for CacheControl {
    type Error = std::convert::Infallible;

    fn try_into_pair(self) -> Result<(HeaderName, HeaderValue), Self::Error> {
        Ok((CACHE_CONTROL, self.into_header_value().unwrap_or_else(|| HeaderValue::from_static(""))))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{AUTHORIZATION, SET_COOKIE};

    use super::*;

    #[test]
    fn every_directive_is_written_without_quoted_numbers() {
        let all = CacheControl::public()
            .private_fields([SET_COOKIE, AUTHORIZATION])
            .no_cache_fields([SET_COOKIE])
            .must_revalidate()
            .proxy_revalidate()
            .must_understand()
            .no_transform()
            .immutable()
            .max_age(1)
            .s_maxage(2)
            .stale_while_revalidate(3)
            .stale_if_error(4);
        let text = "public, private=\"set-cookie, authorization\", no-cache=\"set-cookie\", must-revalidate, \
                    proxy-revalidate, must-understand, no-transform, immutable, max-age=1, s-maxage=2, \
                    stale-while-revalidate=3, stale-if-error=4";
        assert_eq!(all.to_string(), text);
        assert_eq!(text.parse(), Ok(all));
    }

    #[test]
    fn a_lifetime_beyond_what_caches_understand_is_the_longest_one() {
        assert_eq!(CacheControl::new().max_age(u64::MAX).to_string(), "max-age=2147483648");
    }

    #[test]
    fn the_entrys_lifetime_is_used_where_nothing_else_is_said() {
        let minute = Duration::from_millis(60_900);
        for (policy, expected) in [
            (CacheControl::public(), "public, max-age=60"),
            (CacheControl::private().max_age(5), "private, max-age=5"),
            (CacheControl::public().s_maxage(5), "public, max-age=60, s-maxage=5"),
            (CacheControl::no_store(), "no-store"),
            (CacheControl::private().no_cache(), "private, no-cache"),
            (CacheControl::public().no_cache_fields([SET_COOKIE]), "public, no-cache=\"set-cookie\", max-age=60"),
        ] {
            assert_eq!(policy.or_max_age(minute).to_string(), expected);
        }
    }
}
