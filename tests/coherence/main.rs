//! The history test: three processes on one `redis-server` or several, faults, and a checker that judges every read by what
//! was promised.
//!
//! One run is by chance. `COHERENCE_SECONDS` and `COHERENCE_SEED` make it longer or repeat it, with the same faults in the
//! same order and the same calls by each node; `scripts/torture` sets them. `COHERENCE_WITHOUT` takes a rule of the protocol
//! out, so that the checker has something to find, and the run is over as soon as it has.
//!
//! Beside it, each rule has a scenario that shows step by step what it prevents.

mod cases;
mod chaos;
mod checker;
mod floors;
mod groups;
mod history;
mod loads;
mod node;
mod proxy;
mod report;
mod scenarios;
mod servers;
mod source;
mod stage;
#[path = "../support/mod.rs"]
mod support;

use std::{
    env,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use self::{
    chaos::{ALL, Kind, Leeway, OVER_TLS, Plan, Records, TO_A_CLUSTER, TO_SENTINELS},
    checker::{Verdict, nanos_to_millis},
    node::Orders,
    report::Report,
    servers::Topology,
    source::ROWS,
};

/// A run by chance has the machine's processors for itself; scenarios share them.
static ALONE: RwLock<()> = RwLock::new(());

/// Of several runs at a time, each lasts so long, and its calls may take so much longer.
const SHORT: Duration = Duration::from_secs(15);
const SLACK: Duration = Duration::from_secs(5);

/// In a minute a run that has the processors for itself reads each entry so often; five times as often as a rule.
const READS_IN_A_MINUTE: u64 = 1000;

/// In so many seconds every kind of fault has its turn.
const ENOUGH_FOR_ALL: u64 = 60;

/// The program of a node: this test's executable, started by the others.
#[test]
fn a_node_when_the_environment_says_so() {
    if let Some(orders) = Orders::of_this_process() {
        orders.carry_out();
    }
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable)
        .ok()
        .map(|value| value.parse().unwrap_or_else(|_| panic!("{variable} is a number, not `{value}`")))
}

#[test]
fn every_read_of_every_node_is_as_was_promised_whatever_happens() {
    let _alone = ALONE.write().unwrap_or_else(PoisonError::into_inner);
    let without = env::var("COHERENCE_WITHOUT").ok();
    run(&Plan {
        topology: Topology::Standalone,
        seed: seed(),
        length: Duration::from_secs(number("COHERENCE_SECONDS").unwrap_or(60)),
        slack: Leeway::NONE.slack,
        first: &[],
        faults: without.as_deref().map_or(ALL, faults_against),
        strict: without.as_deref() == Some("fence"),
        without,
    });
}

/// The same on other servers, each run beside others.
fn run_on(topology: Topology, first: &'static [Kind], faults: &'static [Kind]) {
    let _shared = ALONE.read().unwrap_or_else(PoisonError::into_inner);
    let wanted = number("COHERENCE_SECONDS").map(Duration::from_secs);
    run(&Plan {
        topology,
        seed: seed(),
        length: wanted.unwrap_or(SHORT),
        slack: if wanted.is_some() { Leeway::NONE.slack } else { SLACK },
        first,
        faults,
        strict: false,
        without: env::var("COHERENCE_WITHOUT").ok(),
    });
}

#[test]
fn over_tls_every_read_is_as_was_promised() {
    run_on(Topology::Tls, &[], OVER_TLS);
}

#[test]
fn while_sentinels_change_the_master_every_read_is_as_was_promised() {
    run_on(Topology::Sentinel, &[Kind::Failover], TO_SENTINELS);
}

#[test]
fn while_a_cluster_changes_masters_and_slots_every_read_is_as_was_promised() {
    run_on(Topology::Cluster, &[Kind::Failover, Kind::MoveSlot], TO_A_CLUSTER);
}

fn seed() -> u64 {
    number("COHERENCE_SEED").unwrap_or_else(|| fastrand::u64(0..1_000_000))
}

/// Runs a plan, and judges what it showed.
fn run(plan: &Plan) {
    println!("{:?}, seed {}", plan.topology, plan.seed);
    let records = chaos::run(plan);
    let verdict = checker::judge(&records);
    println!("{:?}, {}", plan.topology, Report { seed: Some(plan.seed), records: &records, verdict: &verdict });
    match (&plan.without, verdict.violations.first()) {
        (None, None) => assert_enough(plan, &records, &verdict),
        (None, Some(_)) => panic!("{} times a promise was broken", verdict.violations.len()),
        (Some(rule), Some(first)) => println!(
            "without {rule}: {:?} was found after {:.1} s and {} reads, seed {}",
            first.kind,
            nanos_to_millis(first.at - records.began) / 1000.0,
            records.reads_before(first.at),
            plan.seed,
        ),
        (Some(rule), None) => panic!("nothing was found without {rule}"),
    }
}

/// Nothing is found where nothing happens.
fn assert_enough(plan: &Plan, records: &Records, verdict: &Verdict) {
    let (seconds, is_alone) = (plan.length.as_secs(), plan.slack < SLACK);
    let Verdict { reads, writes, by_origin, by_outcome, .. } = verdict;
    assert!(*reads > seconds && *writes as u64 > seconds, "the nodes did not do much: {reads} reads, {writes} writes");
    let (least, entries) = verdict.least_read();
    let is_read = least >= seconds * READS_IN_A_MINUTE / 60 && entries as u64 == 2 * ROWS;
    assert!(!is_alone || is_read, "of {entries} entries one was read {least} times only");
    let happened = |kind: &&Kind| records.faults.iter().any(|fault| fault.kind == **kind);
    let expected = if seconds < ENOUGH_FOR_ALL { plan.first } else { plan.faults };
    let missing: Vec<_> = expected.iter().filter(|kind| !happened(kind)).collect();
    assert!(missing.is_empty(), "there was no time for {missing:?}");
    let is_all = by_origin.len() == 4 && by_outcome.len() == 4;
    assert!(seconds < ENOUGH_FOR_ALL || is_all, "not everything happened: {by_origin:?}, {by_outcome:?}");
}

/// The faults that a rule is there for.
fn faults_against(rule: &str) -> &'static [Kind] {
    match rule {
        "join" => &[Kind::Delay, Kind::HoldAnswers],
        "heartbeat" => &[Kind::HoldNews],
        "incarnation" => &[Kind::RestartSnapshot],
        "fence" => &[Kind::NodeKill],
        "grace" => &[Kind::Straggle],
        _ => &[],
    }
}
