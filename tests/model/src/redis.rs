//! What the scripts do, each in one step.

use crate::{
    rules::{Protocol, Rule},
    world::{Answer, Cell, Late, Stage, Tag, Telling, Value, World},
};

/// What *acquire* and *refresh* answer.
pub(crate) enum Acquired {
    Granted(u8),
    Held,
    Filled,
    Fenced,
}

impl World {
    fn is_ours(&self, protocol: &Protocol, life: u8) -> bool {
        life == self.redis.life || !protocol.has(Rule::Incarnation)
    }

    fn is_current(protocol: &Protocol, value: Value, tag: Tag) -> bool {
        match tag {
            _ if !protocol.tags() => true,
            Tag::Version(version) => version == value.tag,
            Tag::Nothing => !protocol.has(Rule::TagNonce) && value.tag == 0,
            Tag::Fence(_) => false,
        }
    }

    /// The version that a reader would be given now.
    pub(crate) fn visible(&self, protocol: &Protocol) -> Option<u8> {
        match self.redis.cell {
            Cell::Value(value)
                if self.is_ours(protocol, value.life) && Self::is_current(protocol, value, self.redis.tag) =>
            {
                Some(value.version)
            }
            _ => None,
        }
    }

    /// The answer of *read* for what was found under the two keys.
    pub(crate) fn judge(&self, protocol: &Protocol, cell: Cell, tag: Tag) -> Answer {
        match cell {
            Cell::Value(value) if self.is_ours(protocol, value.life) && Self::is_current(protocol, value, tag) => {
                // Nobody asks for the id of a fresh one.
                Answer::Hit { version: value.version, stale: value.stale, id: if value.stale { value.id } else { 0 } }
            }
            Cell::Fence(_) => Answer::Fenced,
            _ if matches!(tag, Tag::Fence(_)) => Answer::Fenced,
            Cell::Lease { .. } => Answer::Leased,
            Cell::Value(value) => Answer::Miss { dead: value.id },
            Cell::Nothing => Answer::Miss { dead: 0 },
        }
    }

    /// `own` is the token of a caller that makes its own, else zero.
    pub(crate) fn acquire(&mut self, protocol: &Protocol, dead: u8, own: u8) -> Acquired {
        match self.redis.cell {
            _ if !protocol.has(Rule::Lease) => return Acquired::Granted(self.token()),
            Cell::Fence(_) => return Acquired::Fenced,
            Cell::Lease { token, .. } if own != 0 && token == own => return Acquired::Granted(own),
            Cell::Lease { life, .. } if self.is_ours(protocol, life) => return Acquired::Held,
            Cell::Value(value) if self.is_ours(protocol, value.life) && value.id != dead => return Acquired::Filled,
            _ => {}
        }
        let token = if own == 0 { self.token() } else { own };
        self.end_terms();
        self.redis.cell = Cell::Lease { token, life: self.redis.life };
        Acquired::Granted(token)
    }

    pub(crate) fn refresh(&mut self, protocol: &Protocol, stale: u8) -> Acquired {
        match self.redis.cell {
            Cell::Fence(_) => Acquired::Fenced,
            Cell::Value(value) if value.id == stale && self.is_ours(protocol, value.life) => {
                if value.busy {
                    return Acquired::Held;
                }
                self.end_terms();
                let id = self.token();
                self.redis.cell = Cell::Value(Value { id, busy: true, ..value });
                Acquired::Granted(id)
            }
            _ => Acquired::Filled,
        }
    }

    /// The versions of the tag that a load begins with; `None` if it is fenced.
    pub(crate) fn versions(&mut self, protocol: &Protocol) -> Option<u8> {
        match self.redis.tag {
            _ if !protocol.tags() => Some(0),
            Tag::Version(version) => Some(version),
            Tag::Nothing if !protocol.has(Rule::TagNonce) => Some(0),
            Tag::Nothing => {
                self.nonces += 1;
                self.redis.tag = Tag::Version(self.nonces);
                Some(self.nonces)
            }
            Tag::Fence(_) => None,
        }
    }

    /// Stores a value, and says whether the lease stood, and the tag.
    pub(crate) fn fill(&mut self, protocol: &Protocol, token: u8, version: u8, tag: u8) -> bool {
        let (stands, life) = match self.redis.cell {
            Cell::Lease { token: standing, life } => (standing == token, life),
            Cell::Value(value) => (value.id == token, value.life),
            Cell::Nothing | Cell::Fence(_) => (false, self.redis.life),
        };
        let is_of_this_life = life == self.redis.life || !protocol.has(Rule::FillIncarnation);
        let stored = stands && is_of_this_life || !protocol.has(Rule::FillByToken) || !protocol.has(Rule::Lease);
        if !stored {
            return false;
        }
        let tag = if protocol.has(Rule::TagBeforeLoad) { tag } else { self.versions(protocol).unwrap_or(0) };
        // The id is the token, so it says in which life the load began.
        let life = if stands { life } else { self.redis.life };
        let value = Value { version, id: token, life, tag, stale: false, busy: false };
        self.redis.cell = Cell::Value(value);
        Self::is_current(protocol, value, self.redis.tag) || !protocol.has(Rule::FillByTag)
    }

    /// Gives a lease back that was taken in vain.
    pub(crate) fn release(&mut self, token: u8) {
        match &mut self.redis.cell {
            Cell::Lease { token: standing, .. } if *standing == token => self.redis.cell = Cell::Nothing,
            Cell::Value(value) if value.id == token => value.busy = false,
            _ => {}
        }
    }

    pub(crate) fn invalidate(&mut self, protocol: &Protocol, telling: Telling) {
        if protocol.tags() {
            self.bump(protocol);
        } else if !matches!(self.redis.cell, Cell::Fence(_)) {
            self.end_terms();
            self.redis.cell = Cell::Nothing;
        }
        self.told(protocol, telling);
    }

    /// Outdates all that carries the tag.
    fn bump(&mut self, protocol: &Protocol) {
        self.redis.tag = match self.redis.tag {
            Tag::Fence(writers) => Tag::Fence(writers),
            _ if protocol.has(Rule::TagNonce) => Tag::Nothing,
            Tag::Version(count) => Tag::Version(count + 1),
            Tag::Nothing => Tag::Version(1),
        };
    }

    pub(crate) fn fence(&mut self, protocol: &Protocol, writer: u8, origin: Option<usize>) {
        let bit = 1 << writer;
        if protocol.tags() {
            let others = if let Tag::Fence(writers) = self.redis.tag { writers } else { 0 };
            self.redis.tag = Tag::Fence(others | bit);
        } else {
            self.end_terms();
            let others = if let Cell::Fence(writers) = self.redis.cell { writers } else { 0 };
            self.redis.cell = Cell::Fence(others | bit);
        }
        if protocol.has(Rule::FenceTells) {
            self.publish(protocol, origin);
        }
    }

    pub(crate) fn lift(&mut self, protocol: &Protocol, telling: Telling) {
        let bit = if protocol.has(Rule::FenceOfAll) { 1 << telling.writer } else { u8::MAX };
        self.unfence(bit);
        self.invalidate(protocol, telling);
    }

    /// Takes writers out of the fence; the last one out leaves nothing.
    pub(crate) fn unfence(&mut self, bits: u8) {
        if let Cell::Fence(writers) = &mut self.redis.cell {
            *writers &= !bits;
            if *writers == 0 {
                self.redis.cell = Cell::Nothing;
            }
        }
        if let Tag::Fence(writers) = &mut self.redis.tag {
            *writers &= !bits;
            if *writers == 0 {
                self.redis.tag = Tag::Nothing;
            }
        }
    }

    fn told(&mut self, protocol: &Protocol, telling: Telling) {
        for version in self.told + 1..=telling.version {
            if protocol.bounds.memory {
                self.told_at[usize::from(version)] = self.now;
            }
        }
        self.told = self.told.max(telling.version);
        self.publish(protocol, telling.origin);
    }

    /// Sends an invalidation to every node that listens, but for the one that it came from.
    fn publish(&mut self, protocol: &Protocol, origin: Option<usize>) {
        for (node, listener) in self.nodes.iter_mut().enumerate() {
            if listener.is_subscribed(protocol) && Some(node) != origin {
                match listener.inbox.pong {
                    None => listener.inbox.first = true,
                    Some(_) => listener.inbox.last = true,
                }
            }
        }
    }

    /// Whoever holds a lease that stands loses it.
    pub(crate) fn end_terms(&mut self) {
        let standing = match self.redis.cell {
            Cell::Lease { token, .. } => token,
            Cell::Value(value) => value.id,
            Cell::Nothing | Cell::Fence(_) => return,
        };
        for call in &mut self.calls {
            let (Stage::Versions { token } | Stage::Granted { token, .. } | Stage::Fill { token, .. }) = call.at else {
                continue;
            };
            call.over |= token == standing;
        }
    }

    /// A command that its sender gave up is carried out.
    pub(crate) fn run_late(&mut self, protocol: &Protocol, late: Late) {
        match late {
            Late::Acquire { token, dead } => drop(self.acquire(protocol, dead, token)),
            Late::Refresh { id } => drop(self.refresh(protocol, id)),
            Late::Fill { token, version, tag } => drop(self.fill(protocol, token, version, tag)),
            Late::Fence { writer } => self.fence(protocol, writer, None),
            Late::Invalidate(telling) => self.invalidate(protocol, telling),
            Late::Lift(telling) => self.lift(protocol, telling),
        }
    }
}
