//! A call: memory, the flight, and the way to the tier and back.

use crate::{
    judge::Promise,
    redis::Acquired,
    rules::{Protocol, Rule},
    step::Step,
    world::{Answer, CALLS, Cell, Joined, Kept, Late, Stage, Standing, World},
};

/// Who is given the leader's value.
#[derive(Clone, Copy, PartialEq)]
enum Followers {
    /// Who joined in time for what was confirmed last.
    InTime,
    All,
    None,
}

impl Stage {
    /// Whether a command is on its way to the server.
    pub(crate) fn is_command(self) -> bool {
        use Stage::{Fill, Read, ReadTags, Take, Versions};
        matches!(self, Read | ReadTags(_) | Take(_) | Versions { .. } | Fill { .. })
    }
}

impl World {
    pub(crate) fn call_steps(&self, protocol: &Protocol, steps: &mut Vec<Step>) {
        let late = self.may_give_up();
        for id in 0..CALLS {
            let call = &self.calls[id];
            match call.at {
                Stage::Idle if call.left == 0 => {}
                Stage::Follow { .. } => {}
                Stage::Wait => {
                    if !self.is_loading(protocol) {
                        steps.push(Step::Go(id));
                    }
                    let is_orphaned = self.is_loading(protocol) && !self.holder_lives();
                    if self.left.expiries > 0 || is_orphaned {
                        steps.push(Step::GiveUp(id));
                    }
                }
                stage if self.redis.hangs && stage.is_command() => {}
                _ => steps.push(Step::Go(id)),
            }
            let may_time_out = match call.at {
                Stage::Read | Stage::ReadTags(_) | Stage::Versions { .. } => self.left.timeouts > 0 || self.redis.hangs,
                Stage::Take(_) | Stage::Fill { .. } => late,
                _ => false,
            };
            if may_time_out {
                steps.push(Step::TimeOut(id));
            }
        }
    }

    /// Whether another one loads, so that a look at the key tells nothing new.
    fn is_loading(&self, protocol: &Protocol) -> bool {
        match self.redis.cell {
            Cell::Lease { life, .. } => life == self.redis.life || !protocol.has(Rule::Incarnation),
            _ => false,
        }
    }

    fn holder_lives(&self) -> bool {
        let Cell::Lease { token: standing, .. } = self.redis.cell else { return false };
        self.calls.iter().any(|call| {
            matches!(call.at, Stage::Versions { token } | Stage::Granted { token, .. } | Stage::Fill { token, .. }
                if token == standing)
        })
    }

    /// A call's next step.
    pub(crate) fn go(&mut self, protocol: &Protocol, id: usize) {
        let home = protocol.bounds.callers[id];
        let is_suspended = self.nodes[home].is_suspended(protocol);
        let outage = Stage::Alone { outage: true };
        self.calls[id].at = match self.calls[id].at {
            Stage::Idle => return self.arrive(protocol, id),
            Stage::Follow { .. } => return,
            Stage::Read if protocol.tags() => Stage::ReadTags(self.redis.cell),
            Stage::Read => self.read(protocol, id, self.redis.cell),
            Stage::ReadTags(cell) => self.read(protocol, id, cell),
            Stage::Answer(_) | Stage::Wait if is_suspended => outage,
            Stage::Answer(answer) => return self.answered(protocol, id, answer),
            Stage::Take(standing) => match self.take(protocol, standing) {
                Acquired::Granted(_) if is_suspended => outage,
                Acquired::Granted(token) => {
                    self.calls[id].over = false;
                    if protocol.tags() { Stage::Versions { token } } else { Stage::Granted { token, tag: 0 } }
                }
                Acquired::Held if self.calls[id].refresh => return self.end(protocol, id, None, None, Followers::None),
                Acquired::Held => Stage::Wait,
                Acquired::Filled => Stage::Read,
                Acquired::Fenced => Stage::Alone { outage: false },
            },
            Stage::Versions { token } => {
                if let Some(tag) = self.versions(protocol) {
                    Stage::Granted { token, tag }
                } else {
                    self.release(token);
                    Stage::Alone { outage: false }
                }
            }
            Stage::Wait => Stage::Read,
            Stage::Granted { .. } if is_suspended => Stage::AloneLoaded { version: self.source, outage: true },
            Stage::Granted { token, tag } => Stage::Fill { token, tag, version: self.source },
            Stage::Fill { token, tag, version } => {
                let stood = self.fill(protocol, token, version, tag);
                if stood {
                    self.confirm_as(id, Joined::Late, Joined::BeforeFill);
                }
                Stage::Filled { version, stood }
            }
            Stage::Filled { .. } if is_suspended => return self.disbelieve(protocol, id),
            Stage::Filled { version, stood: true } => {
                self.confirm_as(id, Joined::BeforeFill, Joined::InTime);
                return self.end(protocol, id, Some(version), Some(true), Followers::InTime);
            }
            Stage::Filled { version, stood: false } => {
                return self.end(protocol, id, Some(version), None, Followers::None);
            }
            Stage::Alone { outage } => {
                if !outage || protocol.has(Rule::JoinBeforeLoad) {
                    self.confirm(id);
                }
                Stage::AloneLoaded { version: self.source, outage }
            }
            Stage::AloneLoaded { version, outage: false } => {
                return self.end(protocol, id, Some(version), None, Followers::InTime);
            }
            Stage::AloneLoaded { version, outage: true } => {
                let who = if protocol.has(Rule::JoinBeforeLoad) { Followers::InTime } else { Followers::All };
                return self.end(protocol, id, Some(version), Some(false), who);
            }
        };
    }

    /// All replies that are on their way arrive.
    pub(crate) fn hand_over_replies(&mut self, protocol: &Protocol) {
        for id in 0..protocol.bounds.callers.len() {
            if matches!(self.calls[id].at, Stage::Answer(_) | Stage::Filled { .. } | Stage::AloneLoaded { .. }) {
                self.go(protocol, id);
            }
        }
        for &node in protocol.bounds.writers {
            self.told_reply(protocol, node);
        }
    }

    fn arrive(&mut self, protocol: &Protocol, id: usize) {
        let home = protocol.bounds.callers[id];
        self.calls[id].left -= 1;
        self.calls[id].floor = self.told.max(self.nodes[home].own).max(self.floor_of_outage(home));
        self.board(protocol, id);
    }

    /// Memory, a flight that may be joined, or one of its own.
    fn board(&mut self, protocol: &Protocol, id: usize) {
        let home = protocol.bounds.callers[id];
        if let Some(version) = self.hit(protocol, home).filter(|_| !self.calls[id].refresh) {
            if version < self.floor_of_outage(home) {
                self.broken = Some(Promise::Answer);
            }
            self.finish(id);
            return;
        }
        self.calls[id].at = if let Some(leader) = self.nodes[home].flight {
            Stage::Follow { leader, joined: Joined::Late }
        } else {
            self.nodes[home].flight = Some(id);
            if self.nodes[home].is_suspended(protocol) { Stage::Alone { outage: true } } else { Stage::Read }
        };
    }

    /// *read* is carried out.
    fn read(&mut self, protocol: &Protocol, id: usize, cell: Cell) -> Stage {
        self.confirm(id);
        Stage::Answer(self.judge(protocol, cell, self.redis.tag))
    }

    fn answered(&mut self, protocol: &Protocol, id: usize, answer: Answer) {
        let refresh = self.calls[id].refresh;
        self.calls[id].at = match answer {
            Answer::Hit { version, stale, .. } if !stale || !refresh => {
                self.end(protocol, id, Some(version), Some(true), Followers::InTime);
                if stale && self.nodes[protocol.bounds.callers[id]].flight.is_none() {
                    self.calls[id].refresh = true;
                    self.board(protocol, id);
                }
                return;
            }
            Answer::Hit { id, .. } => Stage::Take(Standing::Stale { id }),
            Answer::Fenced => Stage::Alone { outage: false },
            Answer::Leased => Stage::Take(self.standing(protocol, 0)),
            Answer::Miss { dead } => Stage::Take(self.standing(protocol, dead)),
        };
    }

    fn standing(&mut self, protocol: &Protocol, id: u8) -> Standing {
        let token = if protocol.has(Rule::ServerTokens) { 0 } else { self.token() };
        Standing::Dead { id, token }
    }

    /// *acquire* or *refresh* is carried out.
    fn take(&mut self, protocol: &Protocol, standing: Standing) -> Acquired {
        match standing {
            Standing::Dead { id, token } => self.acquire(protocol, id, token),
            Standing::Stale { id } => self.refresh(protocol, id),
        }
    }

    /// A command says that the flight's value is not outdated: all who joined before may have it.
    fn confirm(&mut self, id: usize) {
        self.confirm_as(id, Joined::Late, Joined::InTime);
    }

    fn confirm_as(&mut self, id: usize, before: Joined, after: Joined) {
        for call in &mut self.calls {
            if call.at == (Stage::Follow { leader: id, joined: before }) {
                call.at = Stage::Follow { leader: id, joined: after };
            }
        }
    }

    /// The flight ends: memory keeps the value if nothing took the flight out of the table, and the others have it as
    /// far as they may. `keep` is whether Redis confirmed what memory keeps.
    fn end(&mut self, protocol: &Protocol, id: usize, version: Option<u8>, keep: Option<bool>, who: Followers) {
        let node = &mut self.nodes[protocol.bounds.callers[id]];
        if node.flight == Some(id) {
            node.flight = None;
            if let (true, Some(version), Some(confirmed)) = (protocol.bounds.memory, version, keep) {
                node.memory = Some(Kept { version, confirmed });
            }
        }
        self.judge_answer(id, version);
        self.finish(id);
        for follower in 0..CALLS {
            let Stage::Follow { leader, joined } = self.calls[follower].at else { continue };
            if leader != id {
                continue;
            }
            let is_given = match who {
                Followers::InTime => joined == Joined::InTime || !protocol.has(Rule::JoinBeforeConfirmed),
                Followers::All => true,
                Followers::None => false,
            };
            if is_given {
                self.judge_answer(follower, version);
                self.finish(follower);
            } else {
                self.board(protocol, follower);
            }
        }
    }

    fn judge_answer(&mut self, id: usize, version: Option<u8>) {
        let call = &self.calls[id];
        if !call.refresh && version.is_some_and(|version| version < call.floor) {
            self.broken = Some(Promise::Answer);
        }
    }

    fn finish(&mut self, id: usize) {
        let call = &mut self.calls[id];
        (call.at, call.floor, call.refresh, call.over) = (Stage::Idle, 0, false, false);
    }

    /// A command is given up.
    pub(crate) fn time_out(&mut self, protocol: &Protocol, id: usize) {
        self.spend_timeout();
        self.disbelieve(protocol, id);
    }

    /// Whatever a command is answered is not believed; it may still be carried out.
    pub(crate) fn disbelieve(&mut self, protocol: &Protocol, id: usize) {
        self.calls[id].at = match self.calls[id].at {
            Stage::Take(standing) => {
                self.redis.late.get_or_insert(match standing {
                    Standing::Dead { id, token } => Late::Acquire { token, dead: id },
                    Standing::Stale { id } => Late::Refresh { id },
                });
                if protocol.has(Rule::ServerTokens) { Stage::Alone { outage: true } } else { Stage::Take(standing) }
            }
            Stage::Fill { token, tag, version } => {
                self.redis.late.get_or_insert(Late::Fill { token, version, tag });
                Stage::AloneLoaded { version, outage: true }
            }
            Stage::Filled { version, .. } => {
                self.confirm_as(id, Joined::BeforeFill, Joined::Late);
                Stage::AloneLoaded { version, outage: true }
            }
            _ => Stage::Alone { outage: true },
        };
    }

    /// What was queued in an outage: a node that noticed one gives out nothing older.
    fn floor_of_outage(&self, node: usize) -> u8 {
        if self.nodes[node].noticed { self.kept } else { 0 }
    }

    /// Whether a command may be given up that may be carried out later.
    pub(crate) fn may_give_up(&self) -> bool {
        (self.left.timeouts > 0 || self.redis.hangs) && self.redis.late.is_none()
    }

    /// While the server hangs, every command is given up.
    pub(crate) fn spend_timeout(&mut self) {
        self.left.timeouts -= u8::from(!self.redis.hangs);
    }

    /// A call that waits for another node's load goes on without it.
    pub(crate) fn give_up(&mut self, id: usize) {
        self.left.expiries -= u8::from(self.holder_lives());
        self.calls[id].at = Stage::Alone { outage: false };
    }
}
