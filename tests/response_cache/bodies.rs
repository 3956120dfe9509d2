//! Bodies are stored while they are sent, whole or not at all.

use std::{
    io::{self, Read},
    thread,
};

use actix_web::{HttpResponse, body::SizedStream, web::Bytes};
use futures_util::stream;

use crate::{server::Server, support::eventually};

#[test]
fn a_streamed_body_is_stored_before_its_end_is_sent() {
    let server = Server::start();
    let target = "/?cache-control=max-age=60&stream=3";
    let first = server.get(target);
    assert_eq!(first.header("transfer-encoding").as_deref(), Some("chunked"));
    assert!(first.cache_status().contains("stored"));
    let second = server.get(target);
    assert!(second.is_hit());
    assert_eq!(second.body.matches("run 1: ").count(), 3, "{}", second.body);
    assert_eq!(second.header("content-length"), Some(second.body.len().to_string()));
}

#[test]
fn a_body_is_sent_on_before_it_is_whole() {
    let server = Server::start();
    let target = "/?cache-control=max-age=60&stream=2&held=body";
    let mut stream = server.connect(&format!("GET {target} HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\n\r\n"));
    let mut some = String::new();
    eventually("the first chunk comes", || {
        let mut bytes = [0; 1024];
        let count = stream.read(&mut bytes).expect("the server sends");
        some.push_str(&String::from_utf8_lossy(&bytes[..count]));
        some.contains("run 1: ")
    });
    server.origin.holds(1);
    server.origin.release(1);
    stream.read_to_string(&mut some).expect("the rest comes");
    assert_eq!(some.matches("run 1: ").count(), 2);
    assert!(server.get(target).is_hit());
}

#[test]
fn a_body_that_breaks_off_is_not_stored() {
    for kind in ["stream=2&breaks=1", "short=1"] {
        let server = Server::start();
        let target = format!("/?cache-control=max-age=60&{kind}");
        for run in 1..=2 {
            let mut broken = Vec::new();
            let request = format!("GET {target} HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\n\r\n");
            server.connect(&request).read_to_end(&mut broken).expect("the connection ends");
            assert!(!broken.ends_with(b"0\r\n\r\n"), "{kind}: it looks whole");
            assert_eq!(server.origin.runs(), run, "{kind}");
        }
    }
}

#[test]
fn a_body_whose_client_goes_away_is_not_stored() {
    const CHUNKS: usize = 1000;
    let server = Server::start();
    let target = format!("/?cache-control=max-age=60&stream={CHUNKS}&held=body");
    let request = format!("GET {target} HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\n\r\n");
    let mut stream = server.connect(&request);
    stream.read_exact(&mut [0; 64]).expect("the head comes");
    server.origin.holds(1);
    drop(stream);
    let mut sent = 1;
    eventually("the server sees that nobody reads", || {
        server.origin.release(1);
        sent += 1;
        server.origin.ended_bodies() == 1
    });
    assert!(sent < CHUNKS, "the body was not sent whole");
    server.origin.release(CHUNKS);
    assert!(server.get(&target).body.contains("run 2: "));
}

#[test]
fn a_body_that_is_too_large_is_sent_and_not_stored() {
    let server = Server::with(|cache| cache.max_entry_bytes(150));
    for kind in ["stream=1", "stream=9", "q=1", "content-language=en"] {
        let target = format!("/?cache-control=max-age=60&{kind}");
        let first = server.get(&target);
        assert!(!first.body.is_empty());
        assert_eq!(server.get(&target).is_hit(), first.body.len() <= 150, "{kind}: {}", first.body.len());
    }
}

#[test]
fn a_head_and_a_range_are_answered_from_a_stored_get() {
    let server = Server::start();
    let target = "/?cache-control=max-age=60&etag=%22a%22";
    let whole = server.get(target);
    let head = server.send("HEAD", target, &[]);
    assert!(head.is_hit());
    assert_eq!((head.body.as_str(), head.header("content-length")), ("", Some(whole.body.len().to_string())));

    let part = server.get_with(target, &[("range", "bytes=0-4")]);
    assert_eq!((part.status, part.body.as_str()), (206, "run 1"));
    assert_eq!(part.header("content-range"), Some(format!("bytes 0-4/{}", whole.body.len())));
    assert_eq!(server.get_with(target, &[("range", "bytes=0-4"), ("if-range", "\"b\"")]).status, 200);
    let joined = server.get_with(target, &[("range", "bytes=0-1,2-4")]);
    assert_eq!((joined.status, joined.body.as_str()), (206, "run 1"));
    assert_eq!(server.get_with(target, &[("range", "bytes=0-1,4-5")]).status, 200, "several parts are the whole");
    let beyond = server.get_with(target, &[("range", "bytes=99999-")]);
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some(format!("bytes */{}", whole.body.len()))));
    assert_eq!(server.origin.runs(), 1);
}

#[test]
fn a_part_is_of_the_state_that_the_client_has() {
    let server = Server::start();
    let modified = "last-modified=Sun,%2006%20Nov%201994%2008:49:37%20GMT";
    for (validators, condition, status) in [
        ("", None, 206),
        ("etag=W/%22a%22", None, 206),
        ("etag=W/%22a%22", Some("W/\"a\""), 200),
        (modified, Some("Sunday, 06-Nov-94 08:49:37 GMT"), 206),
        (modified, Some("Sun, 06 Nov 1994 08:49:38 GMT"), 200),
    ] {
        let target = format!("/?cache-control=max-age=60&{validators}");
        let made = server.get(&target).header("date").expect("a server says when");
        let range = ("range", "bytes=0-4");
        let fields: Vec<_> = [range].into_iter().chain(condition.map(|value| ("if-range", value))).collect();
        assert_eq!(server.get_with(&target, &fields).status, status, "{validators} {condition:?}");
        let by_its_own_date = server.get_with(&target, &[range, ("if-range", &made)]).status;
        assert_eq!(by_its_own_date, 200, "{validators}: when it was sent is not when it was modified");
    }
}

#[test]
fn a_part_is_not_of_a_state_that_was_young_when_it_was_sent() {
    let server = Server::start();
    let (modified, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT");
    for (date, status) in [(modified, 200), (later, 206)] {
        let fields = format!("cache-control=max-age=2147483648&last-modified={modified}&date={date}");
        let target = format!("/?{}", fields.replace(' ', "%20"));
        server.get(&target);
        let part = server.get_with(&target, &[("range", "bytes=0-4"), ("if-range", modified)]);
        assert_eq!((part.status, part.is_hit()), (status, true), "{date}");
    }
}

#[test]
fn an_answer_is_as_old_as_its_head_and_its_body_were_long_in_coming() {
    for held in ["held=1", "stream=2&held=body"] {
        let server = Server::start();
        let target = format!("/?cache-control=max-age=60&{held}");
        thread::scope(|scope| {
            let reader = scope.spawn(|| server.get(&target));
            server.origin.holds(1);
            server.advance(6);
            server.origin.release(1);
            reader.join().expect("no panic");
        });
        server.advance(1);
        let hit = server.get(&target);
        assert_eq!((hit.is_hit(), hit.header("age").as_deref()), (true, Some("7")), "{held}");
    }
}

#[test]
fn a_body_that_takes_longer_than_it_may_be_kept_is_not_stored() {
    let server = Server::start();
    let target = "/?cache-control=max-age=5&stream=2&held=body";
    thread::scope(|scope| {
        let reader = scope.spawn(|| server.get(target));
        server.origin.holds(1);
        server.advance(6);
        server.origin.release(2);
        reader.join().expect("no panic");
    });
    assert!(!server.get(target).is_hit());
}

/// Larger than what the sockets of a connection hold.
const LARGE: usize = 48 << 20;

#[test]
fn a_client_that_reads_slowly_holds_nobody_up() {
    let server = Server::with_handler(
        |cache| cache.max_entry_bytes(2 * LARGE).max_bytes(1 << 30),
        |_, _| {
            let chunk = Bytes::from(vec![b'x'; LARGE / 48]);
            let chunks = stream::iter((0..48).map(move |_| Ok::<_, io::Error>(chunk.clone())));
            HttpResponse::Ok()
                .insert_header(("cache-control", "max-age=60"))
                .body(SizedStream::new(LARGE as u64, chunks))
        },
    );
    let mut slow = server.connect("GET / HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\n\r\n");
    slow.read_exact(&mut [0; 64]).expect("the head comes");
    let other = server.get("/");
    assert_eq!((other.body.len(), server.origin.runs()), (LARGE, 1), "{}", other.cache_status());
    drop(slow);
}

#[test]
fn a_head_tells_whether_what_is_stored_still_holds() {
    for (told, holds) in [("etag=%22a%22", true), ("versioned=1", false)] {
        let server = Server::start();
        let target = format!("/?cache-control=max-age=60&{told}");
        let first = server.get(&target);
        server.advance(61);
        assert!(!server.send("HEAD", &target, &[]).is_hit());
        let second = server.get(&target);
        assert_eq!((second.is_hit(), second.body == first.body), (holds, holds), "{told}");
    }
}

#[test]
fn a_head_stores_nothing() {
    let server = Server::start();
    server.send("HEAD", "/?cache-control=max-age=60", &[]);
    let reply = server.get("/?cache-control=max-age=60");
    assert!(!reply.is_hit() && reply.body.contains("run 2: GET"), "{}", reply.body);
}
