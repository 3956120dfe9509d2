//! The directives of a cache, as others wrote them: read leniently where that is safe, and as a refusal where it is not.

use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

/// More seconds than any cache keeps anything (RFC 9111 §1.2.2).
const MOST_SECONDS: u64 = 1 << 31;

/// What `Cache-Control`, or a targeted field in its place, says. Names are in lower case.
#[derive(Debug, Default)]
pub(super) struct Directives {
    members: Vec<(String, Argument)>,
    /// A quote that is never closed: whatever stands behind it, `no-store` perhaps, was not read.
    broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Argument {
    None,
    Seconds(u64),
    /// Anything that is no number of seconds.
    Other,
}

impl Directives {
    /// What applies to this cache: the first of the targeted fields that is there, valid and not empty (RFC 9213 §2.2),
    /// else `Cache-Control`. The flag tells which.
    pub(super) fn of_response(headers: &HeaderMap, targets: &[HeaderName]) -> (Self, bool) {
        match targets.iter().find_map(|target| Self::targeted(headers, target)) {
            Some(targeted) => (targeted, true),
            None => (Self::read(headers), false),
        }
    }

    /// The `Cache-Control` of a request or a response.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut read = Self::default();
        for line in headers.get_all(CACHE_CONTROL) {
            read.add_line(line.as_bytes());
        }
        read
    }

    fn add_line(&mut self, line: &[u8]) {
        let (mut start, mut quoted, mut escaped) = (0, false, false);
        for (at, &byte) in line.iter().enumerate() {
            match byte {
                b'"' if !escaped => quoted = !quoted,
                b',' if !quoted => {
                    self.add(&line[start..at]);
                    start = at + 1;
                }
                _ => {}
            }
            escaped = quoted && byte == b'\\' && !escaped;
        }
        self.broken |= quoted;
        self.add(&line[start..]);
    }

    fn add(&mut self, member: &[u8]) {
        let member = member.trim_ascii();
        let (name, argument) = match member.iter().position(|&byte| byte == b'=') {
            Some(at) => (&member[..at], Argument::of(&member[at + 1..])),
            None => (member, Argument::None),
        };
        // A name with a space behind it is none, and so the member says nothing.
        if let Ok(name) = HeaderName::from_bytes(name) {
            self.members.push((name.as_str().to_owned(), argument));
        }
    }

    /// A structured dictionary (RFC 9213 §2.1); `None` where it does not parse, or a directive has a wrong type.
    fn targeted(headers: &HeaderMap, target: &HeaderName) -> Option<Self> {
        let lines: Vec<_> = headers.get_all(target).map(HeaderValue::as_bytes).collect();
        let dictionary: Dictionary = Parser::new(&lines.join(&b","[..])).parse().ok()?;
        let mut read = Self::default();
        for (name, entry) in &dictionary {
            let ListEntry::Item(item) = entry else { return None };
            let argument = match &item.bare_item {
                BareItem::Boolean(true) => Argument::None,
                // A directive that is said not to be there.
                BareItem::Boolean(false) => continue,
                BareItem::Integer(number) => match u64::try_from(i64::from(*number)) {
                    Ok(seconds) => Argument::Seconds(seconds.min(MOST_SECONDS)),
                    Err(_) => Argument::Other,
                },
                _ => Argument::Other,
            };
            if counts_seconds(name.as_str()) && !matches!(argument, Argument::Seconds(_)) {
                return None;
            }
            read.members.push((name.as_str().to_owned(), argument));
        }
        (!read.members.is_empty()).then_some(read)
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(known, _)| known == name)
    }

    /// The seconds of a directive: the fewest, where it is there more than once; none, where one is no number.
    pub(super) fn seconds(&self, name: &str) -> Option<u64> {
        let given = self.members.iter().filter(|(known, _)| known == name);
        given.map(|(_, argument)| if let Argument::Seconds(seconds) = argument { *seconds } else { 0 }).min()
    }

    /// `max-stale`, which means any staleness without an argument (RFC 9111 §5.2.1.2).
    pub(super) fn max_stale(&self) -> u64 {
        match self.members.iter().find(|(name, _)| name == "max-stale") {
            Some((_, Argument::None)) => MOST_SECONDS,
            Some((_, Argument::Seconds(seconds))) => *seconds,
            _ => 0,
        }
    }
}

fn counts_seconds(name: &str) -> bool {
    ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"].contains(&name)
}

impl Argument {
    fn of(text: &[u8]) -> Self {
        let unquoted = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
        seconds(unquoted).map_or(Self::Other, Self::Seconds)
    }
}

/// Digits and nothing else.
pub(super) fn seconds(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let digits = is_number.then(|| std::str::from_utf8(text).ok()).flatten()?;
    Some(digits.parse().unwrap_or(MOST_SECONDS).min(MOST_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::{super::headers, *};

    fn seconds_of(line: &'static str) -> Option<u64> {
        Directives::read(&headers(&[("cache-control", line)])).seconds("max-age")
    }

    #[test]
    fn a_lifetime_is_read_as_rfc_9111_says_and_a_slip_in_it_is_none() {
        for (line, expected) in [
            ("max-age=5", Some(5)),
            ("MAX-AGE=005", Some(5)),
            ("max-age=\"5\"", Some(5)),
            ("a=\"max-age=7, \\\"\", max-age=5", Some(5)),
            ("max-age=99999999999999999999999", Some(MOST_SECONDS)),
            ("max-age=9, max-age=5", Some(5)),
            ("max-age='5'", Some(0)),
            ("max-age=-5", Some(0)),
            ("max-age= 5", Some(0)),
            ("max-age", Some(0)),
            ("max-age =5", None),
            ("a=\"max-age=5\"", None),
            ("", None),
        ] {
            assert_eq!(seconds_of(line), expected, "{line}");
        }
    }

    #[test]
    fn a_quote_that_is_never_closed_hides_what_follows() {
        assert!(Directives::read(&headers(&[("cache-control", "max-age=5, a=\"b, no-store")])).is_broken());
        assert!(!Directives::read(&headers(&[("cache-control", "max-age=5, a=\"b\", c")])).is_broken());
    }

    #[test]
    fn the_first_target_that_parses_and_says_something_applies() {
        let targets = ["cachet-cache-control", "cdn-cache-control"].map(HeaderName::from_static);
        for (lines, expected) in [
            (&[("cdn-cache-control", "max-age=1")][..], (Some(1), true)),
            (&[("cdn-cache-control", "max-age=1"), ("cachet-cache-control", "max-age=2")], (Some(2), true)),
            (&[("cdn-cache-control", "max-age=1"), ("cachet-cache-control", "")], (Some(1), true)),
            (&[("cdn-cache-control", "max-age=1, &&&"), ("cache-control", "max-age=3")], (Some(3), false)),
            (&[("cdn-cache-control", "max-age=\"1\""), ("cache-control", "max-age=3")], (Some(3), false)),
            (&[("cdn-cache-control", "no-store=?0, max-age=1;x=2")], (Some(1), true)),
        ] {
            let (directives, is_targeted) = Directives::of_response(&headers(lines), &targets);
            assert_eq!((directives.seconds("max-age"), is_targeted), expected, "{lines:?}");
            assert!(!directives.has("no-store"));
        }
    }
}
