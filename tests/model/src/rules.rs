//! The rules that make the protocol, and the bounds within which it is searched.

/// A rule of the protocol. A naive protocol is the real one without some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Only the holder of a lease loads for the others. Without it: cache-aside.
    Lease,
    /// A fill is stored only while its token stands. Without it: a lock by `SET NX`, and a `DEL` at its end.
    FillByToken,
    /// The server makes the tokens. Without it a caller makes one and uses it again when it repeats a command.
    ServerTokens,
    /// A follower is given a value only if it came before the confirming command was carried out.
    JoinBeforeConfirmed,
    /// What no command confirmed is given only to followers who came before the source was read.
    JoinBeforeLoad,
    /// A message makes dead what is on its way into memory too. Without it, messages remove entries only.
    Stamps,
    /// A node that subscribes anew drops all that it has in memory.
    Flush,
    /// It does so after the subscription, not before.
    SubscribeFirst,
    /// Memory is trusted until a deadline that an answered `PING` moves. Without it: while the link seems up.
    Heartbeat,
    /// The deadline itself is past it.
    Strictly,
    /// The invalidating node drops its own memory once more after the reply.
    DropAgain,
    /// A node that has an invalidation to send asks the tier for nothing.
    QueueFirst,
    /// A value of another life of the server is a miss.
    Incarnation,
    /// A lease of another life of the server takes no fill.
    FillIncarnation,
    /// A writer fences before it changes the source. Without it: one phase, after the commit.
    Fence,
    /// A fence knows all its writers. Without it, the first one that is done lifts it.
    FenceOfAll,
    /// A fence is published like an invalidation.
    FenceTells,
    /// A tag's version never comes again. Without it: a counter.
    TagNonce,
    /// A load reads the versions before it begins. Without it: when it fills.
    TagBeforeLoad,
    /// A fill looks at the versions once more: a value whose tag was invalidated since is its own caller's. Without it,
    /// the lease alone says whether followers may have it.
    FillByTag,
    /// A node that noticed an outage believes the server only after the others had the time to send what they kept.
    /// Without it: as soon as it answers.
    Grace,
    /// It drops what its memory has from before, too, if its link did not break.
    DropAfterLapse,
}

/// The rules that a protocol has.
#[derive(Clone, Copy, Debug)]
pub struct Rules(u32);

impl Rules {
    /// The whole protocol.
    pub const ALL: Self = Self(u32::MAX);

    /// The same without a rule.
    #[must_use]
    pub const fn without(self, rule: Rule) -> Self {
        Self(self.0 & !(1 << rule as u32))
    }

    /// Whether the rule is among them.
    pub const fn has(self, rule: Rule) -> bool {
        self.0 >> rule as u32 & 1 == 1
    }
}

/// What a writer invalidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The entry.
    Entry,
    /// A tag that the entry carries.
    Tag,
}

/// How often a thing may happen in one history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Budget {
    /// Calls of the cached function, for each place that calls.
    pub calls: u8,
    /// Writes of the source.
    pub writes: u8,
    /// Steps of the clock.
    pub ticks: u8,
    /// Commands that are given up, and carried out later or never; so also replies that are lost.
    pub timeouts: u8,
    /// Leases, values and refresh leases that end; waits that are given up.
    pub expiries: u8,
    /// Tags that the server evicts.
    pub evictions: u8,
    /// Backplane links that are cut without a word.
    pub breaks: u8,
    /// Nodes that die, with the loads and writes that they were at.
    pub crashes: u8,
    /// Times that the server hangs, until every node has noticed.
    pub outages: u8,
    /// Restarts of the server, empty or from a snapshot, or failovers to a replica that has missed something.
    pub restarts: u8,
}

/// How large a world is searched.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The node of each place that calls the function, one call at a time; three at most.
    pub callers: &'static [usize],
    /// The nodes that write, one write at a time.
    pub writers: &'static [usize],
    /// What a write invalidates.
    pub target: Target,
    /// Whether nodes have a memory tier, and so a backplane.
    pub memory: bool,
    /// Whether a value may go stale, which is served while it is refreshed.
    pub stale: bool,
    /// Δ, in ticks.
    pub delta: u8,
    /// What happens how often.
    pub budget: Budget,
}

/// A protocol in a bounded world: what the checker searches.
#[derive(Clone, Debug)]
pub struct Protocol {
    /// The rules that are kept.
    pub rules: Rules,
    /// The size of the world.
    pub bounds: Bounds,
    /// Whether a state and its mirror image are one where both nodes do the same. The numbers of the nodes mean nothing
    /// then, so it is not for histories that are to be read.
    pub mirrored: bool,
    /// The promises that are judged.
    pub promises: &'static [crate::Promise],
}

impl Protocol {
    pub(crate) fn has(&self, rule: Rule) -> bool {
        self.rules.has(rule)
    }

    /// Whether nothing depends on which node is which.
    pub(crate) fn is_symmetric(&self) -> bool {
        self.mirrored && self.bounds.callers == [0, 1] && self.bounds.writers == [0, 1]
    }

    /// Whether it makes no difference when a reply arrives: nothing is kept in memory, and nobody follows.
    pub(crate) fn replies_at_once(&self) -> bool {
        !self.bounds.memory && self.bounds.callers.len() <= 2 && !self.bounds.callers.ends_with(&[0, 0])
    }

    pub(crate) fn tags(&self) -> bool {
        self.bounds.target == Target::Tag
    }
}
