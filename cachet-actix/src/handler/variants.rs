//! The variants of one resource: one entry for each set of values that the fields of `vary` have.
//!
//! Beneath the key that the controls know lies an entry without a response, the *index*. It has a random name, and that
//! name is part of the variants' keys. So whoever invalidates or fences the key, on whichever node, leaves all variants
//! behind at once: the next index has another name. Where the lifetime of an index is over and nobody invalidated it, the
//! next one has the same name, so that its variants may serve stale. It also counts the variants, since whoever sends
//! requests can make up values without end.

use actix_web::{HttpRequest, http::header::HeaderMap, rt};
use cachet_core::{
    __private::{Function, Keyed, RESULT, Shape, fetch_response, hit_response},
    Refresh, Validator,
};

use super::{Handled, http::Http, sought::Sought};
use crate::stored::StoredResponse;

/// Longer values, of all fields together, are answered and not stored.
const MOST_BYTES: usize = 1024;

/// The key of the variant that a request asks for; `None` where it is not to be stored.
pub(super) async fn variant<F>(function: &F, http: &Http, request: &HttpRequest, call: Keyed) -> Option<Keyed>
where
    F: Function<Returns = Handled, Shape = Shape<{ RESULT }>>,
{
    let values = values(http, request.headers(), http.host(request))?;
    // What a load replaces is still there when the load begins, and an invalidation that comes later voids what it gives:
    // so a name that was left behind does not come back.
    let next = || async { Ok(StoredResponse::index_after(Refresh::current().value())) };
    let (index, behind) = fetch_response(function, call.clone(), next).await;
    if let Some(refresh) = behind {
        rt::spawn(refresh);
    }
    let name = index.ok()?.admits(values)?;
    Some(under(name, values, call))
}

/// The same where memory has the index.
pub(super) fn variant_at_hand<F>(function: &F, http: &Http, request: &HttpRequest, call: Keyed) -> Sought
where
    F: Function<Returns = Handled, Shape = Shape<{ RESULT }>>,
{
    let Some(values) = values(http, request.headers(), http.host(request)) else { return Sought::Unknown(call) };
    match hit_response(function, &call).and_then(|index| index.ok()?.admits(values)) {
        Some(name) => Sought::Entry(under(name, values, call)),
        None => Sought::Unknown(call),
    }
}

/// The key of a variant under the index of that name.
fn under(name: Validator, values: Validator, call: Keyed) -> Keyed {
    call.with(|key| {
        key.literal("#");
        key.str(&format!("{name}{values}"));
    })
}

/// The hash of the fields' values: keys stay short, and no secret of a client is written into a shared tier.
///
/// A list is the same over one line or many, with or without spaces behind its commas. A field that is not there is
/// another value than an empty one.
fn values(http: &Http, headers: &HeaderMap, host: Option<String>) -> Option<Validator> {
    let misleading = http.misleading(headers);
    let mut text = host.unwrap_or_default().into_bytes();
    for name in &misleading {
        // A line break cannot be in a name or a value, so none runs into the next one.
        text.push(b'\n');
        text.extend_from_slice(name.as_str().as_bytes());
    }
    text.push(b'\n');
    for name in http.vary_names().chain(misleading) {
        let lines = headers.get_all(&name);
        text.push(if lines.len() == 0 { b'-' } else { b'+' });
        for line in lines {
            for member in members(line.as_bytes()) {
                text.extend_from_slice(member);
                text.push(b',');
            }
        }
        text.push(b'\n');
    }
    (text.len() <= MOST_BYTES).then(|| Validator::of_bytes(&text))
}

/// The members of a list, empty ones left out; a comma in quotes parts nothing.
fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    line.split(move |&byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    })
    .map(<[u8]>::trim_ascii)
    .filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    static LANGUAGE_AND_TIER: Http = Http::new("public").vary(&["accept-language", "x-tier"]);

    fn of(fields: &[(&'static str, &str)]) -> Option<Validator> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let value = HeaderValue::from_str(value).expect("a field value");
            headers.append(HeaderName::from_static(name), value);
        }
        values(&LANGUAGE_AND_TIER, &headers, None)
    }

    #[test]
    fn a_list_is_the_same_however_it_is_spaced() {
        let list = of(&[("accept-language", "de, en;q=0.5")]);
        assert!(list.is_some());
        assert_eq!(of(&[("accept-language", " de,en;q=0.5 ,")]), list);
        assert_eq!(of(&[("accept-language", "de"), ("accept-language", "en;q=0.5"), ("x-other", "1")]), list);
        for other in [&[("accept-language", "en;q=0.5, de")][..], &[("accept-language", "\"de, en;q=0.5\"")]] {
            assert_ne!(of(other), list, "{other:?}");
        }
    }

    #[test]
    fn no_two_sets_of_values_run_together() {
        let sets = [
            &[][..],
            &[("accept-language", "")],
            &[("x-tier", "")],
            &[("accept-language", "a"), ("x-tier", "b")],
            &[("accept-language", "b"), ("x-tier", "a")],
            &[("accept-language", "a,b")],
            &[("x-tier", "a,b")],
        ];
        for (index, one) in sets.iter().enumerate() {
            for other in &sets[..index] {
                assert_ne!(of(one), of(other), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn what_misleads_a_handler_that_sees_more_tells_variants_apart() {
        static SEES_MORE: Http = Http::new("public").sees_more();
        let of = |fields: &[(&'static str, &'static str)], host: &str| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            values(&SEES_MORE, &headers, Some(host.to_owned()))
        };
        let sets = [
            of(&[], "shop.test"),
            of(&[], "evil.test"),
            of(&[("x-forwarded-host", "evil.test")], "shop.test"),
            of(&[("x-forwarded-host", "other.test")], "shop.test"),
            of(&[("x-original-url", "evil.test")], "shop.test"),
        ];
        for (index, one) in sets.iter().enumerate() {
            assert!(sets[..index].iter().all(|other| other != one), "{index}");
        }
        assert_eq!(
            of(&[("x-forwarded-for", "192.0.2.1")], "shop.test"),
            sets[0],
            "it tells who asks, and not for what"
        );
    }

    #[test]
    fn endless_values_are_no_variant() {
        assert!(of(&[("x-tier", &"a".repeat(1000))]).is_some());
        assert!(of(&[("x-tier", &"a".repeat(2000))]).is_none());
    }
}
