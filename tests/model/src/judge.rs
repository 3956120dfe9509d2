//! The promises, each a question to every state that can be reached.

use stateright::Property;

use crate::{
    rules::Protocol,
    world::{Stage, World, Writer},
};

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// Redis shows nothing from before an invalidation that it has carried out.
    Visible,
    /// No caller is given what had been invalidated when it came, from Redis, a load, or another caller's flight; nor,
    /// on a node that noticed an outage, what was to be invalidated in it and could only be queued, from memory neither.
    Answer,
    /// No memory hit misses what was invalidated on its own node, be it sent or queued.
    OwnNode,
    /// No memory hit misses what was invalidated Δ ago or earlier.
    Delta,
    /// A node whose link is up and that has heard all messages has nothing outdated in memory.
    CaughtUp,
    /// Only one loads as long as its lease stands.
    OneLoad,
    /// Nobody loads without a lease.
    NoLoadBeside,
    /// When no write is under way, Redis and the memories that have heard all messages show what the source has; those
    /// of a writer that died too.
    DeadWriter,
}

impl Promise {
    /// Those that hold whatever happens.
    pub const ALWAYS: &'static [Self] = &[Self::Visible, Self::Answer, Self::OwnNode, Self::Delta, Self::CaughtUp];

    /// Its name in the checker's answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Visible => "Redis shows nothing that was invalidated",
            Self::Answer => "no caller is given what was invalidated before it came",
            Self::OwnNode => "the own node serves nothing that it invalidated",
            Self::Delta => "memory serves nothing that was invalidated Δ ago",
            Self::CaughtUp => "memory that heard all messages is current",
            Self::OneLoad => "one load as long as its lease stands",
            Self::NoLoadBeside => "no load without a lease",
            Self::DeadWriter => "a dead writer leaves nothing stale",
        }
    }

    pub(crate) fn property(self) -> Property<Protocol> {
        let holds: fn(&Protocol, &World) -> bool = match self {
            Self::Visible => |protocol, world| world.visible(protocol).is_none_or(|version| version >= world.told),
            Self::Answer => |_, world| world.broken != Some(Self::Answer),
            Self::OwnNode => |_, world| world.broken != Some(Self::OwnNode),
            Self::Delta => |_, world| world.broken != Some(Self::Delta),
            Self::CaughtUp => |_, world| world.memories_keep(world.told),
            Self::OneLoad => |_, world| world.loads_under_lease() <= 1,
            Self::NoLoadBeside => |_, world| world.calls.iter().all(|call| !matches!(call.at, Stage::Alone { .. })),
            Self::DeadWriter => World::is_settled,
        };
        Property::always(self.name(), holds)
    }
}

impl World {
    fn loads_under_lease(&self) -> usize {
        let loads = |stage| matches!(stage, Stage::Granted { .. } | Stage::Fill { .. });
        self.calls.iter().filter(|call| loads(call.at) && !call.over).count()
    }

    fn is_settled(protocol: &Protocol, world: &Self) -> bool {
        // Without fences nothing is promised between commit and invalidation.
        let under_way = |writer| !matches!(writer, Writer::Idle | Writer::Told(_));
        world.nodes.iter().any(|node| under_way(node.writer) || node.queued > 0)
            || world.visible(protocol).is_none_or(|version| version == world.source)
                && world.memories_keep(world.source)
    }
}
