//! A `ResponseCache` in front of handlers: annotated ones, and ones in a scope.

use actix_web::{
    HttpRequest, HttpResponse, Responder, get,
    web::{self, Json, Path, ServiceConfig, scope},
};
use cachet_actix::ResponseCache;
use cachet_core::{Cachet, cached};

use crate::{server::Server, support::Reply};

#[get("/handler")]
#[cached(ttl = "1h", http = "public, max-age=60")]
async fn handler() -> impl Responder {
    // Long enough to be worth encoding.
    Json("good day to you ".repeat(200))
}

/// Names its answers by their language, but says of `fr` only that something that was asked about is it.
async fn page(request: HttpRequest, path: Path<(String, u64)>) -> HttpResponse {
    let field = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap_or("?"));
    let (language, is_asked) = (field("accept-language"), request.headers().contains_key("if-none-match"));
    if language == "fr" && is_asked {
        return HttpResponse::NotModified().finish();
    }
    let fields = [("cache-control", "max-age=60"), ("vary", "accept-language")];
    let mut response = HttpResponse::Ok();
    for field in fields {
        response.append_header(field);
    }
    let (shop, id) = path.into_inner();
    let route = request.match_pattern().unwrap_or_default();
    response.append_header(("etag", format!("\"{language}\""))).body(format!("{language}: {shop} {id} at {route}"))
}

fn start() -> Server {
    let runtime = Cachet::builder().memory_only().build().expect("a valid configuration");
    Server::start(move |config: &mut ServiceConfig| {
        let cache = || ResponseCache::new(&runtime);
        config.service(scope("/stored").wrap(cache()).service(handler));
        config.service(scope("/{shop}").wrap(cache()).service(web::resource("/pages/{id}").to(page)));
    })
}

fn in_coding(server: &Server, target: &str, coding: &str) -> Reply {
    if coding.is_empty() { server.get(target) } else { server.get_with(target, "accept-encoding", coding) }
}

#[test]
fn each_client_is_answered_in_its_coding_whoever_came_first() {
    for order in
        [["gzip", "", "identity"], ["gzip", "identity", ""], ["identity", "gzip", ""], ["", "gzip", "identity"]]
    {
        let server = start();
        for coding in order.into_iter().chain(order) {
            let reply = in_coding(&server, "/stored/handler", coding);
            let coded = reply.header("content-encoding").filter(|coding| !coding.is_empty());
            assert_eq!((reply.status, coded), (200, (coding == "gzip").then_some("gzip")), "{order:?}");
        }
    }
}

#[test]
fn an_origin_that_is_asked_again_is_asked_for_the_same() {
    let server = start();
    for target in ["/books/pages/7", "/games/pages/8"] {
        let (shop, id) = (&target[1..6], &target[13..]);
        for language in ["de", "en", "fr"] {
            let reply = server.get_with(target, "accept-language", language);
            let body = String::from_utf8_lossy(&reply.body);
            assert_eq!(body, format!("{language}: {shop} {id} at /{{shop}}/pages/{{id}}"));
            let status = reply.header("cache-status").expect("the cache says what it did");
            assert_eq!(status.contains("names nothing"), language == "fr", "{status}");
            assert!(status.contains("stored"), "{status}");
        }
    }
}
