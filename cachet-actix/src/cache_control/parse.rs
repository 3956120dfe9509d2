//! `Cache-Control` as text.

use std::str::FromStr;

use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};

use super::{Argument, CacheControl, Directive, MOST_SECONDS};
use crate::error::CacheControlError;

/// What may stand behind a directive's name.
#[derive(Clone, Copy, PartialEq)]
enum Takes {
    Nothing,
    Seconds,
    /// Nothing, or field names in quotes.
    Fields,
}

const DIRECTIVES: [(Directive, &str, Takes); 13] = [
    (Directive::Public, "public", Takes::Nothing),
    (Directive::Private, "private", Takes::Fields),
    (Directive::NoStore, "no-store", Takes::Nothing),
    (Directive::NoCache, "no-cache", Takes::Fields),
    (Directive::MustRevalidate, "must-revalidate", Takes::Nothing),
    (Directive::ProxyRevalidate, "proxy-revalidate", Takes::Nothing),
    (Directive::MustUnderstand, "must-understand", Takes::Nothing),
    (Directive::NoTransform, "no-transform", Takes::Nothing),
    (Directive::Immutable, "immutable", Takes::Nothing),
    (Directive::MaxAge, "max-age", Takes::Seconds),
    (Directive::SMaxage, "s-maxage", Takes::Seconds),
    (Directive::StaleWhileRevalidate, "stale-while-revalidate", Takes::Seconds),
    (Directive::StaleIfError, "stale-if-error", Takes::Seconds),
];

impl Directive {
    pub(super) fn name(self) -> &'static str {
        let (_, name, _) = DIRECTIVES.iter().find(|(known, ..)| *known == self).expect("the table has all directives");
        name
    }
}

impl FromStr for CacheControl {
    type Err = CacheControlError;

    /// Reads directives as a developer writes them: strictly, so that a slip is an error and not a cache that does
    /// something else. Names are case-insensitive, empty members are passed over.
    fn from_str(text: &str) -> Result<Self, CacheControlError> {
        let mut read = Self::new();
        for member in members(text) {
            let (directive, argument) = member?.read()?;
            if read.0.insert(directive, argument).is_some() {
                return Err(CacheControlError::Duplicate(directive.name()));
            }
        }
        let everyone = read.0.contains_key(&Directive::Public);
        if everyone && read.0.get(&Directive::Private) == Some(&Argument::None) {
            return Err(CacheControlError::PublicAndPrivate);
        }
        Ok(read)
    }
}

/// Whether a response that a handler finished says that it is not for keeping, or says something that is not
/// understood.
pub(crate) fn forbids_keeping(headers: &HeaderMap) -> bool {
    let forbids = |text: &str| {
        members(text).any(|member| match member {
            Ok(member) => ["no-store", "no-cache", "private"].iter().any(|name| member.name.eq_ignore_ascii_case(name)),
            Err(_) => true,
        })
    };
    headers.get_all(CACHE_CONTROL).any(|line| line.to_str().map_or(true, forbids))
}

/// What a response says of keeping it, made to hold for its client alone: no shared cache keeps it.
pub(crate) fn for_its_client(headers: &HeaderMap) -> HeaderValue {
    let of_shared_caches = ["public", "private", "s-maxage", "proxy-revalidate"];
    let mut written = String::from("private");
    for member in headers.get_all(CACHE_CONTROL).flat_map(|line| members(line.to_str().unwrap_or("no-store"))) {
        let (name, argument) = member.map_or(("no-store", None), |member| (member.name, member.argument));
        if !of_shared_caches.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            written.extend([", ", name]);
            written.extend(argument.into_iter().flat_map(|argument| ["=", argument]));
        }
    }
    HeaderValue::try_from(written).expect("members of a value are a value")
}

/// One member of the list, not yet understood.
struct Member<'a> {
    name: &'a str,
    argument: Option<&'a str>,
}

impl<'a> Member<'a> {
    fn split(text: &'a str) -> Result<Self, CacheControlError> {
        let (name, argument) = match text.split_once('=') {
            Some((name, argument)) => (name, Some(argument)),
            None => (text, None),
        };
        let closed = argument.is_none_or(|argument| !argument.starts_with('"') || is_quoted(argument));
        if HeaderName::from_bytes(name.as_bytes()).is_err() || !closed {
            return Err(CacheControlError::Malformed(text.to_owned()));
        }
        Ok(Self { name, argument })
    }

    fn read(&self) -> Result<(Directive, Argument), CacheControlError> {
        let (directive, name, takes) = DIRECTIVES
            .into_iter()
            .find(|(_, name, _)| name.eq_ignore_ascii_case(self.name))
            .ok_or_else(|| CacheControlError::Unknown(self.name.to_owned()))?;
        let argument = match (takes, self.argument) {
            (Takes::Nothing | Takes::Fields, None) => Argument::None,
            (Takes::Nothing, Some(_)) => return Err(CacheControlError::ArgumentNotTaken(name)),
            (Takes::Seconds, Some(text)) => {
                Argument::Seconds(seconds(text).ok_or(CacheControlError::NotSeconds(name))?)
            }
            (Takes::Seconds, None) => return Err(CacheControlError::NotSeconds(name)),
            (Takes::Fields, Some(text)) => Argument::Fields(fields(text).ok_or(CacheControlError::NotFields(name))?),
        };
        Ok((directive, argument))
    }
}

/// The members of the list; a comma inside quotes separates nothing.
fn members(text: &str) -> impl Iterator<Item = Result<Member<'_>, CacheControlError>> {
    let (mut quoted, mut escaped) = (false, false);
    let separates = move |character: char| {
        quoted ^= character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
        character == ',' && !quoted
    };
    text.split(separates)
        .map(|member| member.trim_matches([' ', '\t']))
        .filter(|member| !member.is_empty())
        .map(Member::split)
}

fn is_quoted(text: &str) -> bool {
    text.len() >= 2 && text.starts_with('"') && text.ends_with('"')
}

/// Digits and nothing else; more than any cache understands is the most that it does (RFC 9111 §1.2.2).
fn seconds(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(MOST_SECONDS).min(MOST_SECONDS))
}

/// Field names in quotes. They are tokens, so there is no escape to undo.
fn fields(text: &str) -> Option<Vec<HeaderName>> {
    let list = text.strip_prefix('"')?.strip_suffix('"')?;
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    let names: Vec<_> = names.map(|name| HeaderName::from_bytes(name.as_bytes()).ok()).collect::<Option<_>>()?;
    (!names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::SET_COOKIE;

    use super::*;

    #[test]
    fn what_actix_web_reads_wrongly_is_read_as_rfc_9111_says() {
        for (text, expected) in [
            ("MAX-AGE=5", CacheControl::new().max_age(5)),
            ("max-age=99999999999999999999999", CacheControl::new().max_age(1 << 31)),
            ("immutable,\tmax-age=5,,", CacheControl::new().immutable().max_age(5)),
            (
                "no-cache=\"Set-Cookie, X-A\"",
                CacheControl::new().no_cache_fields([SET_COOKIE, HeaderName::from_static("x-a")]),
            ),
            ("", CacheControl::new()),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_slip_is_an_error_that_names_it() {
        use CacheControlError::*;
        for (text, expected) in [
            ("pubic", Unknown("pubic".into())),
            ("max-age=5, max-age=5", Duplicate("max-age")),
            ("public=1", ArgumentNotTaken("public")),
            ("max-age", NotSeconds("max-age")),
            ("max-age=\"5\"", NotSeconds("max-age")),
            ("max-age=-5", NotSeconds("max-age")),
            ("max-age=+5", NotSeconds("max-age")),
            ("max-age=5s", NotSeconds("max-age")),
            ("max-age=", NotSeconds("max-age")),
            ("private=x-user", NotFields("private")),
            ("private=\"\"", NotFields("private")),
            ("max-age = 5", Malformed("max-age = 5".into())),
            ("private=\"x", Malformed("private=\"x".into())),
            ("public; max-age=5", Malformed("public; max-age=5".into())),
            ("public, private", PublicAndPrivate),
        ] {
            assert_eq!(text.parse::<CacheControl>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn what_is_for_its_client_keeps_what_is_said_to_that() {
        for (lines, expected) in [
            (&[][..], "private"),
            (&["public, max-age=5", "S-Maxage=9"], "private, max-age=5"),
            (&["private=\"x\", no-cache=\"a, b\", x=y"], "private, no-cache=\"a, b\", x=y"),
            (&["max-age=\"never closed"], "private, no-store"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(CACHE_CONTROL, HeaderValue::from_static(line));
            }
            assert_eq!(for_its_client(&headers), expected);
        }
    }

    #[test]
    fn a_response_that_is_not_for_keeping_is_recognised() {
        for (lines, forbids) in [
            (&[][..], false),
            (&["public, max-age=5"], false),
            (&["unknown=\"no-store, private\""], false),
            (&["max-age=5", "No-Store"], true),
            (&["private"], true),
            (&["private=\"x-user\""], true),
            (&["no-cache"], true),
            (&["max-age=\"never closed"], true),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(CACHE_CONTROL, HeaderValue::from_static(line));
            }
            assert_eq!(forbids_keeping(&headers), forbids, "{lines:?}");
        }
    }
}
