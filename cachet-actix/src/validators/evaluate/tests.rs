//! RFC 9110 §13 as a table: a request, the current state, the verdict, and the section that says so.

use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};

use super::{Verdict::*, *};
use crate::{Preconditions, validators::EntityTag};

/// Sun, 06 Nov 1994 08:49:37 GMT, the date of the examples in RFC 9110 §5.6.7.
const MODIFIED: u64 = 784_111_777;

const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn strong() -> Validators {
    Validators::etag("x").modified(at(MODIFIED))
}

fn weak() -> Validators {
    Validators::etag(EntityTag::weak("x")).modified(at(MODIFIED))
}

fn verdict(method: &Method, fields: &[(HeaderName, &[u8])], current: &Validators, now: SystemTime) -> Verdict {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(name.clone(), HeaderValue::from_bytes(value).expect("a field value"));
    }
    Preconditions::read(method, &headers).verdict(current, now)
}

type Row<'a> = (&'a str, Method, &'a [(HeaderName, &'a [u8])], Validators, Verdict);

fn check(rows: &[Row<'_>]) {
    for (section, method, fields, current, expected) in rows {
        let found = verdict(method, fields, current, at(MODIFIED + 1_000_000));
        assert_eq!(found, *expected, "§{section}: {method} {fields:?} on {current:?}");
    }
}

#[test]
fn if_match_is_evaluated_as_section_13_1_1_says() {
    check(&[
        ("13.1.1", Method::PUT, &[(IF_MATCH, b"\"x\"")], strong(), Perform),
        ("13.1.1", Method::PUT, &[(IF_MATCH, b"\"y\"")], strong(), Failed),
        ("13.1.1", Method::PUT, &[(IF_MATCH, b"\"y\", \"x\"")], strong(), Perform),
        ("13.1.1", Method::PUT, &[(IF_MATCH, b"\"y\""), (IF_MATCH, b"\"x\"")], strong(), Perform),
        ("13.1.1", Method::PUT, &[(IF_MATCH, b"*")], strong(), Perform),
        ("13.1.1", Method::PUT, &[(IF_MATCH, b"*")], Validators::new(), Perform),
        ("13.1.1", Method::PUT, &[(IF_MATCH, b"*")], Validators::absent(), Failed),
        ("13.1.1", Method::PUT, &[(IF_MATCH, b"\"x\"")], Validators::absent(), Failed),
        ("13.1.1", Method::PUT, &[(IF_MATCH, b"\"x\"")], Validators::new(), Failed),
        // The strong comparison: neither side may be weak.
        ("13.1.1", Method::PUT, &[(IF_MATCH, b"W/\"x\"")], strong(), Failed),
        ("13.1.1", Method::PUT, &[(IF_MATCH, b"\"x\"")], weak(), Failed),
        ("13.1.1", Method::PUT, &[(IF_MATCH, b"W/\"x\"")], weak(), Failed),
        // It applies to reading as well, and to methods that nobody has heard of.
        ("13.1.1", Method::GET, &[(IF_MATCH, b"\"y\"")], strong(), Failed),
        ("13.1.1", Method::HEAD, &[(IF_MATCH, b"\"y\"")], strong(), Failed),
        ("13.1.1", Method::DELETE, &[(IF_MATCH, b"\"y\"")], strong(), Failed),
        ("13.1.1", Method::from_bytes(b"FROB").expect("a method"), &[(IF_MATCH, b"\"y\"")], strong(), Failed),
        // A field that is there without any tag lists nothing.
        ("13.1.1", Method::PUT, &[(IF_MATCH, b"")], strong(), Failed),
        ("13.1.1", Method::PUT, &[(IF_MATCH, b"x")], strong(), Failed),
        ("13.1.1", Method::PUT, &[(IF_MATCH, b"*, \"y\"")], strong(), Failed),
    ]);
}

#[test]
fn if_none_match_is_evaluated_as_section_13_1_2_says() {
    check(&[
        ("13.1.2", Method::GET, &[(IF_NONE_MATCH, b"\"x\"")], strong(), NotModified),
        ("13.1.2", Method::HEAD, &[(IF_NONE_MATCH, b"\"x\"")], strong(), NotModified),
        ("13.1.2", Method::PUT, &[(IF_NONE_MATCH, b"\"x\"")], strong(), Failed),
        ("13.1.2", Method::GET, &[(IF_NONE_MATCH, b"\"y\"")], strong(), Perform),
        // The weak comparison.
        ("13.1.2", Method::GET, &[(IF_NONE_MATCH, b"W/\"x\"")], strong(), NotModified),
        ("13.1.2", Method::GET, &[(IF_NONE_MATCH, b"\"x\"")], weak(), NotModified),
        ("13.1.2", Method::GET, &[(IF_NONE_MATCH, b"W/\"x\"")], weak(), NotModified),
        ("13.1.2", Method::GET, &[(IF_NONE_MATCH, b"w/\"x\"")], strong(), Perform),
        // Lists, over several lines as well.
        ("13.1.2", Method::GET, &[(IF_NONE_MATCH, b"\"a\", W/\"x\", \"b\"")], strong(), NotModified),
        ("5.3", Method::GET, &[(IF_NONE_MATCH, b"\"a\""), (IF_NONE_MATCH, b"\"x\"")], strong(), NotModified),
        ("5.6.1", Method::GET, &[(IF_NONE_MATCH, b",, \t\"x\",")], strong(), NotModified),
        ("13.1.2", Method::GET, &[(IF_NONE_MATCH, b"broken, \"x\"")], strong(), NotModified),
        // `*`: any current representation.
        ("13.1.2", Method::GET, &[(IF_NONE_MATCH, b"*")], strong(), NotModified),
        ("13.1.2", Method::GET, &[(IF_NONE_MATCH, b"*")], Validators::new(), NotModified),
        ("13.1.2", Method::PUT, &[(IF_NONE_MATCH, b"*")], strong(), Failed),
        ("13.1.2", Method::PUT, &[(IF_NONE_MATCH, b"*")], Validators::absent(), Perform),
        ("13.1.2", Method::GET, &[(IF_NONE_MATCH, b"\"x\"")], Validators::new(), Perform),
        // Unquoted: no tag.
        ("8.8.3", Method::GET, &[(IF_NONE_MATCH, b"x")], strong(), Perform),
    ]);
}

#[test]
fn tags_may_hold_commas_backslashes_and_octets_beyond_ascii() {
    for octets in [&b"a,b"[..], b"a\\b", "\u{e9}\u{fc}".as_bytes(), b"\xFF", b""] {
        let field = [b"\"", octets, b"\""].concat();
        let own = HeaderValue::from_bytes(&field).expect("a field value");
        let current = Validators::from(EntityTag::from_field(&own).expect("a tag"));
        let list = [b"\"other,\", ", &field[..]].concat();
        let found = verdict(&Method::GET, &[(IF_NONE_MATCH, &list)], &current, at(MODIFIED));
        assert_eq!(found, NotModified, "{own:?}");
    }
}

#[test]
fn if_modified_since_is_evaluated_as_section_13_1_3_says() {
    let since = |date: &'static str| [(IF_MODIFIED_SINCE, date.as_bytes())];
    check(&[
        ("13.1.3", Method::GET, &since(SAME), strong(), NotModified),
        ("13.1.3", Method::GET, &since(AFTER), strong(), NotModified),
        ("13.1.3", Method::GET, &since(BEFORE), strong(), Perform),
        ("13.1.3", Method::HEAD, &since(SAME), strong(), NotModified),
        // Only for GET and HEAD.
        ("13.1.3", Method::PUT, &since(SAME), strong(), Perform),
        // Ignored beside If-None-Match, even one that lists nothing.
        ("13.1.3", Method::GET, &[(IF_NONE_MATCH, b"\"y\""), (IF_MODIFIED_SINCE, SAME.as_bytes())], strong(), Perform),
        ("13.1.3", Method::GET, &[(IF_NONE_MATCH, b""), (IF_MODIFIED_SINCE, SAME.as_bytes())], strong(), Perform),
        // Ignored where the resource has no date.
        ("13.1.3", Method::GET, &since(SAME), Validators::etag("x"), Perform),
        ("13.1.3", Method::GET, &since(SAME), Validators::absent(), Perform),
        // Ignored where it is not one valid date.
        ("13.1.3", Method::GET, &since("yesterday"), strong(), Perform),
        ("13.1.3", Method::GET, &since("784111777"), strong(), Perform),
        ("13.1.3", Method::GET, &since("Mon, 06 Nov 1994 08:49:37 GMT"), strong(), Perform),
        ("13.1.3", Method::GET, &since(""), strong(), Perform),
        (
            "13.1.3",
            Method::GET,
            &[(IF_MODIFIED_SINCE, SAME.as_bytes()), (IF_MODIFIED_SINCE, AFTER.as_bytes())],
            strong(),
            Perform,
        ),
        // The obsolete forms.
        ("5.6.7", Method::GET, &since("Sunday, 06-Nov-94 08:49:37 GMT"), strong(), NotModified),
        ("5.6.7", Method::GET, &since("Sun Nov  6 08:49:37 1994"), strong(), NotModified),
        ("5.6.7", Method::GET, &since("Sun Nov  6 08:49:36 1994"), strong(), Perform),
    ]);
}

#[test]
fn if_unmodified_since_is_evaluated_as_section_13_1_4_says() {
    let since = |date: &'static str| [(IF_UNMODIFIED_SINCE, date.as_bytes())];
    check(&[
        ("13.1.4", Method::PUT, &since(SAME), strong(), Perform),
        ("13.1.4", Method::PUT, &since(AFTER), strong(), Perform),
        ("13.1.4", Method::PUT, &since(BEFORE), strong(), Failed),
        ("13.1.4", Method::GET, &since(BEFORE), strong(), Failed),
        // Ignored beside If-Match.
        ("13.1.4", Method::PUT, &[(IF_MATCH, b"\"x\""), (IF_UNMODIFIED_SINCE, BEFORE.as_bytes())], strong(), Perform),
        ("13.1.4", Method::PUT, &[(IF_MATCH, b"\"y\""), (IF_UNMODIFIED_SINCE, SAME.as_bytes())], strong(), Failed),
        // Ignored where it or the resource has no date.
        ("13.1.4", Method::PUT, &since("yesterday"), strong(), Perform),
        ("13.1.4", Method::PUT, &since(BEFORE), Validators::etag("x"), Perform),
        (
            "13.1.4",
            Method::PUT,
            &[(IF_UNMODIFIED_SINCE, BEFORE.as_bytes()), (IF_UNMODIFIED_SINCE, BEFORE.as_bytes())],
            strong(),
            Perform,
        ),
    ]);
}

#[test]
fn the_order_is_that_of_section_13_2_2() {
    check(&[
        // Step 1 before step 3.
        ("13.2.2", Method::GET, &[(IF_MATCH, b"\"y\""), (IF_NONE_MATCH, b"\"x\"")], strong(), Failed),
        ("13.2.2", Method::GET, &[(IF_MATCH, b"\"x\""), (IF_NONE_MATCH, b"\"x\"")], strong(), NotModified),
        ("13.2.2", Method::PUT, &[(IF_MATCH, b"\"x\""), (IF_NONE_MATCH, b"\"x\"")], strong(), Failed),
        // Step 1 before step 4, step 2 before step 3.
        ("13.2.2", Method::GET, &[(IF_MATCH, b"\"x\""), (IF_MODIFIED_SINCE, SAME.as_bytes())], strong(), NotModified),
        (
            "13.2.2",
            Method::GET,
            &[(IF_UNMODIFIED_SINCE, BEFORE.as_bytes()), (IF_NONE_MATCH, b"\"x\"")],
            strong(),
            Failed,
        ),
        (
            "13.2.2",
            Method::GET,
            &[(IF_UNMODIFIED_SINCE, SAME.as_bytes()), (IF_MODIFIED_SINCE, SAME.as_bytes())],
            strong(),
            NotModified,
        ),
        ("13.2.2", Method::GET, &[], strong(), Perform),
    ]);
}

#[test]
fn methods_that_select_no_representation_ignore_preconditions() {
    for method in [Method::OPTIONS, Method::TRACE, Method::CONNECT] {
        check(&[("13.2.1", method, &[(IF_MATCH, b"\"y\""), (IF_NONE_MATCH, b"*")], strong(), Perform)]);
    }
}

#[test]
fn a_date_of_this_very_second_validates_nothing() {
    let (current, now) = (strong(), at(MODIFIED));
    let modified_since = [(IF_MODIFIED_SINCE, SAME.as_bytes())];
    assert_eq!(verdict(&Method::GET, &modified_since, &current, now), Perform);
    let unmodified_since = [(IF_UNMODIFIED_SINCE, SAME.as_bytes())];
    assert_eq!(verdict(&Method::PUT, &unmodified_since, &current, now), Failed);
}
