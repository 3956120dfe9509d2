//! Three nodes on one server or several, and what happens to them.

use std::{
    fmt,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use fastrand::Rng;
use tempfile::TempDir;

use super::{
    history::{self, Event, Time, now},
    node::{Life, Limits, Node, Orders},
    proxy::{Mode, Proxy},
    servers::{Data, Servers, Topology},
    source,
    support::signal,
};

const NODES: usize = 3;

/// How long faults follow each other, and for how long none does after that.
const STORM: Duration = Duration::from_secs(8);
pub(crate) const CALM: Duration = Duration::from_millis(4500);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The server is killed, and starts empty.
    RestartEmpty,
    /// The server is killed, and starts with what it had a while before.
    RestartSnapshot,
    /// The server hangs.
    Freeze,
    /// The server hangs, goes on for a moment, and hangs again.
    Stutter,
    KillCommands,
    KillNews,
    Pause,
    Evict,
    Full,
    Flush,
    NodeFreeze,
    NodeKill,
    Delay,
    Cut,
    Hold,
    HoldNews,
    /// Answers come late, and news overtake them.
    HoldAnswers,
    SwallowReplies,
    Hole,
    /// A master is killed, and a replica takes its place that has not heard of the last that it was told.
    Failover,
    /// A slot of a Cluster moves.
    MoveSlot,
}

/// One fault, and from when to when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// The one node that it concerns.
    pub(crate) node: Option<usize>,
    pub(crate) begun: Time,
    pub(crate) ended: Time,
}

/// What is to happen, and how often in proportion.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) topology: Topology,
    pub(crate) seed: u64,
    pub(crate) length: Duration,
    pub(crate) slack: Duration,
    /// What happens first, in this order.
    pub(crate) first: &'static [Kind],
    pub(crate) faults: &'static [(Kind, u32)],
    pub(crate) strict: bool,
    pub(crate) without: Option<String>,
}

/// What one process did.
pub(crate) struct History {
    pub(crate) node: usize,
    pub(crate) killed: Option<Time>,
    pub(crate) events: Vec<Event>,
}

/// All that is known of a run.
pub(crate) struct Records {
    pub(crate) limits: Limits,
    pub(crate) without: Option<String>,
    /// Whether one server may have taken another one's place, at any time.
    pub(crate) several: bool,
    /// For how long something may take that has the machine's processors to wait for.
    pub(crate) slack: Duration,
    pub(crate) began: Time,
    pub(crate) ended: Time,
    pub(crate) histories: Vec<History>,
    pub(crate) faults: Vec<Fault>,
}

/// Everything.
pub(crate) const ALL: &[(Kind, u32)] = &[
    (Kind::RestartEmpty, 2),
    (Kind::RestartSnapshot, 4),
    (Kind::Freeze, 5),
    (Kind::Stutter, 3),
    (Kind::KillCommands, 2),
    (Kind::KillNews, 2),
    (Kind::Pause, 3),
    (Kind::Evict, 2),
    (Kind::Full, 2),
    (Kind::Flush, 2),
    (Kind::NodeFreeze, 3),
    (Kind::NodeKill, 4),
    (Kind::Delay, 3),
    (Kind::Cut, 3),
    (Kind::Hold, 3),
    (Kind::HoldNews, 3),
    (Kind::HoldAnswers, 3),
    (Kind::SwallowReplies, 2),
    (Kind::Hole, 2),
];

/// The same where bytes cannot be told apart.
pub(crate) const OVER_TLS: &[(Kind, u32)] = &[
    (Kind::RestartEmpty, 2),
    (Kind::RestartSnapshot, 4),
    (Kind::Freeze, 5),
    (Kind::Stutter, 3),
    (Kind::KillCommands, 2),
    (Kind::KillNews, 2),
    (Kind::Pause, 3),
    (Kind::NodeFreeze, 3),
    (Kind::NodeKill, 4),
    (Kind::Delay, 3),
    (Kind::Cut, 3),
    (Kind::Hold, 3),
    (Kind::SwallowReplies, 2),
    (Kind::Hole, 2),
];

/// What can happen to several servers and their nodes.
pub(crate) const TO_SENTINELS: &[(Kind, u32)] = &[
    (Kind::Failover, 3),
    (Kind::Freeze, 4),
    (Kind::KillCommands, 2),
    (Kind::KillNews, 2),
    (Kind::Pause, 2),
    (Kind::Evict, 1),
    (Kind::Full, 1),
    (Kind::Flush, 2),
    (Kind::NodeFreeze, 2),
    (Kind::NodeKill, 2),
];

/// The same for a Cluster.
pub(crate) const TO_A_CLUSTER: &[(Kind, u32)] = &[
    (Kind::Failover, 3),
    (Kind::MoveSlot, 5),
    (Kind::Freeze, 4),
    (Kind::KillCommands, 2),
    (Kind::KillNews, 2),
    (Kind::Pause, 2),
    (Kind::Evict, 1),
    (Kind::Full, 1),
    (Kind::Flush, 2),
    (Kind::NodeFreeze, 2),
    (Kind::NodeKill, 2),
];

/// Calls at a time on each node: several servers have less of the machine left for them.
const READERS: u64 = 16;
const READERS_OF_SEVERAL: u64 = 5;

impl Fault {
    /// Whether the server forgets what it was told.
    pub(crate) fn loses_data(&self) -> bool {
        matches!(self.kind, Kind::RestartEmpty | Kind::RestartSnapshot | Kind::Evict | Kind::Flush)
    }

    /// Whether no node gets an answer.
    pub(crate) fn stops_everything(&self) -> bool {
        matches!(self.kind, Kind::RestartEmpty | Kind::RestartSnapshot | Kind::Freeze | Kind::Pause)
    }

    pub(crate) fn concerns(&self, node: usize) -> bool {
        self.node.is_none_or(|only| only == node)
    }

    pub(crate) fn overlaps(&self, begun: Time, ended: Time) -> bool {
        self.begun <= ended && begun <= self.ended
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, node, .. } = self;
        match node {
            Some(node) => write!(f, "{kind:?} of node {node}"),
            None => write!(f, "{kind:?}"),
        }
    }
}

/// A running node, and which process of all it is.
struct Member {
    node: Node,
    process: usize,
}

struct Cluster<'a> {
    plan: &'a Plan,
    rng: Rng,
    servers: Box<dyn Servers>,
    members: Vec<Member>,
    directory: TempDir,
    /// The node of each process, and when it was killed.
    processes: Vec<(usize, Option<Time>)>,
    faults: Vec<Fault>,
}

/// Runs the plan.
pub(crate) fn run(plan: &Plan) -> Records {
    let began = now();
    let mut cluster = Cluster::start(plan);
    let start = Instant::now();
    cluster.pause(500..1000);
    for kind in plan.first {
        cluster.bring_about(*kind);
        cluster.pause(20..700);
    }
    if !plan.faults.is_empty() {
        let end = start + plan.length.saturating_sub(CALM);
        while Instant::now() < end {
            cluster.storm(end.min(Instant::now() + STORM));
            sleep(CALM.min(plan.length / 2));
        }
    }
    sleep((start + plan.length).saturating_duration_since(Instant::now()));
    cluster.stop(began)
}

impl<'a> Cluster<'a> {
    fn start(plan: &'a Plan) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        source::create(&directory.path().join("source.db"));
        let servers = plan.topology.start(NODES);
        let rng = Rng::with_seed(plan.seed);
        let (members, processes, faults) = (Vec::new(), Vec::new(), Vec::new());
        let mut cluster = Self { plan, rng, servers, members, directory, processes, faults };
        for node in 0..NODES {
            let member = cluster.start_node(node);
            cluster.members.push(member);
        }
        cluster
    }

    fn start_node(&mut self, node: usize) -> Member {
        let process = self.processes.len();
        self.processes.push((node, None));
        let readers = if self.servers.are_several() { READERS_OF_SEVERAL } else { READERS };
        let orders = Orders {
            redis: self.servers.url(node),
            certificate: self.servers.certificate(),
            database: self.directory.path().join("source.db"),
            log: self.log(process),
            limits: Limits::SHORT,
            without: self.plan.without.clone(),
            life: Life::Random { seed: self.rng.u64(..), strict: self.plan.strict, readers },
        };
        Member { node: Node::start(&orders), process }
    }

    fn log(&self, process: usize) -> PathBuf {
        self.directory.path().join(format!("{process}.history"))
    }

    fn stop(mut self, began: Time) -> Records {
        for member in &mut self.members {
            member.node.stop();
        }
        let ended = now();
        let processes = self.processes.iter().enumerate();
        let histories = processes
            .map(|(process, (node, killed))| History {
                node: *node,
                killed: *killed,
                events: history::read(&self.log(process)),
            })
            .collect();
        let (limits, without) = (Limits::SHORT, self.plan.without.clone());
        let several = self.servers.are_several();
        Records { limits, without, several, slack: self.plan.slack, began, ended, histories, faults: self.faults }
    }

    fn storm(&mut self, end: Instant) {
        while Instant::now() < end {
            let kind = self.pick();
            self.bring_about(kind);
            self.pause(20..700);
        }
    }

    fn pick(&mut self) -> Kind {
        let faults = self.plan.faults;
        let mut at = self.rng.u32(0..faults.iter().map(|(_, weight)| weight).sum());
        for (kind, weight) in faults {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return *kind,
            }
        }
        faults[0].0
    }

    /// For how long a fault lasts.
    fn pause(&mut self, millis: std::ops::Range<u64>) {
        sleep(Duration::from_millis(self.rng.u64(millis)));
    }

    fn bring_about(&mut self, kind: Kind) {
        match kind {
            Kind::RestartEmpty => self.noting(kind, None, |it| {
                let process = it.any_process();
                it.servers.kill(process);
                it.pause(0..1000);
                it.servers.restart(process, Data::Nothing);
            }),
            Kind::RestartSnapshot => {
                let process = self.any_process();
                self.servers.save(process);
                self.pause(50..400);
                self.noting(kind, None, |it| {
                    it.servers.kill(process);
                    it.pause(0..700);
                    it.servers.restart(process, Data::Snapshot);
                });
            }
            Kind::Freeze => self.freeze(100..1500),
            Kind::Stutter => {
                self.freeze(500..900);
                self.pause(50..450);
                self.freeze(410..560);
            }
            Kind::KillCommands => self.tell(kind, &["CLIENT", "KILL", "TYPE", "normal"]),
            Kind::KillNews => self.tell(kind, &["CLIENT", "KILL", "TYPE", "pubsub"]),
            Kind::Flush => self.tell(kind, &["FLUSHALL"]),
            Kind::Pause => self.noting(kind, None, |it| {
                let millis = it.rng.u64(50..1200);
                it.servers.tell(&["CLIENT", "PAUSE", &millis.to_string(), "ALL"]);
                sleep(Duration::from_millis(millis));
            }),
            Kind::Evict => self.short_of_memory(kind, "allkeys-lru"),
            Kind::Full => self.short_of_memory(kind, "noeviction"),
            Kind::NodeFreeze => self.with_node(kind, |it, node| {
                let process = it.members[node].node.id();
                signal(process, "STOP");
                it.pause(200..1600);
                signal(process, "CONT");
            }),
            Kind::NodeKill => self.with_node(kind, |it, node| {
                let Member { node: running, process } = &mut it.members[node];
                running.kill();
                it.processes[*process].1 = Some(now());
                it.pause(0..400);
                it.members[node] = it.start_node(node);
            }),
            Kind::Delay => {
                let delay = Duration::from_millis(self.rng.u64(5..120));
                self.disturb(kind, Mode::Delay(delay));
            }
            Kind::Cut => self.disturb(kind, Mode::Cut),
            Kind::Hold => self.disturb(kind, Mode::Hold),
            Kind::HoldNews => self.disturb(kind, Mode::HoldNews),
            Kind::HoldAnswers => self.disturb(kind, Mode::HoldAnswers),
            Kind::SwallowReplies => self.disturb(kind, Mode::SwallowReplies),
            Kind::Hole => self.disturb(kind, Mode::Hole),
            Kind::Failover => self.noting(kind, None, |it| {
                let (pick, unheard) =
                    (it.rng.usize(0..it.servers.processes()), Duration::from_millis(it.rng.u64(0..400)));
                it.servers.fail_over(pick, unheard);
            }),
            Kind::MoveSlot => self.noting(kind, None, |it| {
                let pick = it.rng.usize(0..it.servers.processes());
                it.servers.move_slot(pick);
            }),
        }
    }

    fn noting(&mut self, kind: Kind, node: Option<usize>, fault: impl FnOnce(&mut Self)) {
        let begun = now();
        fault(self);
        self.servers.come_to_rest();
        self.faults.push(Fault { kind, node, begun, ended: now() });
    }

    fn any_process(&mut self) -> usize {
        self.rng.usize(0..self.servers.processes())
    }

    fn set_links(&self, node: usize, mode: Mode) {
        self.servers.links(node).iter().for_each(|link: &Proxy| link.set(mode));
    }

    fn with_node(&mut self, kind: Kind, fault: impl FnOnce(&mut Self, usize)) {
        let node = self.rng.usize(0..NODES);
        self.noting(kind, Some(node), |it| fault(it, node));
    }

    fn tell(&mut self, kind: Kind, command: &[&str]) {
        self.noting(kind, None, |it| it.servers.tell(command));
    }

    fn freeze(&mut self, millis: std::ops::Range<u64>) {
        self.noting(Kind::Freeze, None, |it| {
            let process = it.any_process();
            it.servers.freeze(process);
            it.pause(millis);
            it.servers.resume(process);
        });
    }

    fn short_of_memory(&mut self, kind: Kind, policy: &str) {
        self.noting(kind, None, |it| {
            it.servers.tell(&["CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", "1mb"]);
            it.pause(200..1500);
            it.servers.tell(&["CONFIG", "SET", "maxmemory", "0"]);
        });
    }

    /// Something happens between a node and the server, and now and then something to the server meanwhile.
    fn disturb(&mut self, kind: Kind, mode: Mode) {
        self.with_node(kind, |it, node| {
            it.set_links(node, mode);
            it.pause(if mode == Mode::HoldAnswers { 10..180 } else { 100..1300 });
            if it.rng.u8(0..4) == 0 {
                let other = it.pick();
                let of_server = [Kind::RestartSnapshot, Kind::Freeze, Kind::KillCommands, Kind::KillNews, Kind::Flush];
                if of_server.contains(&other) {
                    it.bring_about(other);
                }
            }
            it.set_links(node, Mode::Pass);
        });
    }
}
