//! What each edge is sent.

use cachet_actix::{Cloudflare, Edge, EdgePurger, Fastly, Purge, PurgeByUrl, PurgeError, Varnish};

use crate::{quick, recorder::Recorder, support};

fn tags(tags: &[&str]) -> Vec<String> {
    tags.iter().map(ToString::to_string).collect()
}

fn has(request: &str, lines: &[&str]) {
    for line in lines {
        assert!(request.split("\r\n").any(|sent| sent == *line), "{line} in {request}");
    }
}

#[tokio::test]
async fn varnish_is_sent_a_purge_with_its_keys() {
    let recorder = Recorder::start(&[]);
    let varnish = Varnish::new([&recorder.url]).and_then(|varnish| varnish.field("x-token", "t")).expect("a purger");
    varnish.purge(&tags(&["a", "b c"]), false).await.expect("a 200");
    varnish.purge(&tags(&["a"]), true).await.expect("a 200");
    let [hard, soft] = &recorder.requests()[..] else { panic!("two requests") };
    has(hard, &["PURGE / HTTP/1.1", "xkey-purge: a b%20c", "x-token: t"]);
    has(soft, &["PURGE / HTTP/1.1", "xkey-softpurge: a"]);
}

#[tokio::test]
async fn a_url_is_purged_at_the_cache_under_its_own_host() {
    let recorder = Recorder::start(&[404]);
    let urls = |tag: &str| vec![format!("https://shop.example/products/{tag}?a=b")];
    let purger = PurgeByUrl::new(&recorder.url, urls).expect("a purger");
    purger.purge(&tags(&["7"]), false).await.expect("a 404 is as good");
    has(&recorder.requests()[0], &["PURGE /products/7?a=b HTTP/1.1", "host: shop.example"]);
}

#[tokio::test]
async fn fastly_is_sent_surrogate_keys_in_batches() {
    let recorder = Recorder::start(&[]);
    let fastly = Fastly::new("s1", "secret").and_then(|fastly| fastly.api(&recorder.url)).expect("a purger");
    let many: Vec<_> = (0..257).map(|n| format!("t{n}")).collect();
    fastly.purge(&many, true).await.expect("a 200");
    let [first, second] = &recorder.requests()[..] else { panic!("two requests") };
    has(first, &["POST /service/s1/purge HTTP/1.1", "fastly-key: secret", "fastly-soft-purge: 1"]);
    has(second, &["surrogate-key: t256"]);
    assert!(!format!("{fastly:?}").contains("secret"));
}

#[tokio::test]
async fn cloudflare_is_sent_thirty_tags_at_a_time() {
    let recorder = Recorder::start(&[200, 200, 403]);
    let purger = Cloudflare::new("z1", "secret").and_then(|purger| purger.api(&recorder.url)).expect("a purger");
    let many: Vec<_> = (0..31).map(|n| format!("t{n}")).collect();
    purger.purge(&many, false).await.expect("a 200");
    let [_, second] = &recorder.requests()[..] else { panic!("two requests") };
    has(second, &["POST /client/v4/zones/z1/purge_cache HTTP/1.1", "authorization: Bearer secret"]);
    assert!(second.ends_with("\r\n\r\n{\"tags\":[\"t30\"]}"));
    let refused = purger.purge(&many, false).await;
    assert!(matches!(refused, Err(PurgeError::Refused { status: 403 })));
}

#[tokio::test]
async fn what_an_api_refuses_is_purged_again() {
    let refusals = [429, 500, 401];
    let (fastly, cloudflare) = (Recorder::start(&refusals), Recorder::start(&refusals));
    let api = Fastly::new("s1", "secret").and_then(|purger| purger.api(&fastly.url)).expect("a purger");
    refused_and_purged(quick(Edge::builder(api)), &fastly).await;
    let api = Cloudflare::new("z1", "secret").and_then(|purger| purger.api(&cloudflare.url)).expect("a purger");
    refused_and_purged(quick(Edge::builder(api)), &cloudflare).await;
}

async fn refused_and_purged(edge: Edge, recorder: &Recorder) {
    assert_eq!(edge.invalidate_tag("refused").await, Purge::Queued);
    assert!(edge.drained(support::DEADLINE).await);
    assert_eq!(recorder.requests().len(), 4, "three refusals and a success");
}

#[tokio::test]
async fn cloudflare_may_refuse_with_a_200() {
    let recorder = Recorder::answering(&[], "{\"success\":false}");
    let purger = Cloudflare::new("z1", "secret").and_then(|purger| purger.api(&recorder.url)).expect("a purger");
    let refused = purger.purge(&tags(&["a"]), false).await;
    assert!(matches!(refused, Err(PurgeError::Refused { status: 200 })));
}
