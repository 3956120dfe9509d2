//! A write: fence, commit, lift and invalidate; or commit and invalidate.

use crate::{
    rules::{Protocol, Rule},
    step::Step,
    world::{Late, Node, Telling, World, Writer},
};

impl Node {
    pub(crate) fn is_writing(&self) -> bool {
        self.writer != Writer::Idle || self.queued > 0
    }
}

impl World {
    pub(crate) fn write_steps(&self, protocol: &Protocol, steps: &mut Vec<Step>) {
        let (late, answers) = (self.may_give_up(), !self.redis.hangs);
        for &id in protocol.bounds.writers {
            match self.nodes[id].writer {
                Writer::Idle if self.left.writes > 0 => {
                    if answers || !protocol.has(Rule::Fence) {
                        steps.push(Step::Begin(id));
                    }
                    if late && protocol.has(Rule::Fence) {
                        steps.push(Step::BeginLate(id));
                    }
                }
                Writer::Idle => {}
                Writer::Begun(_) => steps.push(Step::Commit(id)),
                Writer::Telling(_) => {
                    if answers {
                        steps.push(Step::Tell(id));
                    }
                    if late {
                        steps.push(Step::TellLate(id));
                    }
                }
                Writer::Told(_) => steps.push(Step::Told(id)),
            }
            if self.nodes[id].queued > 0 && answers {
                steps.push(Step::Flush(id));
            }
        }
    }

    /// The fence is set.
    pub(crate) fn begin(&mut self, protocol: &Protocol, id: usize) {
        self.begin_unfenced(id);
        if protocol.has(Rule::Fence) {
            self.fence(protocol, self.writes, Some(id));
        } else {
            // There is nothing to see between the beginning of such a write and its commit.
            self.commit(id);
        }
    }

    /// The fence could not be set in time; the body runs all the same.
    pub(crate) fn begin_late(&mut self, id: usize) {
        self.begin_unfenced(id);
        self.spend_timeout();
        self.redis.late = Some(Late::Fence { writer: self.writes });
    }

    fn begin_unfenced(&mut self, id: usize) {
        self.left.writes -= 1;
        self.writes += 1;
        self.nodes[id].writer = Writer::Begun(self.writes);
    }

    /// The source changes; the node drops its memory and sends the invalidation.
    pub(crate) fn commit(&mut self, id: usize) {
        let Writer::Begun(writer) = self.nodes[id].writer else { return };
        self.source += 1;
        self.nodes[id].advance();
        self.nodes[id].writer = Writer::Telling(Telling { writer, version: self.source, origin: Some(id) });
    }

    /// Redis carries it out.
    pub(crate) fn tell(&mut self, protocol: &Protocol, id: usize) {
        let Writer::Telling(telling) = self.nodes[id].writer else { return };
        if protocol.has(Rule::Fence) {
            self.lift(protocol, telling);
        } else {
            self.invalidate(protocol, telling);
        }
        self.nodes[id].writer = Writer::Told(telling.version);
    }

    /// There is no answer: it goes into the queue, and the writer is told so.
    pub(crate) fn tell_late(&mut self, protocol: &Protocol, id: usize) {
        let Writer::Telling(telling) = self.nodes[id].writer else { return };
        self.spend_timeout();
        let late = if protocol.has(Rule::Fence) { Late::Lift(telling) } else { Late::Invalidate(telling) };
        self.redis.late = Some(late);
        self.nodes[id].queued = telling.version;
        if self.redis.hangs {
            self.kept = self.kept.max(telling.version);
        }
        if protocol.has(Rule::Fence) {
            self.nodes[id].lifts |= 1 << telling.writer;
        }
        self.told_here(protocol, id, telling.version);
    }

    /// The answer arrives.
    pub(crate) fn told_reply(&mut self, protocol: &Protocol, id: usize) {
        let Writer::Told(version) = self.nodes[id].writer else { return };
        self.told_here(protocol, id, version);
    }

    /// The call of `invalidate` returns.
    fn told_here(&mut self, protocol: &Protocol, id: usize, version: u8) {
        let node = &mut self.nodes[id];
        if protocol.has(Rule::DropAgain) {
            node.advance();
        }
        node.own = node.own.max(version);
        node.writer = Writer::Idle;
    }

    /// What was queued is sent, and carried out, lifts too.
    pub(crate) fn flush(&mut self, protocol: &Protocol, id: usize) {
        let node = &mut self.nodes[id];
        let (version, lifts) = (std::mem::take(&mut node.queued), std::mem::take(&mut node.lifts));
        self.unfence(lifts);
        self.invalidate(protocol, Telling { writer: 0, version, origin: Some(id) });
    }
}
