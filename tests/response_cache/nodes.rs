//! Two nodes with one Redis.

use std::{
    thread,
    time::{Duration, Instant},
};

use cachet_core::Cachet;

use crate::{
    server::Server,
    support::{Redis, eventually},
};

fn nodes(redis: &Redis) -> [Server; 2] {
    [(); 2].map(|()| {
        let tiers =
            Cachet::builder().redis(redis.url()).deadline(Duration::from_secs(5)).lease(Duration::from_secs(20));
        Server::over(tiers, |cache| cache)
    })
}

#[test]
fn what_one_node_stored_answers_at_the_other() {
    let redis = Redis::start();
    let [one, other] = nodes(&redis);
    for target in ["/?cache-control=max-age=60", "/?cache-control=max-age=60&vary=accept-language&stream=2"] {
        let first = one.get_with(target, &[("accept-language", "en")]);
        let second = other.get_with(target, &[("accept-language", "EN")]);
        assert!(second.is_hit(), "{}", second.cache_status());
        assert!(second.body.starts_with("run ") && first.body.contains(&second.body[..6]));
    }
    assert_eq!(other.origin.runs(), 0);
}

/// An answer that takes longer than the lease, to its head or to the end of its body, is stored nevertheless: the lease is
/// kept up as long as somebody works on it.
#[test]
fn an_answer_that_takes_longer_than_its_lease_is_stored() {
    let redis = Redis::start();
    let lease = Duration::from_secs(2);
    let [one, other] = [(); 2].map(|()| {
        let tiers = Cachet::builder().redis(redis.url()).deadline(Duration::from_secs(5)).lease(lease);
        Server::over(tiers, |cache| cache)
    });
    let targets = ["/?cache-control=max-age=60&held=1", "/?cache-control=max-age=60&stream=2&held=body"];
    thread::scope(|scope| {
        let begun = Instant::now();
        let readers = targets.map(|target| scope.spawn(|| one.get(target)));
        one.origin.holds(2);
        thread::sleep((lease + lease / 4).saturating_sub(begun.elapsed()));
        one.origin.release(2);
        for reader in readers {
            assert_eq!(reader.join().expect("no panic").status, 200);
        }
    });
    for target in targets {
        eventually("the other node has it", || other.get(target).is_hit());
    }
    assert_eq!(other.origin.runs(), 0);
}

#[test]
fn a_change_at_one_node_invalidates_at_the_other() {
    let redis = Redis::start();
    let [one, other] = nodes(&redis);
    let target = "/?cache-control=max-age=60";
    one.get(target);
    one.send("PUT", target, &[]);
    assert!(!other.get(target).is_hit());
}

#[test]
fn an_answer_that_was_under_way_at_one_node_during_a_change_at_the_other_is_not_stored() {
    let redis = Redis::start();
    let [one, other] = nodes(&redis);
    let target = "/?cache-control=max-age=60&held=1";
    thread::scope(|scope| {
        let reader = scope.spawn(|| one.get(target));
        one.origin.holds(1);
        other.origin.release(1);
        other.send("PUT", target, &[]);
        one.origin.release(1);
        assert_eq!(reader.join().expect("no panic").status, 200);
    });
    other.origin.release(1);
    assert!(!other.get(target).is_hit(), "Redis gives it to nobody");
    // What a node loaded itself may be in its memory for so long, where nobody tells it of the change.
    one.advance(11);
    assert!(
        one.get(target).body.starts_with("run 2: GET"),
        "and this is the other node's answer from after the change"
    );
}

#[test]
fn what_is_not_stored_during_a_change_does_not_say_that_it_is() {
    for kind in ["q=1", "stream=2"] {
        let redis = Redis::start();
        let [one, other] = nodes(&redis);
        let target = format!("/?cache-control=max-age=60&held=1&{kind}");
        thread::scope(|scope| {
            let writer = scope.spawn(|| one.send("POST", &target, &[]));
            one.origin.holds(1);
            other.origin.release(2);
            let status = other.get(&target).cache_status();
            assert!(status.contains("fwd=uri-miss") && !status.contains("stored"), "{kind}: {status}");
            one.origin.release(2);
            writer.join().expect("no panic");
        });
    }
}

#[test]
fn without_redis_the_memory_of_each_node_serves() {
    let mut redis = Redis::start();
    let [one, _] = nodes(&redis);
    redis.kill();
    let target = "/?cache-control=max-age=60";
    eventually("the node sees that it is alone", || {
        one.get(target);
        one.get(target).is_hit()
    });
}
