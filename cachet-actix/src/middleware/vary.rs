//! Which answer to a URI belongs to a request: `Vary` (RFC 9111 §4.1).

use actix_web::http::header::{
    ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, HeaderMap, HeaderName, HeaderValue, VARY,
};
use cachet_core::Validator;

/// Fields that are compared without regard to case.
const ANY_CASE: [HeaderName; 4] = [ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE];

/// Fields whose members say by weight what is preferred, and by their order nothing.
const ANY_ORDER: [HeaderName; 2] = [ACCEPT_ENCODING, ACCEPT_LANGUAGE];

/// The most fields that an answer may vary on; one that names more matches nothing.
const MOST_FIELDS: usize = 16;

/// The fields that an answer names, sorted; `None` for one that matches no other request: `*`, or what is no field name.
pub(super) fn fields(headers: &HeaderMap) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    for line in headers.get_all(VARY) {
        for name in line.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty())
        {
            // An asterisk is a token too.
            let name = HeaderName::from_bytes(name).ok().filter(|name| name.as_str() != "*")?;
            fields.push(name.as_str().to_owned());
        }
    }
    fields.sort_unstable();
    fields.dedup();
    (fields.len() <= MOST_FIELDS).then_some(fields)
}

/// A digest of a request's values of these fields, so normalised that what means the same is the same.
pub(super) fn digest(fields: &[String], request: &HeaderMap) -> String {
    if fields.is_empty() {
        return String::new();
    }
    let mut text = Vec::new();
    for name in fields {
        // A line break is in no value, and a field that is not there is not one that is empty.
        text.extend_from_slice(name.as_bytes());
        match HeaderName::from_bytes(name.as_bytes()).ok().and_then(|name| normalised(&name, request)) {
            Some(value) => {
                text.push(b':');
                text.extend_from_slice(&value);
            }
            None => text.push(b'-'),
        }
        text.push(b'\n');
    }
    Validator::of_bytes(&text).to_string()
}

/// The lines of a field as one list without space between its members.
fn normalised(name: &HeaderName, headers: &HeaderMap) -> Option<Vec<u8>> {
    let lines: Vec<_> = headers.get_all(name).map(HeaderValue::as_bytes).collect();
    if lines.is_empty() {
        return None;
    }
    // In quotes, space and commas mean what they are.
    if lines.iter().any(|line| line.contains(&b'"')) {
        return Some(lines.join(&b", "[..]));
    }
    let members = lines.iter().flat_map(|line| line.split(|&byte| byte == b','));
    let mut members: Vec<_> =
        members.map(|member| cased(name, member.trim_ascii())).filter(|m| !m.is_empty()).collect();
    if ANY_ORDER.contains(name) {
        members.sort_unstable();
    }
    Some(members.join(&b","[..]))
}

fn cased(name: &HeaderName, member: &[u8]) -> Vec<u8> {
    if !ANY_CASE.contains(name) {
        return member.to_vec();
    }
    // Space means nothing around the signs of a parameter; anywhere else it makes another word.
    let mut cased: Vec<u8> = Vec::with_capacity(member.len());
    for byte in member.to_ascii_lowercase() {
        if is_sign(byte) {
            cased.truncate(cased.trim_ascii_end().len());
        }
        let is_behind_sign = cased.last().is_some_and(|&last| is_sign(last));
        if !(is_behind_sign && byte.is_ascii_whitespace()) {
            cased.push(byte);
        }
    }
    cased
}

fn is_sign(byte: u8) -> bool {
    matches!(byte, b';' | b'=')
}

#[cfg(test)]
mod tests {
    use super::{super::headers, *};

    #[test]
    fn an_asterisk_anywhere_matches_no_other_request() {
        for (lines, expected) in [
            (&[][..], Some(vec![])),
            (&[("vary", "Foo, bar,,"), ("vary", "foo")], Some(vec!["bar".to_owned(), "foo".to_owned()])),
            (&[("vary", "*")], None),
            (&[("vary", "foo"), ("vary", ", *")], None),
            (&[("vary", "foo bar")], None),
        ] {
            assert_eq!(fields(&headers(lines)), expected, "{lines:?}");
        }
    }

    #[test]
    fn requests_that_mean_the_same_are_the_same() {
        for (name, one, other, same) in [
            ("accept-language", "en, de;q=0.5", "DE; q=0.5,en", true),
            ("accept-language", "de", "d e", false),
            ("accept-language", "de;q=0.5", "de ;\tq = 0.5", true),
            ("accept", "text/html", "text/h tml", false),
            ("accept", "text/html;a=\tb", "text/html ;A=B", true),
            ("accept-encoding", "gzip, br", "br,gzip", true),
            ("accept", "a/b, c/d", "c/d, a/b", false),
            ("x-any", "a,  b", "a,b", true),
            ("x-any", "a", "A", false),
            ("x-any", "\"a,  b\"", "\"a,b\"", false),
            ("x-any", "", "a", false),
        ] {
            let of = |value| digest(&[name.to_owned()], &headers(&[(name, value)]));
            assert_eq!(of(one) == of(other), same, "{name}: {one} | {other}");
        }
        let without = digest(&["x-any".to_owned()], &headers(&[]));
        assert_ne!(without, digest(&["x-any".to_owned()], &headers(&[("x-any", "")])), "absent is not empty");
        let two_lines = headers(&[("x-any", "a"), ("x-any", "b")]);
        assert_eq!(
            digest(&["x-any".to_owned()], &two_lines),
            digest(&["x-any".to_owned()], &headers(&[("x-any", "a, b")]))
        );
    }
}
