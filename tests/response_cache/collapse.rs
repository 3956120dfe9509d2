//! Requests that wait for one another, and those that must not.

use std::thread;

use crate::{
    server::{Reply, Server},
    support::eventually,
};

const CLIENTS: usize = 20;

/// Has many clients ask at once, and lets the handler go when so many of them are there.
fn rush(server: &Server, target: &str, held: u64, fields: &[(&str, &str)]) -> Vec<Reply> {
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| server.get_with(target, fields))).collect();
        server.origin.holds(held);
        server.origin.release(CLIENTS);
        clients.into_iter().map(|client| client.join().expect("no panic")).collect()
    })
}

#[test]
fn many_clients_cost_one_run() {
    let server = Server::start();
    let replies = rush(&server, "/?cache-control=max-age=60&held=1", 1, &[]);
    assert_eq!(server.origin.runs(), 1);
    assert!(replies.iter().all(|reply| reply.status == 200 && reply.body == replies[0].body));
}

#[test]
fn an_answer_for_one_client_is_given_to_no_other_and_nobody_queues_for_it() {
    for kind in ["cache-control=private", "cache-control=max-age=60&set-cookie=session=1"] {
        let server = Server::start();
        // The first one runs alone; when it turns out not to be stored, all the others run at once.
        let target = format!("/?{kind}&held=1");
        let replies = thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| server.get(&target))).collect();
            server.origin.holds(1);
            server.origin.release(1);
            server.origin.holds(CLIENTS as u64 - 1);
            server.origin.release(CLIENTS - 1);
            clients.into_iter().map(|client| client.join().expect("no panic")).collect::<Vec<_>>()
        });
        let mut bodies: Vec<_> = replies.iter().map(|reply| reply.body.as_str()).collect();
        bodies.sort_unstable();
        bodies.dedup();
        assert_eq!(bodies.len(), CLIENTS, "{kind}");
    }
}

#[test]
fn credentials_wait_for_nobody() {
    let server = Server::start();
    let replies =
        rush(&server, "/?cache-control=max-age=60&held=1", CLIENTS as u64, &[("authorization", "Basic b25l")]);
    assert_eq!(server.origin.runs(), CLIENTS as u64);
    assert!(replies.iter().all(|reply| !reply.is_hit()));
}

#[test]
fn a_stale_answer_is_validated_once_for_all() {
    let server = Server::start();
    let target = "/?cache-control=max-age=60&etag=%22a%22&held=1";
    server.origin.release(1);
    let first = server.get(target);
    server.advance(61);
    let replies = rush(&server, target, 1, &[]);
    assert_eq!(server.origin.runs(), 2);
    assert!(replies.iter().all(|reply| reply.status == 200 && reply.body == first.body));
}

#[test]
fn an_origin_that_fails_is_asked_once_while_a_stale_answer_serves() {
    let server = Server::start();
    let target = "/?cache-control=max-age=60,stale-if-error=60&held=1";
    server.origin.release(1);
    let first = server.get(target);
    server.advance(61);
    server.origin.breaks();
    eventually("some wait for another one, and are given what is stale", || {
        let replies = rush(&server, target, 1, &[]);
        assert!(replies.iter().all(|reply| reply.status == 200 && reply.body == first.body));
        replies.iter().any(|reply| reply.cache_status().ends_with("; collapsed"))
    });
}
