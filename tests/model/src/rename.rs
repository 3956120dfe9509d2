//! Tokens and nonces are compared for equality only. So those that still occur are renamed to 1, 2, … in the order in
//! which they stand in a state: states that differ in names only become one.

use crate::{
    rules::{Protocol, Rule},
    world::{Answer, CALLS, Cell, Late, Stage, Standing, Tag, World},
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
    pub(crate) fn rename(&mut self, protocol: &Protocol) {
        let mut tokens = Names([0; NAMES], 0);
        self.each_token(&mut |token| tokens.rename(token));
        self.tokens = tokens.1;
        if protocol.tags() && protocol.has(Rule::TagNonce) {
            let mut nonces = Names([0; NAMES], 0);
            self.each_nonce(&mut |nonce| nonces.rename(nonce));
            self.nonces = nonces.1;
        }
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
