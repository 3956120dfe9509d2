//! The caches in front: what they are sent, in which order, and again; a real Varnish.

#[path = "../support/mod.rs"]
mod support;
mod varnish;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use cachet_actix::{Cloudflare, Edge, EdgePurger, Fastly, Purge, PurgeByUrl, PurgeError, Purging, Varnish};
use cachet_core::{
    cached,
    testing::{LoadCounter, Nodes},
};

/// Keeps what it is sent, and answers with its statuses in turn, then with 200.
struct Recorder {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (kept, statuses) = (Arc::clone(&requests), statuses.to_vec());
        thread::spawn(move || {
            let mut statuses = statuses.into_iter();
            for stream in listener.incoming() {
                let mut stream = stream.expect("a client");
                let request = read(&stream);
                kept.lock().expect("no test panicked").push(request);
                let status = statuses.next().unwrap_or(200);
                let answer = format!(
                    "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: 16\r\n\r\n{{\"success\":true}}"
                );
                stream.write_all(answer.as_bytes()).expect("the client reads");
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no test panicked").clone()
    }
}

/// A request's bytes.
fn read(stream: &TcpStream) -> String {
    let (mut reader, mut text) = (BufReader::new(stream), String::new());
    while !text.ends_with("\r\n\r\n") {
        reader.read_line(&mut text).expect("a head of ASCII");
    }
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a whole body");
    text + std::str::from_utf8(&body).expect("a body of text")
}

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
async fn a_purge_that_fails_is_sent_again_and_only_once() {
    let recorder = Recorder::start(&[503, 503]);
    let varnish = Varnish::new([&recorder.url]).expect("a purger");
    let pause = Duration::from_millis(20);
    let edge = Edge::builder(varnish).backoff(pause, pause).start().expect("a thread");
    assert_eq!(edge.invalidate_tag("again").await, Purge::Queued);
    assert!(edge.drained(support::DEADLINE).await);
    assert_eq!(recorder.requests().len(), 3);
    assert_eq!(edge.invalidate_tag("again").await, Purge::Done);
}

#[cached(ttl = "1h", tags = ["ordered"], skip(loads))]
async fn ordered(loads: &LoadCounter) -> usize {
    let _load = loads.load();
    loads.count()
}

/// Asks for the value as an edge does that is purged.
struct Asking(Arc<LoadCounter>, Arc<AtomicBool>);

impl EdgePurger for Asking {
    fn purge<'a>(&'a self, _: &'a [String], _: bool) -> Purging<'a> {
        Box::pin(async move {
            self.1.store(ordered(&self.0).await == 2, Ordering::Release);
            Ok(())
        })
    }
}

#[tokio::test]
async fn the_edge_is_purged_when_the_tiers_have_it() {
    let (loads, was_new) = (Arc::new(LoadCounter::new()), Arc::<AtomicBool>::default());
    ordered(&loads).await;
    let edge = Edge::builder(Asking(Arc::clone(&loads), Arc::clone(&was_new))).start().expect("a thread");
    assert_eq!(edge.invalidate_tag("ordered").await, Purge::Done);
    assert!(was_new.load(Ordering::Acquire));
}

#[tokio::test]
async fn while_the_shared_tier_is_away_the_way_is_gone_again() {
    let (recorder, nodes) = (Recorder::start(&[]), Nodes::new());
    let [node] = nodes.start();
    let varnish = Varnish::new([&recorder.url]).expect("a purger");
    let pause = Duration::from_mins(1);
    let edge = Edge::builder(varnish).backoff(pause, pause).start().expect("a thread");
    node.faults().cut_off();
    assert_eq!(node.scope(edge.invalidate_tag("away")).await, Purge::Queued);
    assert_eq!((recorder.requests().len(), edge.waiting()), (1, 1), "the edge is purged at once, and once more later");
}
