//! Which answers are stored, and for how long they are fresh (RFC 9111 §3, §4.2).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::{
    StatusCode,
    header::{
        AGE, CACHE_CONTROL, DATE, ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, PRAGMA, SET_COOKIE,
    },
};
use serde::{Deserialize, Serialize};

use super::directives::{Directives, seconds};
use crate::validators::date;

/// Stored without being told so (RFC 9110 §15.1, without what answers one client or says that this cache's origin is
/// at fault).
const BY_DEFAULT: [u16; 7] = [200, 203, 204, 301, 308, 404, 410];

/// Statuses whose rules of caching this cache knows: for `must-understand`.
const UNDERSTOOD: [u16; 22] =
    [200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 414, 421, 429, 451, 500, 501, 503, 504];

/// The share of its age that an answer without a lifetime is fresh for, and the most of it (RFC 9111 §4.2.2).
const HEURISTIC: (u32, Duration) = (10, Duration::from_hours(24));

/// For how long a stale answer is kept that can be revalidated, or asked for.
const REVALIDATED: Duration = Duration::from_hours(24);

/// What the configuration says.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) targets: Vec<HeaderName>,
    pub(super) heuristics: bool,
    /// Whether a request may ask for what is stale.
    pub(super) honours: bool,
    /// For how long a stale answer serves in place of an error where it says nothing about that itself.
    pub(super) stale_if_error: Duration,
}

/// How a stored answer may be reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    /// For how long it is fresh, from when the origin made it.
    lifetime: Duration,
    /// How old it was when it came (RFC 9111 §4.2.3).
    initial_age: Duration,
    stale_while_revalidate: Duration,
    stale_if_error: Duration,
    /// Never served stale, whatever a request allows.
    strict: bool,
    /// Validated before each use.
    unsure: bool,
    /// For requests with credentials as well (RFC 9111 §3.5).
    for_all: bool,
    keep: Duration,
}

/// What is known of a request beside the answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    /// The request had `Authorization` or a cookie.
    pub(super) personal: bool,
    /// The client asked that nothing be stored, and is heard.
    pub(super) no_store: bool,
    pub(super) now: SystemTime,
    /// How long the origin took.
    pub(super) delay: Duration,
}

/// Decides on the final status and fields. The error is the reason, for `Cache-Status`.
pub(super) fn judge(
    rules: &Rules,
    status: StatusCode,
    headers: &HeaderMap,
    circumstances: Circumstances,
) -> Result<Terms, &'static str> {
    let (directives, is_targeted) = Directives::of_response(headers, &rules.targets);
    refuse(&directives, status, headers, circumstances)?;

    let now = circumstances.now;
    let made = headers.get(DATE).and_then(date).unwrap_or(now);
    let explicit = explicit_lifetime(&directives, is_targeted, headers, made);
    let by_default = BY_DEFAULT.contains(&status.as_u16());
    let is_public = directives.has("public");
    if explicit.is_none() && !by_default && !is_public {
        return Err("status");
    }
    let guessed =
        || if rules.heuristics && !says_no_cache(headers) { heuristic(headers, made) } else { Duration::ZERO };
    let lifetime = explicit.unwrap_or_else(guessed);
    let apparent = now.duration_since(made).unwrap_or_default();
    let strict =
        ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage"].iter().any(|name| directives.has(name));
    let window = |name, unsaid| {
        let told = directives.seconds(name).map_or(unsaid, Duration::from_secs);
        if strict { Duration::ZERO } else { told }
    };
    Terms {
        lifetime,
        initial_age: apparent.max(age(headers) + circumstances.delay),
        stale_while_revalidate: window("stale-while-revalidate", Duration::ZERO),
        stale_if_error: window("stale-if-error", rules.stale_if_error),
        strict,
        unsure: directives.has("no-cache"),
        for_all: is_for_all(&directives),
        keep: Duration::ZERO,
    }
    .kept(rules.honours || headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED))
    .ok_or("no freshness")
}

fn refuse(
    directives: &Directives,
    status: StatusCode,
    headers: &HeaderMap,
    circumstances: Circumstances,
) -> Result<(), &'static str> {
    let is_understood = UNDERSTOOD.contains(&status.as_u16());
    let is_overruled = directives.has("must-understand") && is_understood;
    let refusals = [
        (status.is_informational() || status == StatusCode::NOT_MODIFIED, "status"),
        (status == StatusCode::PARTIAL_CONTENT, "partial"),
        (headers.contains_key(SET_COOKIE), "set-cookie"),
        (directives.is_broken(), "malformed"),
        (directives.has("private"), "private"),
        (directives.has("must-understand") && !is_understood, "must-understand"),
        (directives.has("no-store") && !is_overruled, "no-store"),
        (circumstances.no_store, "request no-store"),
        (circumstances.personal && !is_for_all(directives), "credentials"),
    ];
    match refusals.iter().find(|(refused, _)| *refused) {
        Some((_, reason)) => Err(reason),
        None => Ok(()),
    }
}

fn is_for_all(directives: &Directives) -> bool {
    ["public", "s-maxage", "must-revalidate"].iter().any(|name| directives.has(name))
}

/// RFC 9111 §4.2.1. An `Expires` that is no date is in the past (§5.3).
fn explicit_lifetime(
    directives: &Directives,
    is_targeted: bool,
    headers: &HeaderMap,
    made: SystemTime,
) -> Option<Duration> {
    let told = directives.seconds("s-maxage").or_else(|| directives.seconds("max-age")).map(Duration::from_secs);
    let expires = || {
        let mut lines = headers.get_all(EXPIRES);
        let first = lines.next()?;
        let at = if lines.next().is_none() { date(first) } else { None };
        Some(at.and_then(|at| at.duration_since(made).ok()).unwrap_or_default())
    };
    told.or_else(|| if is_targeted { None } else { expires() })
}

fn heuristic(headers: &HeaderMap, made: SystemTime) -> Duration {
    let (share, most) = HEURISTIC;
    let modified = headers.get(LAST_MODIFIED).and_then(date);
    modified
        .and_then(|modified| made.duration_since(modified).ok())
        .map_or(Duration::ZERO, |age| (age / share).min(most))
}

/// `Pragma`, where nothing better is there to say it.
fn says_no_cache(headers: &HeaderMap) -> bool {
    headers.get_all(PRAGMA).any(|value| value.as_bytes().eq_ignore_ascii_case(b"no-cache"))
}

/// The `Age` of an answer: its first value, and nothing where that is none (RFC 9111 §5.1).
fn age(headers: &HeaderMap) -> Duration {
    let first = headers.get(AGE).and_then(|line| line.as_bytes().split(|&byte| byte == b',').next());
    seconds_of(first.and_then(|first| seconds(first.trim_ascii())))
}

fn seconds_of(seconds: Option<u64>) -> Duration {
    Duration::from_secs(seconds.unwrap_or_default())
}

/// Whether a stored answer may be used at some age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// At once.
    Fresh,
    /// At once, and it is refreshed behind it.
    Behind,
    /// After the origin said that it still holds.
    Validated,
}

impl Terms {
    fn kept(mut self, is_of_use_stale: bool) -> Option<Self> {
        let windows = self.stale_while_revalidate.max(self.stale_if_error);
        let beyond = if is_of_use_stale { windows.max(REVALIDATED) } else { windows };
        let fresh = if self.unsure { Duration::ZERO } else { self.lifetime };
        self.keep = (fresh + beyond).saturating_sub(self.initial_age);
        (!self.keep.is_zero()).then_some(self)
    }

    /// The same for an answer whose body took so long to come; `None` where it is worth nothing by then.
    pub(super) fn after(self, span: Duration) -> Option<Self> {
        let keep = self.keep.saturating_sub(span);
        let aged = Self { initial_age: self.initial_age + span, keep, ..self };
        (!keep.is_zero()).then_some(aged)
    }

    /// For how long it is worth its place, from when it came.
    pub(super) fn keep(&self) -> Duration {
        self.keep
    }

    pub(super) fn is_for_all(&self) -> bool {
        self.for_all
    }

    /// How old it is after `resident` in the cache.
    pub(super) fn age(&self, resident: Duration) -> Duration {
        self.initial_age + resident
    }

    /// For how long it is still fresh, in seconds; less than zero for how long it has been stale.
    pub(super) fn ttl(&self, resident: Duration) -> i64 {
        let whole = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        whole(self.lifetime) - whole(self.age(resident))
    }

    fn staleness(&self, resident: Duration) -> Option<Duration> {
        self.age(resident).checked_sub(self.lifetime)
    }

    /// What RFC 9111 §4.2.4 and RFC 5861 §3 allow.
    pub(super) fn usage(&self, resident: Duration, wishes: &Wishes) -> Use {
        if self.unsure || wishes.validated || wishes.max_age.is_some_and(|most| self.age(resident) > most) {
            return Use::Validated;
        }
        match self.staleness(resident + wishes.min_fresh) {
            None => Use::Fresh,
            Some(staleness) if !self.strict && staleness < wishes.max_stale => Use::Fresh,
            Some(_) if !wishes.min_fresh.is_zero() => Use::Validated,
            Some(staleness) if staleness < self.stale_while_revalidate => Use::Behind,
            Some(_) => Use::Validated,
        }
    }

    /// Whether it serves in place of an error (RFC 5861 §4).
    pub(super) fn serves_after_error(&self, resident: Duration) -> bool {
        let window = self.stale_if_error.max(self.stale_while_revalidate);
        !self.strict && self.staleness(resident).is_none_or(|staleness| staleness < window)
    }
}

/// What a request asks of the cache (RFC 9111 §5.2.1), where it is heard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wishes {
    pub(super) validated: bool,
    pub(super) no_store: bool,
    pub(super) only_if_cached: bool,
    max_age: Option<Duration>,
    max_stale: Duration,
    min_fresh: Duration,
}

impl Wishes {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let directives = Directives::read(headers);
        let has_cache_control = headers.contains_key(CACHE_CONTROL);
        Self {
            validated: ["no-cache", "no-store"].iter().any(|name| directives.has(name))
                || (!has_cache_control && says_no_cache(headers)),
            no_store: directives.has("no-store"),
            only_if_cached: directives.has("only-if-cached"),
            max_age: directives.seconds("max-age").map(Duration::from_secs),
            max_stale: Duration::from_secs(directives.max_stale()),
            min_fresh: seconds_of(directives.seconds("min-fresh")),
        }
    }
}

/// The second that an answer's `Date` names, for telling the newer of two.
pub(super) fn second(headers: &HeaderMap, now: SystemTime) -> u64 {
    let made = headers.get(DATE).and_then(date).unwrap_or(now);
    made.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The date of now, as a field.
pub(super) fn date_field(now: SystemTime) -> HeaderValue {
    HeaderValue::try_from(httpdate::fmt_http_date(now)).expect("a date is a field value")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = UNIX_EPOCH;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn judged(status: u16, lines: &[(&'static str, &'static str)], personal: bool) -> Result<Terms, &'static str> {
        let targets = vec![HeaderName::from_static("cdn-cache-control")];
        let rules = Rules { targets, heuristics: true, honours: false, stale_if_error: Duration::ZERO };
        let circumstances = Circumstances { personal, no_store: false, now: NOW, delay: Duration::ZERO };
        judge(&rules, StatusCode::from_u16(status).expect("a status"), &headers(lines), circumstances)
    }

    fn lifetime(lines: &[(&'static str, &'static str)]) -> Option<u64> {
        judged(200, lines, false).ok().map(|terms| terms.lifetime.as_secs())
    }

    const LATER: &str = "Thu, 01 Jan 1970 00:01:40 GMT";

    #[test]
    fn a_lifetime_is_that_of_section_4_2_1() {
        for (lines, expected) in [
            (&[("cache-control", "max-age=10")][..], Some(10)),
            (&[("cache-control", "max-age=10, s-maxage=20")], Some(20)),
            (&[("cache-control", "max-age=10"), ("expires", LATER)], Some(10)),
            (&[("expires", LATER)], Some(100)),
            (&[("expires", "Thu Jan  1 00:01:40 1970")], Some(100)),
            // Nothing fresh, and nothing to validate it by.
            (&[("expires", "0")], None),
            (&[("expires", LATER), ("expires", LATER)], None),
            (&[], None),
            (&[("expires", "0"), ("etag", "\"a\"")], Some(0)),
            (&[("date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("etag", "\"a\"")], Some(0)),
            (&[("cdn-cache-control", "max-age=5"), ("cache-control", "no-store"), ("expires", LATER)], Some(5)),
            (&[("cdn-cache-control", "foo"), ("expires", LATER), ("etag", "\"a\"")], Some(0)),
        ] {
            assert_eq!(lifetime(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn without_a_lifetime_it_is_a_tenth_of_the_age_and_a_day_at_most() {
        for (made, expected) in [("Thu, 01 Jan 1970 00:16:40 GMT", 100), ("Sun, 06 Nov 1994 08:49:37 GMT", 86_400)] {
            let lines = [("date", made), ("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT")];
            assert_eq!(lifetime(&lines), Some(expected));
            let [date, modified] = lines;
            assert_eq!(lifetime(&[date, modified, ("pragma", "no-cache")]), Some(0));
        }
    }

    #[test]
    fn what_is_not_for_everybody_is_refused() {
        for (status, lines, reason) in [
            (200, &[("cache-control", "max-age=5, private")][..], "private"),
            (200, &[("cache-control", "max-age=5, private=\"x\"")], "private"),
            (200, &[("cache-control", "max-age=5, No-Store")], "no-store"),
            (200, &[("cache-control", "max-age=5"), ("set-cookie", "a=b")], "set-cookie"),
            (200, &[("cache-control", "max-age=5, a=\"b")], "malformed"),
            (206, &[("cache-control", "max-age=5")], "partial"),
            (304, &[("cache-control", "max-age=5")], "status"),
            (302, &[("last-modified", LATER)], "status"),
            (500, &[("etag", "\"a\"")], "status"),
            (599, &[("cache-control", "max-age=5, no-store, must-understand")], "must-understand"),
        ] {
            assert_eq!(judged(status, lines, false).err(), Some(reason), "{status} {lines:?}");
        }
        for status in [200, 302, 400, 500, 599] {
            assert!(
                judged(status, &[("cache-control", "max-age=5")], false).is_ok(),
                "{status}: it is said explicitly"
            );
        }
        assert!(judged(200, &[("cache-control", "max-age=5, no-store, must-understand")], false).is_ok());
    }

    #[test]
    fn an_answer_to_credentials_is_stored_if_it_is_said_to_be_for_all() {
        for (line, refused) in [
            ("max-age=5", true),
            ("max-age=5, public", false),
            ("s-maxage=5", false),
            ("max-age=5, must-revalidate", false),
            ("max-age=5, proxy-revalidate", true),
        ] {
            assert_eq!(judged(200, &[("cache-control", line)], true).is_err(), refused, "{line}");
        }
    }

    #[test]
    fn the_first_age_counts_and_a_malformed_one_is_none() {
        for (lines, expected) in [
            (&[("age", "7")][..], 7),
            (&[("age", "7, 0")], 7),
            (&[("age", "7"), ("age", "0")], 7),
            (&[("age", "99999999999999999999")], 1 << 31),
            (&[("age", "-7")], 0),
            (&[("age", "7.0")], 0),
            (&[("age", "x, 7")], 0),
            (&[], 0),
        ] {
            assert_eq!(age(&headers(lines)).as_secs(), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_stale_answer_serves_within_its_windows_and_where_nothing_forbids_it() {
        let at = |line, after| {
            let terms = judged(200, &[("cache-control", line), ("etag", "\"a\"")], false).expect("it is stored");
            let resident = Duration::from_secs(after);
            (terms.usage(resident, &Wishes::default()), terms.serves_after_error(resident))
        };
        for (line, after, expected) in [
            ("max-age=5", 4, (Use::Fresh, true)),
            ("max-age=5", 5, (Use::Validated, false)),
            ("max-age=5, stale-while-revalidate=3", 7, (Use::Behind, true)),
            ("max-age=5, stale-while-revalidate=3", 8, (Use::Validated, false)),
            ("max-age=5, stale-if-error=3", 7, (Use::Validated, true)),
            ("max-age=5, stale-if-error=3, must-revalidate", 7, (Use::Validated, false)),
            ("s-maxage=5, stale-while-revalidate=3", 7, (Use::Validated, false)),
            ("max-age=5, stale-while-revalidate=3, proxy-revalidate", 7, (Use::Validated, false)),
            ("max-age=5, no-cache, stale-if-error=3", 1, (Use::Validated, false)),
        ] {
            assert_eq!(at(line, after), expected, "{line} after {after} s");
        }
    }
}
