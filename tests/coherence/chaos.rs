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
    checker::{self, nanos},
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
pub(crate) const CALM: Duration = Duration::from_secs(6);

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
    /// The server hangs, and a node does not reach it for a while after that.
    Straggle,
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

/// What is to happen.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) topology: Topology,
    pub(crate) seed: u64,
    pub(crate) length: Duration,
    pub(crate) slack: Duration,
    /// What happens before that, in this order.
    pub(crate) first: &'static [Kind],
    /// One after the other in an order that chance decides, and then again.
    pub(crate) faults: &'static [Kind],
    pub(crate) strict: bool,
    /// The rule that is taken out. The run is over then as soon as something is found, and nothing is calm.
    pub(crate) without: Option<String>,
}

/// What one process did.
pub(crate) struct History {
    pub(crate) node: usize,
    pub(crate) killed: Option<Time>,
    pub(crate) events: Vec<Event>,
}

/// What a run must be given that is not the nodes' to answer for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leeway {
    /// Whether one server may have taken another one's place, at any time.
    pub(crate) several: bool,
    /// How much longer something may take than it should, because of what else the machine has to do.
    pub(crate) slack: Duration,
}

/// All that is known of a run.
pub(crate) struct Records {
    pub(crate) limits: Limits,
    pub(crate) without: Option<String>,
    pub(crate) leeway: Leeway,
    pub(crate) began: Time,
    pub(crate) ended: Time,
    pub(crate) histories: Vec<History>,
    pub(crate) faults: Vec<Fault>,
}

/// Everything.
pub(crate) const ALL: &[Kind] = &[
    Kind::RestartEmpty,
    Kind::RestartSnapshot,
    Kind::Freeze,
    Kind::Stutter,
    Kind::Straggle,
    Kind::KillCommands,
    Kind::KillNews,
    Kind::Pause,
    Kind::Evict,
    Kind::Full,
    Kind::Flush,
    Kind::NodeFreeze,
    Kind::NodeKill,
    Kind::Delay,
    Kind::Cut,
    Kind::Hold,
    Kind::HoldNews,
    Kind::HoldAnswers,
    Kind::SwallowReplies,
    Kind::Hole,
];

/// The same where bytes cannot be told apart.
pub(crate) const OVER_TLS: &[Kind] = &[
    Kind::RestartEmpty,
    Kind::RestartSnapshot,
    Kind::Freeze,
    Kind::Stutter,
    Kind::KillCommands,
    Kind::KillNews,
    Kind::Pause,
    Kind::NodeFreeze,
    Kind::NodeKill,
    Kind::Delay,
    Kind::Cut,
    Kind::Hold,
    Kind::SwallowReplies,
    Kind::Hole,
];

/// What can happen to several servers and their nodes.
pub(crate) const TO_SENTINELS: &[Kind] = &[
    Kind::Failover,
    Kind::Freeze,
    Kind::KillCommands,
    Kind::KillNews,
    Kind::Pause,
    Kind::Evict,
    Kind::Full,
    Kind::Flush,
    Kind::NodeFreeze,
    Kind::NodeKill,
];

/// The same for a Cluster.
pub(crate) const TO_A_CLUSTER: &[Kind] = &[
    Kind::Failover,
    Kind::MoveSlot,
    Kind::Freeze,
    Kind::KillCommands,
    Kind::KillNews,
    Kind::Pause,
    Kind::Evict,
    Kind::Full,
    Kind::Flush,
    Kind::NodeFreeze,
    Kind::NodeKill,
];

/// Calls at a time on each node: several servers have less of the machine left for them.
const READERS: u64 = 16;
const READERS_OF_SEVERAL: u64 = 5;

/// What may happen to the server while a link is disturbed.
const OF_SERVER: [Kind; 5] = [Kind::RestartSnapshot, Kind::Freeze, Kind::KillCommands, Kind::KillNews, Kind::Flush];

impl Leeway {
    /// One server, and a machine that has time.
    pub(crate) const NONE: Self = Self { several: false, slack: Duration::from_secs(1) };

    /// Whether nothing happens when nothing is brought about.
    pub(crate) fn is_quiet_at_times(&self) -> bool {
        !self.several && self.slack <= Self::NONE.slack
    }
}

impl Records {
    /// How many calls were answered by then.
    pub(crate) fn reads_before(&self, time: Time) -> usize {
        let events = self.histories.iter().flat_map(|history| &history.events);
        events.filter(|event| matches!(event, Event::Read { ended, .. } if *ended <= time)).count()
    }
}

impl Fault {
    /// Whether the server forgets what it was told.
    pub(crate) fn loses_data(&self) -> bool {
        matches!(self.kind, Kind::RestartEmpty | Kind::RestartSnapshot | Kind::Evict | Kind::Flush)
    }

    /// Whether no node gets an answer.
    pub(crate) fn stops_everything(&self) -> bool {
        matches!(
            self.kind,
            Kind::RestartEmpty | Kind::RestartSnapshot | Kind::Freeze | Kind::Stutter | Kind::Straggle | Kind::Pause
        )
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
    /// What is to come.
    deck: Vec<Kind>,
}

/// Runs the plan.
pub(crate) fn run(plan: &Plan) -> Records {
    let began = now();
    let mut cluster = Cluster::start(plan);
    cluster.pause(500..1000);
    for kind in plan.first {
        cluster.bring_about(*kind);
        cluster.pause(20..700);
    }
    let start = Instant::now();
    let mut next_look = Duration::ZERO;
    while start.elapsed() < plan.length {
        if plan.faults.is_empty() || cluster.is_calm(start.elapsed()) {
            sleep(Duration::from_millis(100));
        } else {
            let kind = cluster.draw();
            cluster.bring_about(kind);
            cluster.pause(20..700);
        }
        if plan.without.is_some() && start.elapsed() > next_look {
            let looking = Instant::now();
            if !checker::judge(&cluster.records(began)).violations.is_empty() {
                break;
            }
            next_look = start.elapsed() + looking.elapsed() * 4 + Duration::from_millis(500);
        }
    }
    cluster.stop();
    cluster.records(began)
}

impl<'a> Cluster<'a> {
    fn start(plan: &'a Plan) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        source::create(&directory.path().join("source.db"));
        let servers = plan.topology.start(NODES);
        let rng = Rng::with_seed(plan.seed);
        let (members, processes, faults, deck) = Default::default();
        let mut cluster = Self { plan, rng, servers, members, directory, processes, faults, deck };
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
            roots: self.servers.roots(),
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

    fn stop(&mut self) {
        for member in &mut self.members {
            member.node.stop();
        }
    }

    /// What has happened so far.
    fn records(&self, began: Time) -> Records {
        let processes = self.processes.iter().enumerate();
        let histories = processes
            .map(|(process, (node, killed))| History {
                node: *node,
                killed: *killed,
                events: history::read(&self.log(process)),
            })
            .collect();
        let (limits, without) = (Limits::SHORT, self.plan.without.clone());
        let leeway = Leeway { several: self.servers.are_several(), slack: self.plan.slack };
        Records { limits, without, leeway, began, ended: now(), histories, faults: self.faults.clone() }
    }

    fn is_calm(&self, elapsed: Duration) -> bool {
        let in_turn = Duration::from_nanos(nanos(elapsed) % nanos(STORM + CALM));
        self.plan.without.is_none() && (in_turn > STORM || elapsed + CALM > self.plan.length)
    }

    fn draw(&mut self) -> Kind {
        if self.deck.is_empty() {
            self.deck.extend(self.plan.faults);
            self.rng.shuffle(&mut self.deck);
        }
        self.deck.pop().expect("it was filled")
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
            Kind::Freeze => self.freeze(kind, 100..1500),
            Kind::Stutter => {
                self.freeze(kind, 500..900);
                self.pause(50..450);
                self.freeze(kind, 410..560);
            }
            Kind::Straggle => self.with_node(Kind::Hold, |it, node| {
                it.set_links(node, Mode::Hold);
                it.freeze(kind, 500..900);
                it.pause(50..300);
                it.set_links(node, Mode::Pass);
            }),
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
        let number = self.faults.len();
        self.faults.push(Fault { kind, node, begun: now(), ended: Time::MAX });
        fault(self);
        self.servers.come_to_rest();
        self.faults[number].ended = now();
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

    fn freeze(&mut self, kind: Kind, millis: std::ops::Range<u64>) {
        self.noting(kind, None, |it| {
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
            if it.rng.u8(0..8) == 0 {
                let other = OF_SERVER[it.rng.usize(0..OF_SERVER.len())];
                if it.plan.faults.contains(&other) {
                    it.bring_about(other);
                }
            }
            it.set_links(node, Mode::Pass);
        });
    }
}
