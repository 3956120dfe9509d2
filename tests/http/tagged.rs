//! `cdn` and `etag` of cached handlers.

use actix_web::{
    HttpResponse, get,
    web::{Path, ServiceConfig},
};
use cachet_actix::EntityTag;
use cachet_core::cached;

use crate::{fields, server::Server};

#[get("/cdn/{id}")]
#[cached(ttl = 60, http = "no-cache", cdn = "Max-Age=3600 ,must-revalidate")]
async fn targeted(id: Path<u64>) -> Option<String> {
    (*id < 100).then(|| id.to_string())
}

#[get("/own/{directives}")]
#[cached(ttl = 60, http = "public", cdn = "max-age=3600")]
async fn own(directives: Path<String>) -> HttpResponse {
    HttpResponse::Ok().insert_header(("cache-control", directives.as_str())).body("")
}

#[get("/weak")]
#[cached(ttl = 60, http = "public", etag = "weak")]
async fn weak() -> &'static str {
    "nearly the same"
}

#[get("/length")]
#[cached(ttl = 60, http = "public", etag = |body| body.len().to_string())]
async fn length() -> &'static str {
    "four"
}

fn first_line(body: &[u8]) -> EntityTag {
    EntityTag::weak(&String::from_utf8_lossy(body.split(|&byte| byte == b'\n').next().unwrap_or_default()))
}

#[get("/line")]
#[cached(ttl = 60, http = "public", etag = first_line)]
async fn line() -> &'static str {
    "v8\nat noon"
}

fn routes(config: &mut ServiceConfig) {
    config.service(targeted).service(own).service(weak).service(length).service(line);
}

#[test]
fn networks_are_told_apart_from_clients() {
    let server = Server::start(routes);
    let both = ["cache-control", "cdn-cache-control"];
    let full = server.get("/cdn/1");
    assert_eq!(fields(&full, &both), [Some("no-cache"), Some("max-age=3600, must-revalidate")]);
    let short = server.get_with("/cdn/1", "if-none-match", full.header("etag").expect("a kept answer has a tag"));
    assert_eq!((short.status, fields(&short, &both)), (304, fields(&full, &both)));
    assert_eq!(fields(&server.get("/cdn/100"), &both), [Some("no-store"), None], "an error is kept nowhere");
}

#[test]
fn a_handlers_own_policy_is_not_overruled_for_networks() {
    let server = Server::start(routes);
    for directives in ["private", "no-store", "public, max-age=5"] {
        for _ in 0..2 {
            let reply = server.get(&format!("/own/{}", directives.replace(' ', "%20")));
            assert_eq!(fields(&reply, &["cache-control", "cdn-cache-control"]), [Some(directives), None]);
        }
    }
}

#[test]
fn the_tag_is_what_the_attribute_says() {
    let server = Server::start(routes);
    let hash = server.get("/weak").header("etag").map(str::to_owned).expect("a kept answer has a tag");
    assert_eq!((hash.len(), &hash[..3]), (26, "W/\""));
    for (target, tag) in [("/weak", hash.as_str()), ("/length", "\"4\""), ("/line", "W/\"v8\"")] {
        assert_eq!(server.get(target).header("etag"), Some(tag));
        assert_eq!(server.get_with(target, "if-none-match", tag).status, 304);
        let strongly = server.get_with(target, "if-match", tag).status;
        assert_eq!(strongly, if tag.starts_with("W/") { 412 } else { 200 }, "{target}");
    }
}
