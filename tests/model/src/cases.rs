//! The cases: naive protocols, each the real one without a rule, and the real one under faults.

use crate::{
    judge::Promise,
    rules::{Bounds, Budget, Protocol, Rule, Rules, Target},
};

/// A protocol in a world, and what is expected of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    /// What is searched.
    pub protocol: Protocol,
    /// Whether a promise is to break.
    pub fails: bool,
}

/// Nothing happens.
const NOTHING: Budget = Budget {
    calls: 0,
    writes: 0,
    ticks: 0,
    timeouts: 0,
    expiries: 0,
    evictions: 0,
    breaks: 0,
    crashes: 0,
    outages: 0,
    restarts: 0,
};

/// Two nodes that call twice each and write twice together, an entry; nothing goes wrong.
const PLAIN: Budget = Budget { calls: 2, writes: 2, ..NOTHING };

const TWO_NODES: Bounds = Bounds {
    callers: &[0, 1],
    writers: &[0, 1],
    target: Target::Entry,
    memory: false,
    stale: false,
    delta: 1,
    budget: PLAIN,
};

/// The same with memory.
const MEMORY: Bounds = Bounds { memory: true, ..TWO_NODES };

/// The same with a tag.
const TAG: Bounds = Bounds { target: Target::Tag, ..TWO_NODES };

/// Two callers on one node, and another node.
const FLIGHTS: Bounds = Bounds { callers: &[0, 0, 1], ..TWO_NODES };

/// One node calls, the other writes.
const CALLS_AND_WRITES: Bounds = Bounds { callers: &[0], writers: &[1], ..MEMORY };

/// The same, and the clock runs.
const TIMED: Bounds = Bounds { delta: 2, ..CALLS_AND_WRITES };

/// All rules but that of the fences: invalidation in one phase, after the commit.
const ONE_PHASE: Rules = Rules::ALL.without(Rule::Fence);

/// What holds beside [`Promise::ALWAYS`] where a load is to be the only one.
const AND_ONE_LOAD: &[Promise] = &[Promise::Visible, Promise::Answer, Promise::OneLoad];

/// The same where nobody has a reason to load without a lease.
const AND_NO_OTHER: &[Promise] = &[Promise::Visible, Promise::Answer, Promise::OneLoad, Promise::NoLoadBeside];

/// What holds beside [`Promise::ALWAYS`] where a writer may die.
const AND_DEAD_WRITERS: &[Promise] = &[
    Promise::Visible,
    Promise::Answer,
    Promise::OwnNode,
    Promise::Delta,
    Promise::CaughtUp,
    Promise::OneLoad,
    Promise::DeadWriter,
];

impl Bounds {
    const fn with(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }
}

impl Case {
    /// Every case.
    pub fn all() -> Vec<Self> {
        [naive(), beyond(), flights(), memory(), fences()].into_iter().flatten().collect()
    }

    /// The case of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|case| case.name == name)
    }

    fn holds(name: &'static str, rules: Rules, bounds: Bounds) -> Self {
        Self { name, protocol: Protocol { rules, bounds, mirrored: true, promises: Promise::ALWAYS }, fails: false }
    }

    fn promising(mut self, promises: &'static [Promise]) -> Self {
        self.protocol.promises = promises;
        self
    }

    fn breaks(name: &'static str, rules: Rules, promise: &'static [Promise], bounds: Bounds) -> Self {
        Self { name, protocol: Protocol { rules, bounds, mirrored: false, promises: promise }, fails: true }
    }
}

/// Protocols without one rule, each in the smallest world that shows it.
fn naive() -> Vec<Case> {
    use Promise::{Answer, CaughtUp, DeadWriter, Delta, OwnNode, Visible};
    let flights = Bounds { writers: &[1], ..FLIGHTS.with(Budget { calls: 1, writes: 1, ..NOTHING }) };
    let timed = TIMED.with(Budget { calls: 3, ticks: 4, breaks: 1, ..PLAIN });
    let cut = MEMORY.with(Budget { breaks: 1, ..PLAIN });
    let dying = Budget { crashes: 1, ..PLAIN };
    let outage = Budget { outages: 1, ..PLAIN };
    let without = |rule| ONE_PHASE.without(rule);
    vec![
        Case::breaks("cache-aside", without(Rule::Lease), &[Visible], TWO_NODES),
        Case::breaks("set-nx-del", without(Rule::FillByToken), &[Visible], TWO_NODES),
        Case::breaks(
            "reused-token",
            without(Rule::ServerTokens),
            &[Visible],
            TWO_NODES.with(Budget { timeouts: 1, ..PLAIN }),
        ),
        Case::breaks("join-any-time", without(Rule::JoinBeforeConfirmed), &[Answer], flights),
        Case::breaks(
            "join-in-outage",
            without(Rule::JoinBeforeLoad),
            &[Answer],
            flights.with(Budget { timeouts: 1, ..flights.budget }),
        ),
        Case::breaks("plain-pubsub", without(Rule::Stamps), &[CaughtUp], MEMORY),
        Case::breaks("no-flush", without(Rule::Flush), &[CaughtUp], cut),
        Case::breaks("flush-before-subscribing", without(Rule::SubscribeFirst), &[CaughtUp], cut),
        Case::breaks("trust-while-up", without(Rule::Heartbeat), &[Delta], timed),
        Case::breaks("trust-inclusive", without(Rule::Strictly), &[Delta], timed),
        Case::breaks("no-second-drop", without(Rule::DropAgain), &[OwnNode], MEMORY),
        Case::breaks(
            "asking-with-a-queue",
            without(Rule::QueueFirst),
            &[Answer],
            TWO_NODES.with(Budget { timeouts: 1, ..PLAIN }),
        ),
        Case::breaks(
            "no-incarnation",
            without(Rule::Incarnation),
            &[Visible],
            TWO_NODES.with(Budget { restarts: 1, ..PLAIN }),
        ),
        Case::breaks(
            "old-lease-fills",
            without(Rule::FillIncarnation),
            &[Answer],
            flights.with(Budget { restarts: 1, ..flights.budget }),
        ),
        Case::breaks("no-grace", without(Rule::Grace), &[Answer], TWO_NODES.with(outage)),
        Case::breaks("trust-after-lapse", without(Rule::DropAfterLapse), &[Answer], MEMORY.with(outage)),
        Case::breaks("one-phase", ONE_PHASE, &[DeadWriter], TWO_NODES.with(dying)),
        Case::breaks("one-writers-fence", Rules::ALL.without(Rule::FenceOfAll), &[DeadWriter], TWO_NODES.with(dying)),
        Case::breaks("silent-fence", Rules::ALL.without(Rule::FenceTells), &[DeadWriter], MEMORY.with(dying)),
        Case::breaks("tag-counter", without(Rule::TagNonce), &[Visible], TAG.with(Budget { evictions: 1, ..PLAIN })),
        Case::breaks("tag-after-load", without(Rule::TagBeforeLoad), &[Visible], TAG),
        Case::breaks("join-over-tag", without(Rule::FillByTag), &[Answer], Bounds { target: Target::Tag, ..flights }),
    ]
}

/// What the whole protocol does not survive: two faults at once.
fn beyond() -> Vec<Case> {
    let two_faults = Budget { crashes: 1, restarts: 1, ..PLAIN };
    let lost_queue = Budget { crashes: 1, timeouts: 1, ..PLAIN };
    vec![
        Case::breaks("restart-drops-fence", Rules::ALL, &[Promise::DeadWriter], TWO_NODES.with(two_faults)),
        Case::breaks("crash-drops-queue", ONE_PHASE, &[Promise::DeadWriter], TWO_NODES.with(lost_queue)),
    ]
}

/// Leases, flights, tags and refreshes, with no memory that could be outdated.
fn flights() -> Vec<Case> {
    let one_late = Budget { timeouts: 1, expiries: 1, ..PLAIN };
    let restart = Budget { writes: 1, restarts: 1, ..one_late };
    let stale = |bounds| Bounds { stale: true, ..bounds };
    vec![
        Case::holds("one-load", ONE_PHASE, FLIGHTS.with(Budget { calls: 1, ..PLAIN })).promising(AND_NO_OTHER),
        Case::holds("one-load-twice", ONE_PHASE, FLIGHTS.with(Budget { writes: 1, ..PLAIN })).promising(AND_NO_OTHER),
        Case::holds("late", ONE_PHASE, TWO_NODES.with(Budget { timeouts: 2, ..one_late })),
        Case::holds("crash", ONE_PHASE, TWO_NODES.with(Budget { crashes: 1, ..one_late })).promising(AND_ONE_LOAD),
        Case::holds("join", ONE_PHASE, FLIGHTS.with(Budget { calls: 1, writes: 1, ..one_late })),
        Case::holds(
            "join-tag",
            ONE_PHASE,
            Bounds { target: Target::Tag, ..FLIGHTS.with(Budget { calls: 1, writes: 1, evictions: 1, ..NOTHING }) },
        ),
        Case::holds("join-restart", ONE_PHASE, FLIGHTS.with(Budget { calls: 1, writes: 1, restarts: 1, ..NOTHING })),
        Case::holds("restart", ONE_PHASE, TWO_NODES.with(restart)),
        Case::holds("restart-tag", ONE_PHASE, TAG.with(restart)),
        Case::holds("outage", ONE_PHASE, TWO_NODES.with(Budget { outages: 1, ..PLAIN })),
        Case::holds("outage-join", ONE_PHASE, FLIGHTS.with(Budget { calls: 1, writes: 1, outages: 1, ..NOTHING })),
        Case::holds("stale", ONE_PHASE, stale(TWO_NODES.with(one_late))).promising(AND_ONE_LOAD),
        Case::holds("tag", ONE_PHASE, TAG.with(Budget { timeouts: 1, evictions: 1, ..PLAIN })),
        Case::holds("tag-stale", ONE_PHASE, stale(TAG.with(Budget { evictions: 1, ..PLAIN }))),
    ]
}

/// Memory beside Redis.
fn memory() -> Vec<Case> {
    let one_write = Budget { writes: 1, ..PLAIN };
    let cut = Budget { breaks: 1, ..one_write };
    vec![
        Case::holds("memory", ONE_PHASE, MEMORY.with(Budget { timeouts: 1, ..cut })),
        Case::holds("memory-two-writes", ONE_PHASE, MEMORY.with(Budget { writes: 2, ..cut })),
        Case::holds("memory-crash", ONE_PHASE, MEMORY.with(Budget { crashes: 1, ..cut })),
        Case::holds("memory-restart", ONE_PHASE, MEMORY.with(Budget { restarts: 1, ..one_write })),
        Case::holds("memory-outage", ONE_PHASE, CALLS_AND_WRITES.with(Budget { calls: 3, outages: 1, ..PLAIN })),
        Case::holds("memory-stale", ONE_PHASE, Bounds { stale: true, ..MEMORY.with(cut) }),
        Case::holds("memory-tag", ONE_PHASE, Bounds { target: Target::Tag, ..MEMORY.with(cut) }),
        Case::holds("trust", ONE_PHASE, TIMED.with(Budget { ticks: 3, ..cut })),
        Case::holds("trust-late", ONE_PHASE, TIMED.with(Budget { ticks: 3, timeouts: 1, ..one_write })),
        Case::holds("trust-both", ONE_PHASE, MEMORY.with(Budget { calls: 1, ticks: 3, ..one_write })),
    ]
}

/// Writers that fence, two at once.
fn fences() -> Vec<Case> {
    let dying = Budget { crashes: 1, ..PLAIN };
    let late = Budget { calls: 1, timeouts: 2, expiries: 1, ..PLAIN };
    let tag_memory = Bounds { memory: true, ..TAG.with(Budget { calls: 1, ..dying }) };
    vec![
        Case::holds("fence", Rules::ALL, TWO_NODES.with(Budget { calls: 3, ..dying })).promising(AND_DEAD_WRITERS),
        Case::holds("fence-tag", Rules::ALL, TAG.with(dying)).promising(AND_DEAD_WRITERS),
        Case::holds("fence-memory", Rules::ALL, MEMORY.with(Budget { calls: 1, ..dying })).promising(AND_DEAD_WRITERS),
        Case::holds("fence-tag-memory", Rules::ALL, tag_memory).promising(AND_DEAD_WRITERS),
        Case::holds("fence-late", Rules::ALL, TWO_NODES.with(late)),
        Case::holds("fence-restart", Rules::ALL, TWO_NODES.with(Budget { restarts: 1, ..PLAIN })),
    ]
}
