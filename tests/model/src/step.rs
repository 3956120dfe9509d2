//! What may happen next, and what follows: the protocol as the checker sees it.

use stateright::{Model, Property};

use crate::{judge::Promise, rules::Protocol, world::World};

/// One thing that happens, all at once. Numbers are calls for `Go`, `TimeOut` and `GiveUp`, else nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A call goes one step on: it comes, a command of it is carried out, a reply arrives, or the row is read.
    Go(usize),
    /// Its command is given up, and may be carried out later.
    TimeOut(usize),
    /// It waits no longer for another node's load.
    GiveUp(usize),
    /// A write begins, with a fence if there are any.
    Begin(usize),
    /// The same, and the fence is given up.
    BeginLate(usize),
    /// The source changes.
    Commit(usize),
    /// The invalidation is carried out.
    Tell(usize),
    /// It is given up, and queued.
    TellLate(usize),
    /// Its reply arrives.
    Told(usize),
    /// A queued invalidation is carried out.
    Flush(usize),
    /// A message arrives.
    Deliver(usize),
    /// `PING` is sent.
    Ping(usize),
    /// It is carried out; `PONG` is on its way behind all earlier messages.
    Pong(usize),
    /// The link is cut without a word.
    Break(usize),
    /// The node notices.
    Notice(usize),
    /// It subscribes again.
    Subscribe(usize),
    /// It advances all stamps, and trusts its memory.
    ComeBack(usize),
    /// A command that was given up is carried out.
    LateRuns,
    /// It never is.
    LateIsLost,
    /// The lease or the value ends.
    Expire,
    /// The lease to refresh ends.
    RefreshEnds,
    /// The value becomes stale.
    Age,
    /// A writer's part in the fence ends by itself.
    FenceEnds(u8),
    /// The server evicts the tag.
    EvictTag,
    /// A snapshot is written.
    Save,
    /// The server starts anew.
    Restart,
    /// The server hangs.
    Hang,
    /// It goes on.
    GoOn,
    /// A node notices that it hangs.
    Lapse(usize),
    /// It trusts its memory again.
    Trust(usize),
    /// It believes the server again.
    Believe(usize),
    /// A node dies.
    Crash(usize),
    /// The clock moves.
    Tick,
}

impl World {
    fn after(mut self, protocol: &Protocol, step: Step) -> Self {
        match step {
            Step::Go(call) => self.go(protocol, call),
            Step::TimeOut(call) => self.time_out(protocol, call),
            Step::GiveUp(call) => self.give_up(call),
            Step::Begin(node) => self.begin(protocol, node),
            Step::BeginLate(node) => self.begin_late(node),
            Step::Commit(node) => self.commit(node),
            Step::Tell(node) => self.tell(protocol, node),
            Step::TellLate(node) => self.tell_late(protocol, node),
            Step::Told(node) => self.told_reply(protocol, node),
            Step::Flush(node) => self.flush(protocol, node),
            Step::Deliver(node) => self.deliver(protocol, node),
            Step::Ping(node) => self.nodes[node].ping = Some(self.now),
            Step::Pong(node) => self.nodes[node].inbox.pong = self.nodes[node].ping.take(),
            Step::Break(node) => {
                self.left.breaks -= 1;
                self.cut(node);
            }
            Step::Notice(node) => self.notice(node),
            Step::Subscribe(node) => self.subscribe(protocol, node),
            Step::ComeBack(node) => self.come_back(protocol, node),
            Step::LateRuns => {
                if let Some(late) = self.redis.late.take() {
                    self.run_late(protocol, late);
                }
            }
            Step::LateIsLost => self.redis.late = None,
            Step::Expire => self.expire(),
            Step::RefreshEnds => self.refresh_ends(),
            Step::Age => self.age(),
            Step::FenceEnds(writer) => self.fence_ends(writer),
            Step::EvictTag => {
                self.left.evictions -= 1;
                self.redis.tag = crate::world::Tag::Nothing;
            }
            Step::Save => self.redis.saved = Some((self.redis.cell, self.redis.tag)),
            Step::Restart => self.restart(),
            Step::Hang => {
                self.left.outages -= 1;
                self.redis.hangs = true;
            }
            Step::GoOn => self.redis.hangs = false,
            Step::Lapse(node) => self.lapse(protocol, node),
            Step::Trust(node) => self.trust(protocol, node),
            Step::Believe(node) => self.nodes[node].suspended = false,
            Step::Crash(node) => self.crash(protocol, node),
            Step::Tick => self.now += 1,
        }
        self
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if world.broken.is_some() {
            return;
        }
        world.call_steps(self, steps);
        world.write_steps(self, steps);
        world.link_steps(self, steps);
        world.fault_steps(self, steps);
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.after(self, step);
        if self.replies_at_once() {
            next.hand_over_replies(self);
        }
        Some(next.representative(self))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        self.promises.iter().copied().map(Promise::property).collect()
    }
}
