//! Content codings of cached handlers: one stored answer, a body for each.

use std::io::Read as _;

use actix_web::{
    App, HttpResponse, Responder, get,
    http::header::{CONTENT_TYPE, ETAG, LAST_MODIFIED, VARY},
    middleware::Compress,
    route,
    test::{TestRequest, init_service, read_body},
    web::{Json, Path, ServiceConfig},
};
use cachet_core::cached;

use crate::{fields, server::Server, support::Reply};

#[route("/long/{id}", method = "GET", method = "HEAD")]
#[cached(ttl = 60, http = "public, max-age=30")]
async fn long(id: Path<u64>) -> impl Responder {
    Json(vec![*id; 2000])
}

#[get("/huge")]
#[cached(ttl = 60, http = "public")]
async fn huge() -> String {
    "a line of many\n".repeat(100_000)
}

#[get("/small")]
#[cached(ttl = 60, http = "public")]
async fn small() -> impl Responder {
    Json([1, 2, 3])
}

#[get("/picture")]
#[cached(ttl = 60, http = "public")]
async fn picture() -> HttpResponse {
    HttpResponse::Ok().content_type("image/png").body(vec![0; 4096])
}

#[get("/archive")]
#[cached(ttl = 60, http = "public")]
async fn archive() -> HttpResponse {
    HttpResponse::Ok().content_type("application/octet-stream").body(vec![0; 4096])
}

#[get("/noise")]
#[cached(ttl = 60, http = "public")]
async fn noise() -> HttpResponse {
    // A linear congruential generator's high bits: nothing shrinks them.
    let bytes: Vec<u8> = std::iter::successors(Some(1_u64), |state| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    })
    .take(4096)
    .map(|state| state.to_be_bytes()[0])
    .collect();
    HttpResponse::Ok().content_type("text/plain").body(bytes)
}

#[get("/own")]
#[cached(ttl = 60, http = "public")]
async fn own() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ETAG, "\"v7,a\""))
        .insert_header((LAST_MODIFIED, "Sun, 06 Nov 1994 08:49:37 GMT"))
        .insert_header((VARY, "Accept-Encoding"))
        .insert_header((CONTENT_TYPE, "text/css"))
        .body("a { color: red }\n".repeat(200))
}

#[get("/weak")]
#[cached(ttl = 60, http = "public", etag = "weak")]
async fn weak() -> String {
    "much the same\n".repeat(200)
}

fn routes(config: &mut ServiceConfig) {
    config.service(long).service(huge).service(small).service(picture).service(archive);
    config.service(noise).service(own).service(weak);
}

fn get_as(server: &Server, target: &str, codings: &str) -> Reply {
    server.get_with(target, "accept-encoding", codings)
}

/// The body as it was before it was encoded.
pub(crate) fn plain(reply: &Reply) -> Vec<u8> {
    decoded(reply.header("content-encoding"), &reply.body)
}

/// A body as it was before it was encoded in this way.
pub(crate) fn decoded(coding: Option<&str>, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        None | Some("") => return body.to_vec(),
        Some("gzip") => flate2::read::GzDecoder::new(body).read_to_end(&mut plain).expect("gzip"),
        Some("br") => brotli::Decompressor::new(body, 4096).read_to_end(&mut plain).expect("brotli"),
        Some("zstd") => zstd::stream::read::Decoder::new(body).expect("zstd").read_to_end(&mut plain).expect("zstd"),
        Some(unknown) => panic!("{unknown} is not asked for"),
    };
    plain
}

fn tag(reply: &Reply) -> &str {
    reply.header("etag").expect("a kept answer has a tag")
}

#[test]
fn each_coding_has_its_own_body_and_its_own_strong_tag() {
    let server = Server::start(routes);
    let whole = server.get("/long/1");
    let version = tag(&whole).trim_matches('"').to_owned();
    for (asked, coding, suffix) in [
        ("gzip", Some("gzip"), "-gz"),
        ("br", Some("br"), "-br"),
        ("zstd", Some("zstd"), "-zst"),
        ("gzip, deflate, br, zstd", Some("br"), "-br"),
        ("gzip;q=1, br;q=0.9", Some("gzip"), "-gz"),
        ("identity;q=0, *;q=0.1, br;q=0", Some("zstd"), "-zst"),
        ("identity", None, ""),
        ("gzip;q=0", None, ""),
    ] {
        for _ in 0..2 {
            let reply = get_as(&server, "/long/1", asked);
            let expected = [coding, Some("accept-encoding"), Some("application/json")];
            assert_eq!(fields(&reply, &["content-encoding", "vary", "content-type"]), expected, "{asked}");
            assert_eq!(tag(&reply), format!("\"{version}{suffix}\""), "{asked}");
            assert_eq!(plain(&reply), whole.body, "{asked}");
            let length = reply.body.len().to_string();
            assert_eq!(reply.header("content-length"), Some(length.as_str()));
            assert!(coding.is_none() || reply.body.len() < whole.body.len() / 10, "{asked}");
        }
    }
    assert_eq!(whole.header("vary"), Some("accept-encoding"), "every variant says so");
    assert_eq!(server.loads("long"), 1);
}

#[test]
fn a_304_has_the_tag_that_the_client_holds_whichever_coding_that_is() {
    let server = Server::start(routes);
    let whole = server.get("/long/1");
    let version = tag(&whole).trim_matches('"').to_owned();
    for suffix in ["", "-gz", "-br", "-zst"] {
        for accepted in ["gzip", "br, gzip", "identity"] {
            for weakened in ["", "W/"] {
                let request = server.request("GET", "/long/1").header("accept-encoding", accepted);
                let held = format!("{weakened}\"{version}{suffix}\"");
                let short = request.header("if-none-match", &format!("\"other\", {held}")).send();
                assert_eq!((short.status, short.body.len()), (304, 0), "{held} {accepted}");
                let expected = format!("\"{version}{suffix}\"");
                let said = fields(&short, &["etag", "vary", "cache-control", "content-encoding", "content-type"]);
                let policy = Some("public, max-age=30");
                assert_eq!(said, [Some(expected.as_str()), Some("accept-encoding"), policy, None, None]);
            }
        }
    }
    for unknown in [format!("\"{version}-xz\""), format!("\"{version}-\""), "\"-gz\"".to_owned()] {
        assert_eq!(server.get_with("/long/1", "if-none-match", &unknown).status, 200, "{unknown}");
    }
    let several = format!("\"{version}-gz\", \"{version}\"");
    let request = server.request("GET", "/long/1").header("accept-encoding", "gzip");
    let short = request.header("if-none-match", &several).send();
    assert_eq!(tag(&short), format!("\"{version}-gz\""), "the one that it would be given comes first");
}

#[test]
fn if_match_is_held_against_the_coding_that_is_selected() {
    let server = Server::start(routes);
    let gzipped = get_as(&server, "/long/1", "gzip");
    let ask = |codings: &str| {
        server.request("GET", "/long/1").header("accept-encoding", codings).header("if-match", tag(&gzipped)).send()
    };
    assert_eq!([ask("gzip").status, ask("identity").status], [200, 412]);
}

#[test]
fn head_has_the_fields_of_get_in_every_coding() {
    let server = Server::start(routes);
    for asked in ["gzip", "br", "zstd", "identity"] {
        let full = get_as(&server, "/long/1", asked);
        let head = server.request("HEAD", "/long/1").header("accept-encoding", asked).send();
        assert_eq!((head.status, head.body.len()), (200, 0));
        let all = ["content-length", "content-type", "content-encoding", "etag", "vary", "cache-control"];
        assert_eq!(fields(&head, &all), fields(&full, &all), "{asked}");
    }
}

#[test]
fn a_large_body_is_encoded_as_well() {
    let server = Server::start(routes);
    let reply = get_as(&server, "/huge", "gzip");
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
    assert_eq!(plain(&reply), "a line of many\n".repeat(100_000).as_bytes());
    assert_eq!(get_as(&server, "/huge", "gzip").body, reply.body);
}

#[test]
fn what_does_not_gain_by_it_is_sent_as_it_is() {
    let server = Server::start(routes);
    for target in ["/small", "/picture", "/archive"] {
        let (plainly, reply) = (server.get(target), get_as(&server, target, "gzip, br"));
        assert_eq!(plainly.body, reply.body, "{target}");
        assert_eq!(fields(&plainly, &["etag", "vary"]), fields(&reply, &["etag", "vary"]), "{target}");
        assert_eq!(fields(&plainly, &["vary", "content-encoding"]), [None; 2], "{target}");
        assert_eq!(reply.header("content-encoding"), Some(""), "{target}: `identity` is no content coding");
    }
    // Of the right type, but no smaller: it still depends on what was asked for.
    let (plainly, reply) = (server.get("/noise"), get_as(&server, "/noise", "gzip"));
    assert_eq!((&plainly.body, tag(&plainly)), (&reply.body, tag(&reply)));
    assert_eq!([reply.header("vary"), plainly.header("vary")], [Some("accept-encoding"); 2]);
}

#[test]
fn a_handlers_own_strong_tag_is_told_apart_too() {
    let server = Server::start(routes);
    let (plainly, reply) = (server.get("/own"), get_as(&server, "/own", "gzip"));
    assert_eq!([tag(&plainly), tag(&reply)], ["\"v7,a\"", "\"v7,a-gz\""]);
    let said = ["vary", "content-encoding", "last-modified"];
    let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(fields(&reply, &said), [Some("accept-encoding"), Some("gzip"), date], "`Vary` is said once");
    assert_eq!(server.get_with("/own", "if-none-match", "\"v7,a-br\"").status, 304);
}

#[test]
fn a_weak_tag_is_all_codings() {
    let server = Server::start(routes);
    let (plainly, reply) = (server.get("/weak"), get_as(&server, "/weak", "gzip"));
    assert!(tag(&plainly).starts_with("W/\""), "{}", tag(&plainly));
    assert_eq!(tag(&plainly), tag(&reply));
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
    assert_eq!(server.get_with("/weak", "if-none-match", tag(&plainly).trim_start_matches("W/")).status, 304);
}

/// Sends a request through actix-web's own compression, and gives coding, tag and body.
async fn compressed(target: &str, codings: &str) -> (Option<String>, String, Vec<u8>) {
    let app = init_service(App::new().wrap(Compress::default()).configure(routes)).await;
    let request = TestRequest::get().uri(target).insert_header(("accept-encoding", codings));
    let response = request.send_request(&app).await;
    let field = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (coding, tag) = (field("content-encoding"), field("etag").expect("a kept answer has a tag"));
    (coding, tag, read_body(response).await.to_vec())
}

#[actix_web::test]
async fn beside_actix_webs_compression_nothing_is_encoded_twice_and_no_strong_tag_is_shared() {
    let (coding, tag, body) = compressed("/long/1", "gzip").await;
    assert_eq!((coding.as_deref(), tag.ends_with("-gz\"")), (Some("gzip"), true));
    let mut once = Vec::new();
    flate2::read::GzDecoder::new(body.as_slice()).read_to_end(&mut once).expect("gzip");
    assert!(once.starts_with(b"[1,1,"), "it was encoded twice");

    for target in ["/small", "/archive", "/noise"] {
        let (coding, tag, body) = compressed(target, "gzip").await;
        let (_, plain_tag, plain_body) = compressed(target, "identity").await;
        assert_eq!(coding.as_deref(), Some(""), "{target}");
        assert_eq!((tag, body), (plain_tag, plain_body), "{target}");
    }
}
