//! Which coding a client is given, and whether a part of it, against a plain reading of RFC 9110 that shares nothing with
//! the crate.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use actix_web::{
    HttpResponse, Responder, body::MessageBody, http::header::ACCEPT_ENCODING, rt::System, test::TestRequest,
};
use cachet_actix::{CachedJson, EntityTag, Validated, Validators};
use cachet_core::{Cached, Cachet, cached};
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::coded::decoded;

/// Between equals the first one is taken.
const CODINGS: [(&str, &str); 3] = [("br", "-br"), ("zstd", "-zst"), ("gzip", "-gz")];

/// Sun, 06 Nov 1994 08:49:37 GMT
const MODIFIED: u64 = 784_111_777;

const BODY: &str = "0123456789";

/// What a client says of one coding; a weight is in thousandths.
#[derive(Clone, Debug)]
struct Member {
    coding: &'static str,
    written: String,
    /// `None` for one that is malformed.
    weight: Option<u16>,
}

fn weight() -> impl Strategy<Value = (String, Option<u16>)> {
    let malformed = ["q=", "q=1.001", "q=2", "q=0.0001", "q=-1", "q=.5", "level=1", "q=0.5;q=1"];
    prop_oneof![
        3 => Just((String::new(), Some(1000))),
        6 => (select(&[0, 1, 400, 500, 999, 1000][..]), any::<bool>())
            .prop_map(|(weight, is_short)| (format!(";q={}", number(weight, is_short)), Some(weight))),
        1 => (0_u16..=1000).prop_map(|weight| (format!(" ; Q={}", number(weight, false)), Some(weight))),
        1 => select(malformed.to_vec()).prop_map(|parameter| (format!(";{parameter}"), None)),
    ]
}

fn number(weight: u16, is_short: bool) -> String {
    let text = format!("{}.{:03}", weight / 1000, weight % 1000);
    if is_short { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn member() -> impl Strategy<Value = Member> {
    let names = ["br", "zstd", "gzip", "x-gzip", "identity", "*", "deflate"];
    (select(names.to_vec()), any::<bool>(), weight()).prop_map(|(coding, is_loud, (parameter, weight))| {
        let name = if is_loud { coding.to_uppercase() } else { coding.to_owned() };
        Member { coding, written: name + &parameter, weight }
    })
}

/// What a client says, over its lines.
fn said() -> impl Strategy<Value = Vec<Vec<Member>>> {
    vec(vec(member(), 0..4), 0..3)
}

fn written(lines: &[Vec<Member>]) -> TestRequest {
    lines.iter().fold(TestRequest::get(), |request, line| {
        let members: Vec<_> = line.iter().map(|member| member.written.as_str()).collect();
        request.append_header((ACCEPT_ENCODING, members.join(" , ,")))
    })
}

/// How gladly a coding is taken, if it is named.
fn named(lines: &[Vec<Member>], coding: &str) -> Option<u16> {
    let of = |name: &str| if name == "x-gzip" { "gzip" } else { name }.to_owned();
    lines.iter().flatten().find(|member| member.weight.is_some() && of(member.coding) == coding)?.weight
}

/// The coding that beats every other, and the plain content as well: nobody who names `identity` likes that better.
fn expected(lines: &[Vec<Member>]) -> Option<(&'static str, &'static str)> {
    let weight = |coding: &str| named(lines, coding).or(named(lines, "*")).unwrap_or(0);
    let beats = |one: usize, other: usize| {
        let (ours, theirs) = (weight(CODINGS[one].0), weight(CODINGS[other].0));
        if one < other { ours >= theirs } else { ours > theirs }
    };
    let is_best = |&one: &usize| {
        let weight = weight(CODINGS[one].0);
        let others = (0..CODINGS.len()).filter(|&other| other != one);
        weight > 0
            && named(lines, "identity").is_none_or(|identity| identity <= weight)
            && others.into_iter().all(|other| beats(one, other))
    };
    (0..CODINGS.len()).find(is_best).map(|best| CODINGS[best])
}

#[cached(ttl = "1h")]
async fn text() -> String {
    "a text that is worth encoding. ".repeat(100)
}

/// One entry for all cases: each of its forms is made once.
fn entry() -> Cached<String> {
    static ENTRY: OnceLock<Cached<String>> = OnceLock::new();
    let load = || {
        let runtime = Cachet::builder().memory_only().build().expect("a valid configuration");
        System::new().block_on(runtime.scope(text::fetch()))
    };
    ENTRY.get_or_init(load).clone()
}

fn field(response: &HttpResponse, name: &str) -> Option<String> {
    response.headers().get(name).map(|value| value.to_str().expect("it is text").to_owned())
}

fn octets(response: HttpResponse) -> Vec<u8> {
    let Ok(bytes) = response.into_body().try_into_bytes() else { panic!("it is in memory") };
    bytes.to_vec()
}

/// What a client holds: a tag by its form, or a date.
#[derive(Clone, Debug)]
enum Held {
    Tag(bool, &'static str),
    Date(u64),
    Malformed(&'static str),
}

impl Held {
    fn written(&self) -> String {
        match self {
            Self::Tag(weak, tag) => format!("{}\"{tag}\"", if *weak { "W/" } else { "" }),
            Self::Date(second) => httpdate::fmt_http_date(time(*second)),
            Self::Malformed(text) => (*text).to_owned(),
        }
    }
}

fn held() -> impl Strategy<Value = Held> {
    prop_oneof![
        (any::<bool>(), select(&["a", "b", "a-gz", "A"][..])).prop_map(|(weak, tag)| Held::Tag(weak, tag)),
        (MODIFIED - 1..=MODIFIED + 1).prop_map(Held::Date),
        select(&["a", "*", "\"a", "\"a\", \"a\"", "W/a", "today", ""][..]).prop_map(Held::Malformed),
    ]
}

fn time(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(second)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_client_is_given_the_coding_that_a_plain_reading_says(lines in said()) {
        let (entry, expected) = (entry(), expected(&lines));
        let whole = serde_json::to_vec(entry.value()).expect("text is JSON");
        let version = entry.validator().expect("text has a hash");
        let response = CachedJson::new(entry).respond_to(&written(&lines).to_http_request());

        let coding = field(&response, "content-encoding").filter(|name| !name.is_empty());
        prop_assert_eq!(coding.as_deref(), expected.map(|(name, _)| name));
        let tag = format!("\"{version}{}\"", expected.map_or("", |(_, suffix)| suffix));
        prop_assert_eq!(field(&response, "etag"), Some(tag));
        prop_assert_eq!(field(&response, "vary"), Some("accept-encoding".to_owned()));
        prop_assert!(decoded(coding.as_deref(), &octets(response)) == whole, "the body is what its field says");
    }

    /// RFC 9110 §13.1.2 and §13.1.5: a 304 for whoever holds any coding's content, a part for whoever holds this one's.
    #[test]
    fn a_client_that_holds_a_coding_is_told_of_that_one(
        lines in said(),
        (weak, suffix) in (any::<bool>(), select(&["", "-br", "-zst", "-gz", "-x"][..])),
    ) {
        let (entry, expected) = (entry(), expected(&lines));
        let version = entry.validator().expect("text has a hash");
        let held = format!("{}\"{version}{suffix}\"", if weak { "W/" } else { "" });
        let answer = |name: &str, value: &str| {
            let request = written(&lines).append_header((name, value)).append_header(("range", "bytes=2-4"));
            CachedJson::new(entry.clone()).respond_to(&request.to_http_request())
        };

        let response = answer("if-none-match", &held);
        if suffix == "-x" {
            prop_assert_ne!(response.status().as_u16(), 304);
        } else {
            prop_assert_eq!(response.status().as_u16(), 304);
            prop_assert_eq!(field(&response, "etag"), Some(format!("\"{version}{suffix}\"")));
        }

        let whole = octets(answer("if-range", "\"nothing\""));
        let response = answer("if-range", &held);
        let is_this = !weak && suffix == expected.map_or("", |(_, suffix)| suffix);
        // What stands between may read a malformed member otherwise, and encode the answer: the whole is right then too.
        let is_clear = lines.iter().flatten().all(|member| member.weight.is_some());
        let is_part = is_this && (is_clear || response.status().as_u16() == 206);
        prop_assert_eq!(response.status().as_u16(), if is_part { 206 } else { 200 });
        prop_assert_eq!(octets(response), if is_part { whole[2..=4].to_vec() } else { whole });
    }

    /// RFC 9110 §13.1.5 and §14.2, with the documentation's choice that parts need a strong tag.
    #[test]
    fn a_part_is_given_where_a_plain_reading_says_so(
        tag in option::weighted(0.9, (prop::bool::weighted(0.2), select(&["a", "b"][..]))),
        modified in option::of(MODIFIED - 1..=MODIFIED + 1),
        held in vec(held(), 0..=2),
    ) {
        let written = |(weak, text)| if weak { EntityTag::weak(text) } else { EntityTag::strong(text) };
        let current = tag.map_or_else(Validators::new, |parts| Validators::from(written(parts)));
        let current = match modified {
            Some(second) => current.modified(time(second)),
            None => current,
        };
        let request = held.iter().fold(TestRequest::get().append_header(("range", "bytes=2-4")), |request, held| {
            request.append_header(("if-range", held.written()))
        });
        let response = Validated::new(BODY, current).respond_to(&request.to_http_request());

        let holds = match &held[..] {
            [] => true,
            // Not weak: the content may differ octet by octet.
            [Held::Tag(false, listed)] => tag == Some((false, *listed)),
            [Held::Date(listed)] => modified == Some(*listed),
            _ => false,
        };
        let has_parts = tag.is_some_and(|(weak, _)| !weak);
        let expected = if holds && has_parts { (206, "234") } else { (200, BODY) };
        prop_assert_eq!((response.status().as_u16(), &octets(response)[..]), (expected.0, expected.1.as_bytes()));
    }
}
