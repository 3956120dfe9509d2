//! A node's memory, its backplane link, and whether it trusts them.

use crate::{
    judge::Promise,
    rules::{Protocol, Rule},
    step::Step,
    world::{Inbox, Link, NEVER, NODES, Node, World},
};

impl Node {
    /// Whether messages come that are published now.
    pub(crate) fn is_subscribed(&self, protocol: &Protocol) -> bool {
        self.link == Link::Up || self.link == Link::Halfway && protocol.has(Rule::SubscribeFirst)
    }

    /// Advances the stamp: what is in memory, and what is on its way there, is dead. Later callers join no flight from
    /// before.
    pub(crate) fn advance(&mut self) {
        self.memory = None;
        self.flight = None;
    }

    /// Whether it asks the server for nothing.
    pub(crate) fn is_suspended(&self, protocol: &Protocol) -> bool {
        self.suspended || self.queued > 0 && protocol.has(Rule::QueueFirst)
    }

    fn seems_up(&self) -> bool {
        matches!(self.link, Link::Up | Link::Broken)
    }

    fn has_heard_everything(&self) -> bool {
        self.link == Link::Up && !self.inbox.first && !self.inbox.last
    }
}

impl World {
    fn is_trusted(&self, protocol: &Protocol, node: usize) -> bool {
        let node = &self.nodes[node];
        let is_in_time = match (protocol.has(Rule::Heartbeat), protocol.has(Rule::Strictly)) {
            (false, _) => true,
            (true, true) => self.now < node.trusted_until,
            (true, false) => self.now <= node.trusted_until,
        };
        node.seems_up() && is_in_time && !node.lapsed
    }

    /// The version that a memory hit answers with; notes the promise that it breaks.
    pub(crate) fn hit(&mut self, protocol: &Protocol, node: usize) -> Option<u8> {
        let version = self.nodes[node].memory.filter(|_| self.is_trusted(protocol, node))?.version;
        let missed = usize::from(version) + 1..self.told_at.len();
        let delta = protocol.bounds.delta;
        if version < self.nodes[node].own {
            self.broken = Some(Promise::OwnNode);
        } else if missed.into_iter().any(|v| self.told_at[v] != NEVER && self.told_at[v] + delta <= self.now) {
            self.broken = Some(Promise::Delta);
        }
        Some(version)
    }

    /// Whether every node that has heard all messages keeps at least what `floor` says.
    pub(crate) fn memories_keep(&self, floor: u8) -> bool {
        self.nodes.iter().all(|node| {
            let is_current = node.memory.is_none_or(|kept| kept.version >= floor || !kept.confirmed);
            is_current || !node.has_heard_everything() || node.is_writing()
        })
    }

    pub(crate) fn link_steps(&self, protocol: &Protocol, steps: &mut Vec<Step>) {
        if !protocol.bounds.memory {
            return;
        }
        for id in 0..NODES {
            let node = &self.nodes[id];
            match node.link {
                Link::Up if self.left.breaks > 0 => steps.push(Step::Break(id)),
                Link::Up => {}
                Link::Broken => steps.push(Step::Notice(id)),
                Link::Down | Link::Halfway if self.redis.hangs => {}
                Link::Down => steps.push(Step::Subscribe(id)),
                Link::Halfway => steps.push(Step::ComeBack(id)),
            }
            if node.inbox != Inbox::default() {
                steps.push(Step::Deliver(id));
            }
            let is_due = node.trusted_until < self.now + protocol.bounds.delta && node.inbox.pong.is_none();
            if protocol.has(Rule::Heartbeat) && node.seems_up() && node.ping.is_none() && is_due {
                steps.push(Step::Ping(id));
            }
            if node.ping.is_some() && node.link == Link::Up && !self.redis.hangs {
                steps.push(Step::Pong(id));
            }
        }
    }

    /// The first message arrives.
    pub(crate) fn deliver(&mut self, protocol: &Protocol, id: usize) {
        let node = &mut self.nodes[id];
        if node.inbox.first {
            node.inbox.first = false;
            node.memory = None;
            if protocol.has(Rule::Stamps) {
                node.advance();
            }
        } else if let Some(sent) = node.inbox.pong.take() {
            node.trusted_until = node.trusted_until.max(sent + protocol.bounds.delta);
            node.inbox.first = std::mem::take(&mut node.inbox.last);
        }
    }

    /// Nothing that is under way arrives, nor anything later.
    pub(crate) fn cut(&mut self, id: usize) {
        let node = &mut self.nodes[id];
        if node.link != Link::Down {
            node.link = Link::Broken;
        }
        node.inbox = Inbox::default();
    }

    pub(crate) fn notice(&mut self, id: usize) {
        let node = &mut self.nodes[id];
        node.link = Link::Down;
        node.ping = None;
        node.trusted_until = 0;
    }

    /// The first step of coming back.
    pub(crate) fn subscribe(&mut self, protocol: &Protocol, id: usize) {
        self.nodes[id].link = Link::Halfway;
        if !protocol.has(Rule::SubscribeFirst) {
            self.nodes[id].advance();
        }
    }

    /// The second one; then the node trusts its memory again.
    pub(crate) fn come_back(&mut self, protocol: &Protocol, id: usize) {
        let node = &mut self.nodes[id];
        if protocol.has(Rule::SubscribeFirst) && protocol.has(Rule::Flush) {
            node.advance();
        }
        node.link = Link::Up;
        node.trusted_until = self.now + protocol.bounds.delta;
    }
}
