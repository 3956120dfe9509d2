//! One scenario for each rule of the protocol: the race that it is there for, brought about step by step.
//!
//! Each is played twice at a time: with every rule, when nothing may be found, and without the one rule, when the
//! checker must find what the rule prevents.

use std::{ops::Range, sync::PoisonError, thread, time::Duration};

use cachet_core::Origin;

use super::{
    ALONE,
    chaos::Kind,
    checker::{self, Broken, Violation},
    history::{Means, Outcome, now},
    node::Limits,
    proxy::Mode,
    report::Report,
    servers::Data,
    stage::{Stage, let_pass, until_one_is_given},
    support::eventually,
};

/// The row that scenarios are about.
const ROW: u64 = 0;

/// Long enough for every step of a scenario on a slow machine.
const LONG: Duration = Duration::from_secs(10);

/// Limits that no step comes near to.
const CALM: Limits = Limits { bound: LONG, lease: LONG, deadline: LONG, ..Limits::SHORT };

/// The same where Δ has to pass.
const BOUNDED: Limits = Limits { bound: Duration::from_secs(2), ..CALM };

/// How often a scenario is played in which nothing is found, though a rule is missing: where the machine stops a node for
/// as long as Δ, that node believes neither memory nor the server for a while, and does nothing wrong.
const TRIES: usize = 3;

/// Plays a scenario with the rule and without it.
fn is_missed(rule: &str, finds: Broken, limits: Limits, play: fn(&mut Stage)) {
    let _shared = ALONE.read().unwrap_or_else(PoisonError::into_inner);
    let play = |without: Option<&str>| {
        let mut stage = Stage::set(limits, without);
        play(&mut stage);
        let records = stage.end();
        let verdict = checker::judge(&records);
        let report = Report { records: &records, verdict: &verdict, seed: None }.to_string();
        (verdict.violations, report)
    };
    let is_found = |violations: &[Violation]| violations.iter().any(|violation| violation.kind == finds);
    thread::scope(|scope| {
        let without = scope.spawn(|| {
            let reports: Vec<_> =
                (0..TRIES).map(|_| play(Some(rule))).take_while(|(found, _)| !is_found(found)).collect();
            assert!(reports.len() < TRIES, "without {rule}, {finds:?} is to be found:\n{}", reports[0].1);
        });
        let (violations, report) = play(None);
        assert!(violations.is_empty(), "with every rule, there is nothing to be found:\n{report}");
        without.join().expect("it is found");
    });
}

/// A slow load that began before an invalidation is stored after it, and another node is given it.
#[test]
fn the_lease_is_missed_by_a_load_that_an_invalidation_overtakes() {
    is_missed("lease", Broken::Shared, CALM, |stage| {
        let [loader, writer, reader] = stage.cast();
        let calls = loader.answered();
        loader.begin_load(ROW);
        writer.write_for_all(ROW, Means::Keys);
        loader.go_on();
        loader.until_answered(calls + 1);
        reader.read(ROW);
    });
}

/// The news of an invalidation overtake the answer with the old value, which then stays in memory.
#[test]
fn the_stamps_are_missed_by_an_answer_that_the_news_overtake() {
    is_missed("stamps", Broken::Memory, BOUNDED, |stage| {
        let [reader, writer, loader] = stage.cast();
        let calls = reader.answered();
        loader.read(ROW);
        let link = stage.link(reader);
        link.set(Mode::HoldAnswers);
        reader.call(ROW);
        eventually("the answer with the old value is held up", || link.holds_an_answer() || reader.answered() > calls);
        link.await_news(":lasting:");
        writer.write_for_all(ROW, Means::Keys);
        eventually("the node is told of the invalidation", || link.has_told());
        link.set(Mode::Pass);
        reader.until_answered(calls + 1);
        let_pass(BOUNDED.bound);
        reader.read(ROW);
    });
}

/// A caller that comes after an acknowledged invalidation joins a call whose answer is from before it.
#[test]
fn the_rule_for_joining_is_missed_by_a_caller_who_comes_after_an_invalidation() {
    is_missed("join", Broken::Shared, CALM, |stage| {
        let [reader, writer, loader] = stage.cast();
        let calls = reader.answered();
        loader.read(ROW);
        let link = stage.link(reader);
        // The news too, which would end the flight.
        link.set(Mode::HoldReplies);
        reader.call(ROW);
        eventually("the answer with the old value is held up", || link.holds_an_answer() || reader.answered() > calls);
        writer.write_for_all(ROW, Means::Keys);
        reader.call(ROW);
        link.set(Mode::Pass);
        reader.until_answered(calls + 2);
    });
}

/// A writer dies after its commit and before it invalidates.
#[test]
fn the_fence_is_missed_by_a_writer_that_dies_between_commit_and_invalidation() {
    is_missed("fence", Broken::Fence, CALM, |stage| {
        let [loader, writer, _] = stage.cast();
        loader.read(ROW);
        writer.begin_write(ROW, Means::Strictly);
        stage.kill(1);
        stage.actors[2].read(ROW);
    });
}

/// The connection that brings the news hangs without a sign, and memory goes on to answer.
#[test]
fn the_heartbeat_is_missed_by_a_node_whose_news_hang() {
    is_missed("heartbeat", Broken::Memory, BOUNDED, |stage| {
        let [reader, writer, _] = stage.cast();
        reader.read(ROW);
        stage.link(reader).set(Mode::HoldNews);
        writer.write_for_all(ROW, Means::Keys);
        // A heartbeat without an answer ends the connection after four times as long, and makes up for the rule.
        let_pass(BOUNDED.bound);
        reader.read(ROW);
    });
}

/// The server comes back with a snapshot from before an invalidation.
#[test]
fn the_incarnation_is_missed_by_a_server_that_comes_back_with_a_snapshot() {
    const LIMITS: Limits = Limits { bound: Duration::from_secs(1), deadline: Duration::from_secs(1), ..Limits::SHORT };
    is_missed("incarnation", Broken::Shared, LIMITS, |stage| {
        let [loader, writer, _] = stage.cast();
        loader.read(ROW);
        stage.servers.save(0);
        writer.write_for_all(ROW, Means::Keys);
        let begun = now();
        stage.servers.kill(0);
        stage.servers.restart(0, Data::Snapshot);
        stage.note(Kind::RestartSnapshot, None, begun);
        let [loader, _, reader] = stage.cast();
        until_one_is_given([loader, reader], ROW);
    });
}

/// After an outage a node believes the server before another one has sent what it had to keep.
#[test]
fn the_grace_is_missed_by_a_node_that_is_back_before_another_one() {
    const LIMITS: Limits = Limits {
        bound: Duration::from_millis(800),
        deadline: Duration::from_secs(1),
        grace: Duration::from_millis(2500),
        ..Limits::SHORT
    };
    // Each is read once: memory keeps for a while what was loaded in the outage.
    const ROWS: Range<u64> = 0..8;
    is_missed("grace", Broken::Outage, LIMITS, |stage| {
        let [loader, writer, reader] = stage.cast();
        ROWS.for_each(|row| until_one_is_given([loader, writer], row));
        let calls = reader.answered();
        stage.link(writer).set(Mode::Hold);
        let begun = now();
        stage.servers.freeze(0);
        // So many deadlines make an outage for the reader; the writer waits for one meanwhile.
        (12..15).for_each(|row| reader.call(row));
        ROWS.for_each(|row| assert_eq!(writer.write(row, Means::Keys), Outcome::Queued));
        reader.until_answered(calls + 3);
        stage.servers.resume(0);
        stage.note(Kind::Freeze, None, begun);
        let [_, writer, reader] = stage.cast();
        for row in ROWS {
            if reader.read(row) == Origin::Shared {
                break;
            }
            let_pass(LIMITS.grace / 20);
        }
        stage.link(writer).set(Mode::Pass);
        writer.until_sent();
    });
}
