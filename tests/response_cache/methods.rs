//! Methods that change something invalidate, and nothing brings back what they did away with.

use std::thread;

use crate::server::Server;

const PAGE: &str = "/page?cache-control=max-age=60";

#[test]
fn a_change_that_succeeds_invalidates_its_uri_and_those_that_it_names() {
    for method in ["PUT", "POST", "DELETE", "PATCH", "PURGE", "M-SEARCH"] {
        let server = Server::start();
        for target in [PAGE, "/other?cache-control=max-age=60", "/third?cache-control=max-age=60"] {
            server.get(target);
            assert!(server.get(target).is_hit());
        }
        server.send(method, PAGE, &[]);
        assert!(!server.get(PAGE).is_hit(), "{method}");
        assert!(server.get("/other?cache-control=max-age=60").is_hit(), "{method}");

        server.send(method, "/any?location=/other%3Fcache-control=max-age%3D60", &[]);
        assert!(!server.get("/other?cache-control=max-age=60").is_hit(), "{method}: Location");
        server.send(method, "/any?content-location=third%3Fcache-control=max-age%3D60", &[]);
        assert!(!server.get("/third?cache-control=max-age=60").is_hit(), "{method}: Content-Location");
    }
}

#[test]
fn a_change_under_another_spelling_is_one_of_the_same_resource() {
    for target in [
        "/%70age?cache-control=max-age=60",
        "/a/../page?cache-control=max-age=60",
        "http://shop.test/page?cache-control=max-age=60",
        "javascript://shop.test/page?cache-control=max-age=60",
    ] {
        let server = Server::start();
        server.get(PAGE);
        server.send("PUT", target, &[("host", "SHOP.test:80")]);
        assert!(!server.get(PAGE).is_hit(), "{target}");
    }
}

#[test]
fn nothing_is_invalidated_at_another_origin_or_by_a_change_that_failed() {
    let server = Server::start();
    server.get(PAGE);
    server.send("PUT", "/any?location=http://evil.test/page%3Fcache-control=max-age%3D60", &[]);
    server.send("POST", "/any?location=/page%3Fcache-control=max-age%3D60", &[("host", "evil.test")]);
    server.send("PUT", "/page?cache-control=max-age=60&status=409", &[]);
    server.send("OPTIONS", PAGE, &[]);
    assert!(server.get(PAGE).is_hit());
}

#[test]
fn a_change_whose_answer_may_hide_that_it_happened_invalidates() {
    for (status, is_gone) in [(500, true), (502, true), (503, true), (504, true), (501, false), (405, false)] {
        let server = Server::start();
        let target = format!("{PAGE}&status={status}");
        server.get(&target);
        assert!(server.get(&target).is_hit(), "{status}");
        server.send("PUT", &target, &[]);
        assert_eq!(!server.get(&target).is_hit(), is_gone, "{status}");
    }
}

#[test]
fn every_variant_and_every_declared_key_goes_at_once() {
    let server = Server::with(|cache| cache.keyed_by(["x-shop".parse().expect("a name")]));
    let target = "/?cache-control=max-age=60&vary=accept-language";
    let requests = [[("x-shop", "1"), ("accept-language", "en")], [("x-shop", "2"), ("accept-language", "de")]];
    for fields in &requests {
        server.get_with(target, fields);
        assert!(server.get_with(target, fields).is_hit());
    }
    server.send("PUT", target, &[]);
    for fields in &requests {
        assert!(!server.get_with(target, fields).is_hit());
    }
}

#[test]
fn an_answer_from_before_a_change_is_not_stored_after_it() {
    let server = Server::start();
    let target = "/page?cache-control=max-age=60&held=1";
    thread::scope(|scope| {
        let reader = scope.spawn(|| server.get(target));
        server.origin.holds(1);
        // The change is waited for by nothing: it is over while the answer from before it is on its way.
        let writer = scope.spawn(|| server.send("DELETE", target, &[]));
        server.origin.holds(2);
        server.origin.release(2);
        reader.join().expect("no panic");
        writer.join().expect("no panic");
        server.origin.release(1);
        assert!(!server.get(target).is_hit());
    });
}

#[test]
fn an_answer_that_was_invalidated_on_its_way_does_not_say_that_it_is_stored() {
    let server = Server::with(|cache| cache.tags(|_| vec!["page".to_owned()]));
    let target = "/page?cache-control=max-age=60&held=1";
    thread::scope(|scope| {
        let reader = scope.spawn(|| server.get(target));
        server.origin.holds(1);
        actix_web::rt::System::new().block_on(server.runtime.invalidate_tag("page"));
        server.origin.release(1);
        let status = reader.join().expect("no panic").cache_status();
        assert!(status.contains("fwd=uri-miss") && !status.contains("stored"), "{status}");
    });
}

#[test]
fn a_body_that_is_under_way_during_a_change_is_not_stored_after_it() {
    let server = Server::start();
    let target = "/page?cache-control=max-age=60&stream=2&held=body";
    thread::scope(|scope| {
        let reader = scope.spawn(|| server.get(target));
        server.origin.holds(1);
        let mut change =
            server.connect(&format!("PUT {target} HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\n\r\n"));
        std::io::Read::read_exact(&mut change, &mut [0; 64]).expect("the change is answered");
        server.origin.release(8);
        reader.join().expect("no panic");
        assert!(!server.get(target).is_hit());
    });
}

#[test]
fn tags_invalidate_what_a_request_was_answered_with() {
    let server = Server::with(|cache| cache.tags(|request| vec![format!("page:{}", request.uri.path())]));
    server.get(PAGE);
    server.get("/other?cache-control=max-age=60");
    actix_web::rt::System::new().block_on(server.runtime.invalidate_tag("page:/page"));
    assert!(!server.get(PAGE).is_hit());
    assert!(server.get("/other?cache-control=max-age=60").is_hit());
}
