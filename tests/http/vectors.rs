//! RFC 9110 §13 and §14 as a table, through real HTTP, over everything that answers with validators.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::{
    HttpResponse, Responder, route,
    web::{Json, ServiceConfig, scope},
};
use cachet_actix::{
    CacheControl, CachedJson, EntityTag, PreconditionError, Preconditions, ResponseCache, Validated, Validators,
};
use cachet_core::{Cachet, cached};

use crate::{
    fields,
    server::Server,
    support::{Reply, eventually},
};

/// Twelve octets of JSON.
const TEXT: &str = "0123456789";

/// Sun, 06 Nov 1994 08:49:37 GMT
fn modified() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(784_111_777)
}

fn current() -> Validators {
    Validators::etag("v7").modified(modified())
}

#[route("/validated", method = "GET", method = "HEAD")]
async fn validated() -> impl Responder {
    Validated::new(Json(TEXT), current()).cache(CacheControl::public().max_age(60))
}

#[cached(ttl = "1h")]
async fn text() -> String {
    TEXT.to_owned()
}

#[route("/json", method = "GET", method = "HEAD")]
async fn json() -> impl Responder {
    CachedJson::new(text::fetch().await).cache(CacheControl::public())
}

#[route("/handler", method = "GET", method = "HEAD")]
#[cached(ttl = "1h", http = "public")]
async fn handler() -> impl Responder {
    Json(TEXT)
}

#[route("/weak", method = "GET")]
async fn weak() -> impl Responder {
    Validated::new(Json(TEXT), Validators::from(EntityTag::weak("v7")).modified(modified()))
}

/// Something that does more than read.
#[route("/state", method = "PUT", method = "DELETE", method = "POST", method = "OPTIONS")]
async fn state(pre: Preconditions) -> Result<HttpResponse, PreconditionError> {
    pre.check(&current())?;
    Ok(HttpResponse::NoContent().finish())
}

/// Something that is not there yet.
#[route("/absent", method = "PUT")]
async fn absent(pre: Preconditions) -> Result<HttpResponse, PreconditionError> {
    pre.check(&Validators::absent())?;
    Ok(HttpResponse::Created().finish())
}

fn start() -> Server {
    let runtime = Cachet::builder().memory_only().build().expect("a valid configuration");
    Server::start(move |config: &mut ServiceConfig| {
        config.service(validated).service(json).service(handler).service(weak).service(state).service(absent);
        config.service(scope("/stored").wrap(ResponseCache::new(&runtime)).service(validated));
    })
}

/// What the rows call the validators of the moment.
struct Names(Vec<(&'static str, String)>);

impl Names {
    fn of(tag: &str, same: SystemTime) -> Self {
        let date = httpdate::fmt_http_date;
        let second = Duration::from_secs(1);
        let imf = date(same);
        let parts: Vec<_> = imf.split([' ', ',']).filter(|part| !part.is_empty()).collect();
        let [weekday, day, month, year, time, _] = parts[..] else { panic!("six parts: {imf}") };
        let long = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        let long = long.into_iter().find(|name| name.starts_with(weekday)).expect("a weekday");
        let padded = day.strip_prefix('0').map_or_else(|| day.to_owned(), |digit| format!(" {digit}"));
        Self(vec![
            ("{tag}", tag.trim_matches('"').to_owned()),
            ("{rfc850}", format!("{long}, {day}-{month}-{} {time} GMT", &year[2..])),
            ("{asctime}", format!("{weekday} {month} {padded} {time} {year}")),
            ("{before}", date(same - second)),
            ("{after}", date(same + second)),
            ("{same}", imf),
        ])
    }

    fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }
}

/// Section, method, fields, and the status that has to come of it, for a part with its `Content-Range`.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)], u16, Option<&'static str>);

const MATCH: &str = "if-match";
const NONE: &str = "if-none-match";
const SINCE: &str = "if-modified-since";
const UNSINCE: &str = "if-unmodified-since";
const IF_RANGE: &str = "if-range";
const RANGE: &str = "range";

/// Reading.
const PRECONDITIONS: &[Row] = &[
    ("13.1.1", "GET", &[(MATCH, "\"{tag}\"")], 200, None),
    ("13.1.1", "GET", &[(MATCH, "\"x\", \"{tag}\"")], 200, None),
    ("13.1.1", "GET", &[(MATCH, "*")], 200, None),
    ("13.1.1", "GET", &[(MATCH, "\"x\"")], 412, None),
    ("13.1.1", "HEAD", &[(MATCH, "\"x\"")], 412, None),
    ("13.1.1", "GET", &[(MATCH, "W/\"{tag}\"")], 412, None),
    ("13.1.1", "GET", &[(MATCH, "")], 412, None),
    ("13.1.2", "GET", &[(NONE, "\"{tag}\"")], 304, None),
    ("13.1.2", "HEAD", &[(NONE, "\"{tag}\"")], 304, None),
    ("13.1.2", "GET", &[(NONE, "W/\"{tag}\"")], 304, None),
    ("13.1.2", "GET", &[(NONE, "*")], 304, None),
    ("13.1.2", "GET", &[(NONE, "\"x\"")], 200, None),
    ("13.1.2", "GET", &[(NONE, "\"x\", W/\"y\", \"{tag}\"")], 304, None),
    ("13.1.2", "GET", &[(NONE, "")], 200, None),
    ("5.3", "GET", &[(NONE, "\"x\""), (NONE, "\"{tag}\"")], 304, None),
    ("5.6.1", "GET", &[(NONE, ", ,\t\"{tag}\" ,,")], 304, None),
    ("8.8.3", "GET", &[(NONE, "\"a,b\", \"{tag}\"")], 304, None),
    ("8.8.3", "GET", &[(NONE, "\"a\\\", \"{tag}\"")], 304, None),
    ("8.8.3", "GET", &[(NONE, "\"é\", \"{tag}\"")], 304, None),
    ("8.8.3", "GET", &[(NONE, "\"x,{tag}\"")], 200, None),
    ("8.8.3", "GET", &[(NONE, "{tag}")], 200, None),
    ("8.8.3", "GET", &[(NONE, "w/\"{tag}\"")], 200, None),
    ("8.8.3", "GET", &[(NONE, "x, \"{tag}\"")], 304, None),
    ("13.1.3", "GET", &[(SINCE, "{same}")], 304, None),
    ("13.1.3", "HEAD", &[(SINCE, "{same}")], 304, None),
    ("13.1.3", "GET", &[(SINCE, "{after}")], 304, None),
    ("13.1.3", "GET", &[(SINCE, "{before}")], 200, None),
    ("13.1.3", "GET", &[(SINCE, "Wed, 31 Dec 1969 23:59:59 GMT")], 200, None),
    ("13.1.3", "GET", &[(SINCE, "yesterday")], 200, None),
    ("13.1.3", "GET", &[(SINCE, "{same}, {same}")], 200, None),
    ("13.1.3", "GET", &[(SINCE, "{same}"), (SINCE, "{same}")], 200, None),
    ("13.1.3", "GET", &[(NONE, "\"x\""), (SINCE, "{same}")], 200, None),
    ("13.1.3", "GET", &[(NONE, "\"{tag}\""), (SINCE, "{before}")], 304, None),
    ("5.6.7", "GET", &[(SINCE, "{rfc850}")], 304, None),
    ("5.6.7", "GET", &[(SINCE, "{asctime}")], 304, None),
    ("5.6.7", "GET", &[(UNSINCE, "{rfc850}"), (NONE, "\"x\"")], 200, None),
    ("13.1.4", "GET", &[(UNSINCE, "{same}")], 200, None),
    ("13.1.4", "GET", &[(UNSINCE, "{after}")], 200, None),
    ("13.1.4", "GET", &[(UNSINCE, "{before}")], 412, None),
    ("13.1.4", "GET", &[(UNSINCE, "Fri, 01 Jan 1960 00:00:00 GMT")], 412, None),
    ("13.1.4", "GET", &[(UNSINCE, "tomorrow")], 200, None),
    ("13.1.4", "GET", &[(UNSINCE, "{before}"), (UNSINCE, "{before}")], 200, None),
    ("13.1.4", "GET", &[(MATCH, "\"{tag}\""), (UNSINCE, "{before}")], 200, None),
    ("13.2.2", "GET", &[(MATCH, "\"x\""), (NONE, "\"{tag}\"")], 412, None),
    ("13.2.2", "GET", &[(MATCH, "\"{tag}\""), (NONE, "\"{tag}\"")], 304, None),
    ("13.2.2", "GET", &[(MATCH, "\"{tag}\""), (SINCE, "{same}")], 304, None),
    ("13.2.2", "GET", &[(UNSINCE, "{before}"), (NONE, "\"{tag}\"")], 412, None),
    ("13.2.2", "GET", &[(UNSINCE, "{same}"), (SINCE, "{same}")], 304, None),
];

/// Parts.
const RANGES: &[Row] = &[
    ("14.1.2", "GET", &[(RANGE, "bytes=0-3")], 206, Some("bytes 0-3/12")),
    ("14.1.2", "GET", &[(RANGE, "bytes=0-0")], 206, Some("bytes 0-0/12")),
    ("14.1.2", "GET", &[(RANGE, "bytes=4-")], 206, Some("bytes 4-11/12")),
    ("14.1.2", "GET", &[(RANGE, "bytes=-5")], 206, Some("bytes 7-11/12")),
    ("14.1.2", "GET", &[(RANGE, "bytes=-50")], 206, Some("bytes 0-11/12")),
    ("14.1.2", "GET", &[(RANGE, "bytes=8-99999999999999999999999")], 206, Some("bytes 8-11/12")),
    ("14.1.2", "GET", &[(RANGE, "bytes=12-")], 416, Some("bytes */12")),
    ("14.1.2", "GET", &[(RANGE, "bytes=-0")], 416, Some("bytes */12")),
    ("14.1.1", "GET", &[(RANGE, "bytes=3-2")], 200, None),
    ("14.1.1", "GET", &[(RANGE, "bytes=a-b")], 200, None),
    ("14.1.1", "GET", &[(RANGE, "bytes= 0-3 ,")], 206, Some("bytes 0-3/12")),
    ("14.1", "GET", &[(RANGE, "Bytes=0-3")], 206, Some("bytes 0-3/12")),
    ("14.2", "GET", &[(RANGE, "lines=0-3")], 200, None),
    ("14.2", "GET", &[(RANGE, "bytes=0-3"), (RANGE, "bytes=0-3")], 200, None),
    ("14.2", "HEAD", &[(RANGE, "bytes=0-3")], 200, None),
    ("14.2", "HEAD", &[(RANGE, "bytes=12-")], 200, None),
    ("14.2", "GET", &[(RANGE, "bytes=0-1,5-6")], 200, None),
    ("14.2", "GET", &[(RANGE, "bytes=0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-")], 200, None),
    ("15.3.7.2", "GET", &[(RANGE, "bytes=0-3,2-5")], 206, Some("bytes 0-5/12")),
    ("15.3.7.2", "GET", &[(RANGE, "bytes=0-3,50-")], 206, Some("bytes 0-3/12")),
    ("15.5.17", "GET", &[(RANGE, "bytes=40-,50-")], 416, Some("bytes */12")),
    ("13.1.5", "GET", &[(RANGE, "bytes=0-3"), (IF_RANGE, "\"{tag}\"")], 206, Some("bytes 0-3/12")),
    ("13.1.5", "GET", &[(RANGE, "bytes=0-3"), (IF_RANGE, "\"x\"")], 200, None),
    ("13.1.5", "GET", &[(RANGE, "bytes=0-3"), (IF_RANGE, "W/\"{tag}\"")], 200, None),
    ("13.1.5", "GET", &[(RANGE, "bytes=0-3"), (IF_RANGE, "\"{tag}-gz\"")], 200, None),
    ("13.1.5", "GET", &[(RANGE, "bytes=0-3"), (IF_RANGE, "\"{tag}\", \"x\"")], 200, None),
    ("13.1.5", "GET", &[(RANGE, "bytes=0-3"), (IF_RANGE, "{same}")], 206, Some("bytes 0-3/12")),
    ("13.1.5", "GET", &[(RANGE, "bytes=0-3"), (IF_RANGE, "{after}")], 200, None),
    ("13.1.5", "GET", &[(RANGE, "bytes=0-3"), (IF_RANGE, "{before}")], 200, None),
    ("13.1.5", "GET", &[(RANGE, "bytes=12-"), (IF_RANGE, "\"x\"")], 200, None),
    ("13.1.5", "GET", &[(IF_RANGE, "\"x\"")], 200, None),
    ("13.2.2", "GET", &[(NONE, "\"{tag}\""), (RANGE, "bytes=0-3")], 304, None),
    ("13.2.2", "GET", &[(NONE, "\"{tag}\""), (RANGE, "bytes=12-")], 304, None),
    ("13.2.2", "GET", &[(MATCH, "\"x\""), (RANGE, "bytes=0-3")], 412, None),
    ("13.2.2", "GET", &[(MATCH, "\"{tag}\""), (RANGE, "bytes=0-3")], 206, Some("bytes 0-3/12")),
    ("12.5.3", "GET", &[("accept-encoding", "identity"), (RANGE, "bytes=0-3")], 206, Some("bytes 0-3/12")),
];

/// Whoever may be given a part that a middleware encodes is given the whole, but for an answer that says how it is coded.
const CODED: Row = ("12.5.3", "GET", &[("accept-encoding", "gzip"), (RANGE, "bytes=0-3")], 200, None);
const SAYS_ITS_CODING: Row = ("12.5.3", "GET", CODED.2, 206, Some("bytes 0-3/12"));

/// Doing more than reading.
const WRITES: &[Row] = &[
    ("13.1.1", "PUT", &[(MATCH, "\"{tag}\"")], 204, None),
    ("13.1.1", "PUT", &[(MATCH, "*")], 204, None),
    ("13.1.1", "PUT", &[(MATCH, "\"x\"")], 412, None),
    ("13.1.1", "DELETE", &[(MATCH, "W/\"{tag}\"")], 412, None),
    ("13.1.2", "PUT", &[(NONE, "*")], 412, None),
    ("13.1.2", "POST", &[(NONE, "\"{tag}\"")], 412, None),
    ("13.1.2", "PUT", &[(NONE, "W/\"{tag}\"")], 412, None),
    ("13.1.2", "PUT", &[(NONE, "\"x\"")], 204, None),
    ("13.1.3", "PUT", &[(SINCE, "{same}")], 204, None),
    ("13.1.4", "PUT", &[(UNSINCE, "{before}")], 412, None),
    ("13.1.4", "PUT", &[(UNSINCE, "{same}")], 204, None),
    ("13.2.1", "OPTIONS", &[(MATCH, "\"x\"")], 204, None),
    ("13.2.1", "OPTIONS", &[(NONE, "*")], 204, None),
    ("14.2", "PUT", &[(RANGE, "bytes=0-3"), (MATCH, "\"{tag}\"")], 204, None),
];

fn send(server: &Server, target: &str, row: &Row, names: &Names) -> Reply {
    let (section, method, conditions, status, _) = row;
    let request = server.request(method, target);
    let request = conditions.iter().fold(request, |request, (name, value)| request.header(name, &names.fill(value)));
    let reply = request.send();
    assert_eq!(reply.status, *status, "§{section}: {method} {target} {conditions:?}: {reply:?}");
    reply
}

/// What each status has to have beside itself.
fn check(reply: &Reply, full: &Reply, row: &Row) {
    let (section, method, conditions, status, content_range) = row;
    let row = format!("§{section}: {method} {conditions:?}");
    assert_eq!(reply.header("content-range"), *content_range, "{row}");
    assert!(reply.header("date").is_some(), "{row}");
    let same = ["etag", "cache-control", "vary"];
    match (*status, content_range) {
        (304, _) => {
            assert_eq!(fields(reply, &same), fields(full, &same), "{row}");
            let none = ["content-type", "content-length", "last-modified", "accept-ranges"];
            assert_eq!(fields(reply, &none), [None; 4], "{row}");
        }
        (206, Some(range)) => {
            assert_eq!(fields(reply, &same), fields(full, &same), "{row}");
            let positions = range["bytes ".len()..].split_once('/').and_then(|(part, _)| part.split_once('-'));
            let (first, last) = positions.expect("two positions");
            let [first, last] = [first, last].map(|position| position.parse::<usize>().expect("a position"));
            assert_eq!(reply.body, full.body[first..=last], "{row}");
            assert_eq!(reply.header("content-length"), Some((last - first + 1).to_string().as_str()), "{row}");
        }
        (200, _) => {
            let same = ["etag", "last-modified", "cache-control", "content-type", "content-length", "accept-ranges"];
            assert_eq!(fields(reply, &same), fields(full, &same), "{row}");
            assert_eq!(reply.header("accept-ranges"), Some("bytes"), "{row}");
        }
        _ => assert_eq!(fields(reply, &["etag", "last-modified"]), [None; 2], "{row}"),
    }
    match (*method, *status) {
        ("HEAD", _) | (_, 304 | 416) => assert!(reply.body.is_empty(), "{row}"),
        (_, 200) => assert_eq!(reply.body, full.body, "{row}"),
        _ => {}
    }
}

#[test]
fn every_responder_answers_as_sections_13_and_14_say() {
    let server = start();
    for target in ["/validated", "/json", "/handler", "/stored/validated"] {
        eventually("the second of the load is over", || server.get(target).header("last-modified").is_some());
        let full = server.get(target);
        let date = full.header("last-modified").expect("it was just there");
        let tag = full.header("etag").expect("each of them has one");
        assert_eq!(full.body.len(), 12);
        let names = Names::of(tag, httpdate::parse_http_date(date).expect("a date"));
        let coded = if target == "/validated" { CODED } else { SAYS_ITS_CODING };
        for row in PRECONDITIONS.iter().chain(RANGES).chain([&coded]) {
            let reply = send(&server, target, row, &names);
            check(&reply, &full, row);
            if target == "/stored/validated" {
                let is_the_handlers = row.2.iter().any(|(name, _)| [MATCH, UNSINCE].contains(name));
                let status = reply.header("cache-status").expect("the cache says what it did");
                assert_eq!(status.contains("; hit"), !is_the_handlers, "{row:?}: {status}");
            }
        }
    }
}

#[test]
fn every_write_is_performed_or_not_as_section_13_says() {
    let server = start();
    let names = Names::of("\"v7\"", modified());
    for row in WRITES {
        send(&server, "/state", row, &names);
    }
    for (name, value, status) in [(NONE, "*", 201), (NONE, "\"x\"", 201), (MATCH, "*", 412), (MATCH, "\"x\"", 412)] {
        let reply = server.request("PUT", "/absent").header(name, value).send();
        assert_eq!(reply.status, status, "{name}: {value}");
    }
}

#[test]
fn a_weak_tag_has_no_parts() {
    let server = start();
    let names = Names::of("\"v7\"", modified());
    for fields in [&[(RANGE, "bytes=0-3")][..], &[(RANGE, "bytes=0-3"), (IF_RANGE, "{same}")], &[(RANGE, "bytes=12-")]]
    {
        let request = server.request("GET", "/weak");
        let request = fields.iter().fold(request, |request, (name, value)| request.header(name, &names.fill(value)));
        let reply = request.send();
        assert_eq!((reply.status, reply.header("accept-ranges"), reply.body.len()), (200, None, 12), "{fields:?}");
    }
}
