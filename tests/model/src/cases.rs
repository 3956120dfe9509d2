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

/// Two callers on two nodes that both write an entry; nothing goes wrong.
const PLAIN: Bounds = Bounds {
    callers: &[0, 1],
    writers: &[0, 1],
    target: Target::Entry,
    memory: false,
    stale: false,
    delta: 1,
    budget: Budget {
        calls: 2,
        writes: 2,
        ticks: 0,
        timeouts: 0,
        expiries: 0,
        evictions: 0,
        breaks: 0,
        crashes: 0,
        restarts: 0,
    },
};

/// The same with memory.
const MEMORY: Bounds = Bounds { memory: true, ..PLAIN };

/// One node calls, the other writes, and the clock runs.
const TIMED: Bounds = Bounds {
    callers: &[0],
    writers: &[1],
    memory: true,
    delta: 2,
    budget: Budget { calls: 3, writes: 2, ticks: 4, breaks: 1, ..PLAIN.budget },
    ..PLAIN
};

/// One phase: invalidation after the commit.
const ONE_PHASE: Rules = Rules::ALL.without(Rule::Fence);

impl Case {
    fn holds(name: &'static str, rules: Rules, bounds: Bounds) -> Self {
        Self { name, protocol: Protocol { rules, bounds, promises: Promise::ALWAYS }, fails: false }
    }

    fn also(mut self, promises: &'static [Promise]) -> Self {
        self.protocol.promises = promises;
        self
    }

    fn fails(name: &'static str, rules: Rules, bounds: Bounds, promise: &'static [Promise]) -> Self {
        Self { name, protocol: Protocol { rules, bounds, promises: promise }, fails: true }
    }

    /// Every case.
    pub fn all() -> Vec<Self> {
        let mut all = naive();
        all.extend(real());
        all
    }

    /// The case of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|case| case.name == name)
    }
}

fn budget(bounds: Bounds, budget: Budget) -> Bounds {
    Bounds { budget, ..bounds }
}

fn naive() -> Vec<Case> {
    let plain = PLAIN.budget;
    let timed = TIMED.budget;
    let expiring = budget(PLAIN, Budget { expiries: 2, calls: 2, ..plain });
    let late = budget(PLAIN, Budget { timeouts: 1, ..plain });
    let joining =
        Bounds { callers: &[0, 0, 1], writers: &[1], ..budget(PLAIN, Budget { calls: 1, writes: 1, ..plain }) };
    let cut = budget(MEMORY, Budget { breaks: 1, ..plain });
    let tagged = Bounds { target: Target::Tag, ..PLAIN };
    let restarting = budget(PLAIN, Budget { restarts: 1, ..plain });
    let dying = budget(PLAIN, Budget { crashes: 1, ..plain });
    vec![
        Case::fails("cache-aside", ONE_PHASE.without(Rule::Lease), PLAIN, &[Promise::Visible]),
        Case::fails("set-nx-del", ONE_PHASE.without(Rule::FillByToken), expiring, &[Promise::Visible]),
        Case::fails("reused-token", ONE_PHASE.without(Rule::ServerTokens), late, &[Promise::Visible]),
        Case::fails("join-any-time", ONE_PHASE.without(Rule::JoinBeforeConfirmed), joining, &[Promise::Answer]),
        Case::fails(
            "join-in-outage",
            ONE_PHASE.without(Rule::JoinBeforeLoad),
            budget(joining, Budget { timeouts: 1, ..joining.budget }),
            &[Promise::Answer],
        ),
        Case::fails("plain-pubsub", ONE_PHASE.without(Rule::Stamps), MEMORY, &[Promise::CaughtUp]),
        Case::fails("no-flush", ONE_PHASE.without(Rule::Flush), cut, &[Promise::CaughtUp]),
        Case::fails("flush-before-subscribing", ONE_PHASE.without(Rule::SubscribeFirst), cut, &[Promise::CaughtUp]),
        Case::fails("no-second-drop", ONE_PHASE.without(Rule::DropAgain), MEMORY, &[Promise::OwnNode]),
        Case::fails(
            "asking-with-a-queue",
            ONE_PHASE.without(Rule::QueueFirst),
            budget(MEMORY, Budget { timeouts: 1, ..plain }),
            &[Promise::Answer],
        ),
        Case::fails("trust-while-up", ONE_PHASE.without(Rule::Heartbeat), TIMED, &[Promise::Delta]),
        Case::fails("trust-inclusive", ONE_PHASE.without(Rule::Strictly), budget(TIMED, timed), &[Promise::Delta]),
        Case::fails("no-incarnation", ONE_PHASE.without(Rule::Incarnation), restarting, &[Promise::Visible]),
        Case::fails(
            "old-lease-fills",
            ONE_PHASE.without(Rule::FillIncarnation),
            budget(joining, Budget { restarts: 1, ..joining.budget }),
            &[Promise::Answer],
        ),
        Case::fails("one-phase", ONE_PHASE, dying, &[Promise::DeadWriter]),
        Case::fails("one-writers-fence", Rules::ALL.without(Rule::FenceOfAll), dying, &[Promise::DeadWriter]),
        Case::fails(
            "silent-fence",
            Rules::ALL.without(Rule::FenceTells),
            Bounds { memory: true, ..dying },
            &[Promise::DeadWriter],
        ),
        Case::fails(
            "tag-counter",
            ONE_PHASE.without(Rule::TagNonce),
            budget(tagged, Budget { evictions: 1, ..plain }),
            &[Promise::Visible],
        ),
        Case::fails("tag-after-load", ONE_PHASE.without(Rule::TagBeforeLoad), tagged, &[Promise::Visible]),
    ]
}

fn real() -> Vec<Case> {
    let plain = PLAIN.budget;
    let timed = TIMED.budget;
    let tagged = Bounds { target: Target::Tag, ..PLAIN };
    let joining = Bounds { callers: &[0, 0, 1], ..PLAIN };
    vec![
        Case::holds(
            "late",
            ONE_PHASE,
            budget(PLAIN, Budget { calls: 2, writes: 2, timeouts: 2, expiries: 1, ..plain }),
        ),
        Case::holds(
            "crash",
            ONE_PHASE,
            budget(PLAIN, Budget { calls: 2, writes: 2, timeouts: 1, expiries: 1, crashes: 1, ..plain }),
        ),
        Case::holds("one-load", ONE_PHASE, budget(joining, Budget { calls: 2, writes: 2, ..plain })).also(&[
            Promise::OneLoad,
            Promise::NoLoadBeside,
            Promise::Answer,
        ]),
        Case::holds(
            "join",
            ONE_PHASE,
            budget(joining, Budget { calls: 2, writes: 1, timeouts: 1, expiries: 1, ..plain }),
        ),
        Case::holds(
            "memory",
            ONE_PHASE,
            budget(MEMORY, Budget { calls: 2, writes: 1, timeouts: 1, breaks: 1, expiries: 1, ..plain }),
        ),
        Case::holds("memory-two-writes", ONE_PHASE, budget(MEMORY, Budget { calls: 2, writes: 2, breaks: 1, ..plain })),
        Case::holds("trust", ONE_PHASE, TIMED),
        Case::holds(
            "trust-both",
            ONE_PHASE,
            Bounds {
                callers: &[0, 1],
                writers: &[0, 1],
                delta: 1,
                ..budget(TIMED, Budget { calls: 1, writes: 1, ticks: 3, breaks: 1, ..timed })
            },
        ),
        Case::holds(
            "stale",
            ONE_PHASE,
            Bounds { stale: true, ..budget(PLAIN, Budget { timeouts: 1, expiries: 1, ..plain }) },
        ),
        Case::holds(
            "tags",
            ONE_PHASE,
            budget(tagged, Budget { timeouts: 1, expiries: 1, evictions: 1, writes: 2, calls: 2, ..plain }),
        ),
        Case::holds(
            "tags-stale",
            ONE_PHASE,
            Bounds { stale: true, ..budget(tagged, Budget { evictions: 1, ..plain }) },
        ),
        Case::holds(
            "restart",
            ONE_PHASE,
            budget(PLAIN, Budget { restarts: 1, timeouts: 1, expiries: 1, writes: 1, ..plain }),
        ),
        Case::holds("fence", Rules::ALL, budget(PLAIN, Budget { crashes: 1, ..plain })).also(&[
            Promise::Visible,
            Promise::Answer,
            Promise::OneLoad,
            Promise::DeadWriter,
        ]),
        Case::holds(
            "fence-memory",
            Rules::ALL,
            budget(MEMORY, Budget { crashes: 1, writes: 2, calls: 1, breaks: 1, ..plain }),
        )
        .also(&[
            Promise::Visible,
            Promise::Answer,
            Promise::OwnNode,
            Promise::CaughtUp,
            Promise::OneLoad,
            Promise::DeadWriter,
        ]),
        Case::holds(
            "fence-late",
            Rules::ALL,
            budget(PLAIN, Budget { timeouts: 2, expiries: 1, writes: 2, calls: 1, ..plain }),
        ),
        Case::holds("fence-tags", Rules::ALL, budget(tagged, Budget { crashes: 1, writes: 2, calls: 2, ..plain }))
            .also(&[Promise::Visible, Promise::Answer, Promise::OneLoad, Promise::DeadWriter]),
    ]
}
