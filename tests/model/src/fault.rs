//! What goes wrong, and what time does.

use crate::{
    rules::{Protocol, Rule},
    step::Step,
    world::{Call, Cell, Inbox, Late, Link, NODES, Node, Stage, Tag, Value, World, Writer},
};

impl World {
    pub(crate) fn fault_steps(&self, protocol: &Protocol, steps: &mut Vec<Step>) {
        self.outage_steps(protocol, steps);
        if self.redis.late.is_some() && !self.redis.hangs {
            steps.extend([Step::LateRuns, Step::LateIsLost]);
        }
        match self.redis.cell {
            Cell::Value(value) => {
                if protocol.bounds.stale && !value.stale {
                    steps.push(Step::Age);
                }
                if value.busy && self.left.expiries > 0 {
                    steps.push(Step::RefreshEnds);
                }
                if self.left.expiries > 0 {
                    steps.push(Step::Expire);
                }
            }
            Cell::Lease { .. } if self.left.expiries > 0 => steps.push(Step::Expire),
            _ => {}
        }
        for writer in self.fenced_by() {
            if self.left.expiries > 0 || !self.writer_lives(writer) {
                steps.push(Step::FenceEnds(writer));
            }
        }
        if self.left.evictions > 0 && matches!(self.redis.tag, Tag::Version(_)) {
            steps.push(Step::EvictTag);
        }
        if self.left.restarts > 0 && !self.redis.hangs {
            if self.redis.saved.is_none() && self.redis.cell != Cell::Nothing {
                steps.push(Step::Save);
            }
            steps.push(Step::Restart);
        }
        if self.left.crashes > 0 {
            steps.extend((0..NODES).filter(|node| self.is_busy(protocol, *node)).map(Step::Crash));
        }
        if self.now < protocol.bounds.budget.ticks {
            steps.push(Step::Tick);
        }
    }

    fn outage_steps(&self, protocol: &Protocol, steps: &mut Vec<Step>) {
        if self.left.outages > 0 && !self.redis.hangs {
            steps.push(Step::Hang);
        }
        if self.redis.hangs && self.nodes.iter().all(|node| node.suspended) {
            steps.push(Step::GoOn);
        }
        let has_queue = self.nodes.map(|node| node.queued > 0);
        for (id, node) in self.nodes.iter().enumerate() {
            if self.redis.hangs {
                if !node.suspended {
                    steps.push(Step::Lapse(id));
                }
                continue;
            }
            if node.lapsed {
                steps.push(Step::Trust(id));
            }
            // The grace is as long as others need to send what they kept.
            let is_over = if protocol.has(Rule::Grace) { !has_queue.contains(&true) } else { !has_queue[id] };
            if node.suspended && is_over {
                steps.push(Step::Believe(id));
            }
        }
    }

    /// A node notices that the server hangs: nothing from it is believed, answers to earlier commands neither.
    pub(crate) fn lapse(&mut self, protocol: &Protocol, id: usize) {
        let node = &mut self.nodes[id];
        (node.suspended, node.noticed, node.lapsed) = (true, true, protocol.bounds.memory);
        for (call, home) in protocol.bounds.callers.iter().enumerate() {
            let at = self.calls[call].at;
            if *home == id && (at.is_command() || matches!(at, Stage::Answer(_) | Stage::Filled { .. })) {
                self.disbelieve(protocol, call);
            }
        }
    }

    /// A `PING` is answered again, on the same link.
    pub(crate) fn trust(&mut self, protocol: &Protocol, id: usize) {
        self.nodes[id].lapsed = false;
        if protocol.has(Rule::DropAfterLapse) {
            self.nodes[id].advance();
        }
    }

    /// Whether a node has anything to lose.
    fn is_busy(&self, protocol: &Protocol, node: usize) -> bool {
        let mut calls = self.calls.iter().zip(protocol.bounds.callers);
        self.nodes[node].is_writing() || calls.any(|(call, home)| *home == node && call.at != Stage::Idle)
    }

    fn fenced_by(&self) -> impl Iterator<Item = u8> {
        let of_entry = if let Cell::Fence(writers) = self.redis.cell { writers } else { 0 };
        let of_tag = if let Tag::Fence(writers) = self.redis.tag { writers } else { 0 };
        (0..8).filter(move |writer| (of_entry | of_tag) >> writer & 1 == 1)
    }

    fn writer_lives(&self, wanted: u8) -> bool {
        self.nodes.iter().any(|node| match node.writer {
            Writer::Begun(writer) => writer == wanted,
            Writer::Telling(telling) => telling.writer == wanted,
            Writer::Idle | Writer::Told(_) => false,
        })
    }

    /// A fence ends by itself; one whose writer is still at it costs something.
    pub(crate) fn fence_ends(&mut self, writer: u8) {
        self.left.expiries -= u8::from(self.writer_lives(writer));
        self.unfence(1 << writer);
    }

    /// The lease or the value is over.
    pub(crate) fn expire(&mut self) {
        self.left.expiries -= 1;
        self.end_terms();
        self.redis.cell = Cell::Nothing;
    }

    pub(crate) fn refresh_ends(&mut self) {
        self.left.expiries -= 1;
        self.end_terms();
        if let Cell::Value(value) = &mut self.redis.cell {
            value.busy = false;
        }
    }

    pub(crate) fn age(&mut self) {
        if let Cell::Value(value) = self.redis.cell {
            self.redis.cell = Cell::Value(Value { stale: true, ..value });
        }
    }

    /// The server starts anew with what was saved, or a replica takes over with what it has; connections break.
    pub(crate) fn restart(&mut self) {
        self.left.restarts -= 1;
        self.end_terms();
        self.redis.life += 1;
        (self.redis.cell, self.redis.tag) = self.redis.saved.take().unwrap_or((Cell::Nothing, Tag::Nothing));
        for call in &mut self.calls {
            // Two commands in one round trip do not outlive their connection.
            if matches!(call.at, Stage::ReadTags(_) | Stage::Versions { .. }) {
                call.at = Stage::Alone { outage: true };
            }
        }
        (0..NODES).for_each(|node| self.cut(node));
    }

    /// A node is gone, and comes back with nothing.
    pub(crate) fn crash(&mut self, protocol: &Protocol, id: usize) {
        self.left.crashes -= 1;
        self.nodes[id] = Node {
            memory: None,
            flight: None,
            link: Link::Down,
            inbox: Inbox::default(),
            ping: None,
            trusted_until: 0,
            queued: 0,
            lifts: 0,
            own: 0,
            writer: Writer::Idle,
            suspended: self.redis.hangs,
            lapsed: false,
            noticed: self.redis.hangs,
        };
        for (call, home) in self.calls.iter_mut().zip(protocol.bounds.callers) {
            if *home == id {
                *call = Call { at: Stage::Idle, left: call.left, floor: 0, refresh: false, over: false };
            }
        }
        if let Some(Late::Invalidate(telling) | Late::Lift(telling)) = &mut self.redis.late {
            telling.origin = telling.origin.filter(|origin| *origin != id);
        }
    }
}
