//! Making one state of those that differ in nothing that matters.
//!
//! Tokens and nonces are compared for equality only, so those that still occur are renamed to 1, 2, … in the order in
//! which they stand in a state. Moments that are long past are as good as one. Where both nodes do the same, a state and
//! its mirror image are one.

use crate::{
    judge::Promise,
    rules::{Protocol, Rule},
    world::{Answer, CALLS, Cell, Late, Stage, Standing, Tag, World, Writer},
};

/// More names than ever occur in one state.
const NAMES: usize = 24;

/// The new name of each old one; zero stands for none and stays.
struct Names([u8; NAMES], u8);

impl Names {
    fn rename(&mut self, name: &mut u8) {
        if *name != 0 {
            let new = &mut self.0[usize::from(*name)];
            if *new == 0 {
                self.1 += 1;
                *new = self.1;
            }
            *name = *new;
        }
    }
}

impl World {
    /// The state that stands for this one and all that are as good.
    pub(crate) fn representative(mut self, protocol: &Protocol) -> Self {
        if protocol.is_symmetric() {
            let mut mirrored = self.mirrored();
            mirrored.rename(protocol);
            self.rename(protocol);
            return self.min(mirrored);
        }
        self.rename(protocol);
        self
    }

    fn rename(&mut self, protocol: &Protocol) {
        let mut tokens = Names([0; NAMES], 0);
        self.each_token(&mut |token| tokens.rename(token));
        self.tokens = tokens.1;
        if protocol.tags() && protocol.has(Rule::TagNonce) {
            let mut nonces = Names([0; NAMES], 0);
            self.each_nonce(&mut |nonce| nonces.rename(nonce));
            self.nonces = nonces.1;
        }
        if !protocol.promises.contains(&Promise::OneLoad) {
            self.calls.iter_mut().for_each(|call| call.over = false);
        }
        self.forget_when(protocol.bounds.delta);
    }

    /// What happened before Δ ago, happened then; a deadline that is over, was over a moment ago.
    fn forget_when(&mut self, delta: u8) {
        let (long_ago, over) = (self.now.saturating_sub(delta), self.now.saturating_sub(1));
        for moment in &mut self.told_at {
            *moment = long_ago.max(*moment);
        }
        for node in &mut self.nodes {
            node.trusted_until = over.max(node.trusted_until);
            for sent in [&mut node.ping, &mut node.inbox.pong].into_iter().flatten() {
                *sent = over.saturating_sub(delta).max(*sent);
            }
        }
    }

    /// The nodes and their callers change places.
    fn mirrored(mut self) -> Self {
        self.nodes.swap(0, 1);
        self.calls.swap(0, 1);
        for node in &mut self.nodes {
            node.flight = node.flight.map(|call| 1 - call);
            if let Writer::Telling(telling) = &mut node.writer {
                telling.origin = telling.origin.map(|node| 1 - node);
            }
        }
        if let Some(Late::Invalidate(telling) | Late::Lift(telling)) = &mut self.redis.late {
            telling.origin = telling.origin.map(|node| 1 - node);
        }
        self
    }

    fn each_cell(&mut self, f: &mut impl FnMut(&mut Cell)) {
        f(&mut self.redis.cell);
        if let Some((cell, _)) = &mut self.redis.saved {
            f(cell);
        }
        for call in 0..CALLS {
            if let Stage::ReadTags(cell) = &mut self.calls[call].at {
                f(cell);
            }
        }
    }

    fn each_token(&mut self, f: &mut impl FnMut(&mut u8)) {
        self.each_cell(&mut |cell| match cell {
            Cell::Lease { token, .. } => f(token),
            Cell::Value(value) => f(&mut value.id),
            Cell::Nothing | Cell::Fence(_) => {}
        });
        for call in &mut self.calls {
            match &mut call.at {
                Stage::Answer(Answer::Hit { id, .. } | Answer::Miss { dead: id })
                | Stage::Take(Standing::Stale { id })
                | Stage::Versions { token: id }
                | Stage::Granted { token: id, .. }
                | Stage::Fill { token: id, .. } => f(id),
                Stage::Take(Standing::Dead { id, token }) => {
                    f(id);
                    f(token);
                }
                _ => {}
            }
        }
        match &mut self.redis.late {
            Some(Late::Acquire { token, dead }) => {
                f(token);
                f(dead);
            }
            Some(Late::Refresh { id } | Late::Fill { token: id, .. }) => f(id),
            _ => {}
        }
    }

    fn each_nonce(&mut self, f: &mut impl FnMut(&mut u8)) {
        self.each_cell(&mut |cell| {
            if let Cell::Value(value) = cell {
                f(&mut value.tag);
            }
        });
        let saved = self.redis.saved.as_mut().map(|(_, tag)| tag);
        for tag in [Some(&mut self.redis.tag), saved].into_iter().flatten() {
            if let Tag::Version(version) = tag {
                f(version);
            }
        }
        for call in &mut self.calls {
            if let Stage::Granted { tag, .. } | Stage::Fill { tag, .. } = &mut call.at {
                f(tag);
            }
        }
        if let Some(Late::Fill { tag, .. }) = &mut self.redis.late {
            f(tag);
        }
    }
}
