//! The history test: three processes on one `redis-server` or several, faults, and a checker that judges every read by what
//! was promised.
//!
//! `COHERENCE_SECONDS` and `COHERENCE_SEED` make it longer or repeat it, with the same faults in the same order and the same
//! calls by each node; `scripts/torture` sets them. `COHERENCE_WITHOUT` takes a rule of the protocol out, so that the
//! checker has something to find.

mod chaos;
mod checker;
mod floors;
mod groups;
mod history;
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
    chaos::{ALL, Kind, OVER_TLS, Plan, Records, TO_A_CLUSTER, TO_SENTINELS},
    node::Orders,
    report::Report,
    servers::Topology,
};

/// A run by chance has the machine's processors for itself; scenarios share them.
static ALONE: RwLock<()> = RwLock::new(());

/// How much longer something may take than it should: alone, and beside others. A run that is to last as long as somebody
/// wants is alone.
const SLACK: Duration = Duration::from_secs(1);
const SLACK_OF_MANY: Duration = Duration::from_secs(5);

/// The program of a node: this test's executable, started by the others.
#[test]
fn a_node_when_the_environment_says_so() {
    if let Some(orders) = Orders::of_this_process() {
        orders.carry_out();
    }
}

/// Runs a plan, and fails if a read was not as promised.
fn run(plan: &Plan) -> Records {
    let records = chaos::run(plan);
    let verdict = checker::judge(&records);
    println!("{:?}, {}", plan.topology, Report { seed: Some(plan.seed), records: &records, verdict: &verdict });
    assert!(verdict.violations.is_empty(), "{} reads were not as promised", verdict.violations.len());
    assert!(verdict.reads > 0 && verdict.by_outcome.contains_key("done"), "the nodes worked");
    records
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable)
        .ok()
        .map(|value| value.parse().unwrap_or_else(|_| panic!("{variable} is a number, not `{value}`")))
}

fn seed() -> u64 {
    number("COHERENCE_SEED").unwrap_or_else(|| fastrand::u64(0..1_000_000))
}

#[test]
fn every_read_of_every_node_is_as_was_promised_whatever_happens() {
    let length = Duration::from_secs(number("COHERENCE_SECONDS").unwrap_or(30));
    let without = env::var("COHERENCE_WITHOUT").ok();
    let strict = without.as_deref() == Some("fence");
    let faults = without.as_deref().map_or(ALL, faults_against);
    let topology = Topology::Standalone;
    let _alone = ALONE.write().unwrap_or_else(PoisonError::into_inner);
    run(&Plan { topology, seed: seed(), length, slack: SLACK, first: &[], faults, strict, without });
}

/// The same on other servers, some of which share the machine's processors.
fn run_on(topology: Topology, first: &'static [Kind], faults: &'static [(Kind, u32)]) {
    let wanted = number("COHERENCE_SECONDS");
    let length = Duration::from_secs(wanted.unwrap_or(18));
    let slack = if wanted.is_some() { SLACK } else { SLACK_OF_MANY };
    let without = env::var("COHERENCE_WITHOUT").ok();
    let _shared = ALONE.read().unwrap_or_else(PoisonError::into_inner);
    let records = run(&Plan { topology, seed: seed(), length, slack, first, faults, strict: false, without });
    for kind in first {
        assert!(records.faults.iter().any(|fault| fault.kind == *kind), "{kind:?} was brought about");
    }
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

/// The faults that a rule is there for.
fn faults_against(rule: &str) -> &'static [(Kind, u32)] {
    match rule {
        "join" => &[(Kind::Delay, 1)],
        "heartbeat" => &[(Kind::HoldNews, 1)],
        "incarnation" => &[(Kind::RestartSnapshot, 1)],
        "fence" => &[(Kind::NodeKill, 1)],
        "grace" => &[(Kind::Freeze, 1)],
        _ => &[],
    }
}
