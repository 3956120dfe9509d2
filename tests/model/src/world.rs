//! The state of the world: a source, a Redis, and two nodes that call and write.

use crate::rules::{Budget, Protocol};

/// How many nodes there are.
pub(crate) const NODES: usize = 2;
/// How many calls may be under way at once.
pub(crate) const CALLS: usize = 3;
/// So many versions of the row there are at most.
pub(crate) const VERSIONS: usize = 5;
/// A moment that has not come.
pub(crate) const NEVER: u8 = u8::MAX;

/// Everything at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct World {
    pub(crate) now: u8,
    /// The version of the row in the source.
    pub(crate) source: u8,
    /// The newest version whose invalidation was carried out by Redis.
    pub(crate) told: u8,
    /// When that was, for each version.
    pub(crate) told_at: [u8; VERSIONS],
    pub(crate) redis: Redis,
    pub(crate) nodes: [Node; NODES],
    pub(crate) calls: [Call; CALLS],
    pub(crate) left: Budget,
    /// The number of the last write, which names its writer.
    pub(crate) writes: u8,
    /// The newest version whose invalidation returned though it was only queued, because the server hung.
    pub(crate) kept: u8,
    /// A promise that the last step broke.
    pub(crate) broken: Option<crate::Promise>,
    /// Tokens and nonces in use are numbered from one to these.
    pub(crate) tokens: u8,
    pub(crate) nonces: u8,
}

/// What the key of the entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Cell {
    Nothing,
    Lease {
        token: u8,
        life: u8,
    },
    Value(Value),
    /// A bit for each writer.
    Fence(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Value {
    pub(crate) version: u8,
    pub(crate) id: u8,
    /// The life of the server that made the id.
    pub(crate) life: u8,
    /// The version of the tag that it was loaded under.
    pub(crate) tag: u8,
    pub(crate) stale: bool,
    /// Whether somebody has the lease to refresh it.
    pub(crate) busy: bool,
}

/// What the key of the tag holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Tag {
    Nothing,
    Version(u8),
    Fence(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Redis {
    pub(crate) cell: Cell,
    pub(crate) tag: Tag,
    /// The incarnation.
    pub(crate) life: u8,
    /// The last snapshot, or what a replica has.
    pub(crate) saved: Option<(Cell, Tag)>,
    /// A command that its sender has given up.
    pub(crate) late: Option<Late>,
    /// Whether it answers nobody.
    pub(crate) hangs: bool,
}

/// A command on its way that nobody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Late {
    Acquire { token: u8, dead: u8 },
    Refresh { id: u8 },
    Fill { token: u8, version: u8, tag: u8 },
    Fence { writer: u8 },
    Invalidate(Telling),
    Lift(Telling),
}

/// An invalidation, as an own command or at the end of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Telling {
    pub(crate) writer: u8,
    pub(crate) version: u8,
    /// The node that sends it, which does not hear of it; none any more if it died.
    pub(crate) origin: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Node {
    pub(crate) memory: Option<Kept>,
    /// The call that leads the flight in the table: it noted the present stamp.
    pub(crate) flight: Option<usize>,
    pub(crate) link: Link,
    pub(crate) inbox: Inbox,
    /// When the `PING` was sent that is on its way.
    pub(crate) ping: Option<u8>,
    pub(crate) trusted_until: u8,
    /// The version whose invalidation is still to be sent; zero for none.
    pub(crate) queued: u8,
    /// The writers whose fences are to be lifted with it, a bit each.
    pub(crate) lifts: u8,
    /// The newest version whose invalidation returned on this node.
    pub(crate) own: u8,
    pub(crate) writer: Writer,
    /// Whether it has noticed an outage, and does not believe the server yet.
    pub(crate) suspended: bool,
    /// Whether it trusts its memory no more, though its link has not broken.
    pub(crate) lapsed: bool,
    /// Whether it has ever noticed one.
    pub(crate) noticed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Kept {
    pub(crate) version: u8,
    /// Whether Redis confirmed it. What was loaded in an outage is kept for a moment only.
    pub(crate) confirmed: bool,
}

/// The backplane connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Link {
    Up,
    /// Nothing comes any more, which the node has not noticed.
    Broken,
    /// The node knows.
    Down,
    /// One of the two steps of coming back is done.
    Halfway,
}

/// Messages on their way to a node: invalidations before the `PONG`, the `PONG`, and invalidations after it. Several
/// invalidations in a row are as good as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Inbox {
    pub(crate) first: bool,
    pub(crate) pong: Option<u8>,
    pub(crate) last: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Writer {
    Idle,
    /// The fence stands, or could not be set.
    Begun(u8),
    /// The source is changed, memory dropped, and the invalidation sent.
    Telling(Telling),
    /// It was carried out; the reply is on its way.
    Told(u8),
}

/// A place that calls the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Call {
    pub(crate) at: Stage,
    /// Calls still to make.
    pub(crate) left: u8,
    /// What had been invalidated when the caller came.
    pub(crate) floor: u8,
    /// A refresh behind a stale value: nobody waits for it but followers.
    pub(crate) refresh: bool,
    /// Whether its lease is over.
    pub(crate) over: bool,
}

/// When a follower joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Joined {
    /// After what was confirmed last.
    Late,
    /// Before a *fill* that was carried out; whether its answer is believed is open.
    BeforeFill,
    /// Before what was confirmed last.
    InTime,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Stage {
    Idle,
    /// Waits for a leader.
    Follow {
        leader: usize,
        joined: Joined,
    },
    /// The `GET` is sent.
    Read,
    /// It was carried out; the `MGET` of the tags behind it was not.
    ReadTags(Cell),
    /// The answer is on its way.
    Answer(Answer),
    /// *acquire* is sent, or *refresh*.
    Take(Standing),
    /// The lease is taken; the tags' versions are not read yet.
    Versions {
        token: u8,
    },
    Wait,
    Granted {
        token: u8,
        tag: u8,
    },
    /// The row was read, and *fill* sent.
    Fill {
        token: u8,
        tag: u8,
        version: u8,
    },
    /// It was carried out; the reply is on its way.
    Filled {
        version: u8,
        stood: bool,
    },
    /// Loads, and stores nothing in Redis.
    Alone {
        outage: bool,
    },
    AloneLoaded {
        version: u8,
        outage: bool,
    },
}

/// What *read* answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Answer {
    Hit { version: u8, stale: bool, id: u8 },
    Leased,
    Fenced,
    Miss { dead: u8 },
}

/// What stands in the way of a lease; tokens are numbered from one, zero is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Standing {
    /// Nothing, or a dead entry. `token` is of those who make their own.
    Dead {
        id: u8,
        token: u8,
    },
    Stale {
        id: u8,
    },
}

impl World {
    pub(crate) fn new(protocol: &Protocol) -> Self {
        let bounds = &protocol.bounds;
        let idle = Call { at: Stage::Idle, left: 0, floor: 0, refresh: false, over: false };
        let node = Node {
            memory: None,
            flight: None,
            link: if bounds.memory { Link::Up } else { Link::Down },
            inbox: Inbox::default(),
            ping: None,
            trusted_until: bounds.delta,
            queued: 0,
            lifts: 0,
            own: 0,
            writer: Writer::Idle,
            suspended: false,
            lapsed: false,
            noticed: false,
        };
        Self {
            now: 0,
            source: 0,
            told: 0,
            told_at: [NEVER; VERSIONS],
            redis: Redis { cell: Cell::Nothing, tag: Tag::Nothing, life: 0, saved: None, late: None, hangs: false },
            nodes: [node; NODES],
            calls: std::array::from_fn(|call| Call {
                left: if call < bounds.callers.len() { bounds.budget.calls } else { 0 },
                ..idle
            }),
            left: bounds.budget,
            writes: 0,
            kept: 0,
            broken: None,
            tokens: 0,
            nonces: 0,
        }
    }

    pub(crate) fn token(&mut self) -> u8 {
        self.tokens += 1;
        self.tokens
    }
}
