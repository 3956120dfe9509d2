//! The deadline of a load: how long it keeps its caller waiting while there is a stale value.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use super::{Cache, Failed, Found, Miss, ask::Seen, stale::Whole};
use crate::{entry::Origin, events::count, private::Keyed};

impl Whole {
    /// Goes on with it until something else is ready, which is the error.
    async fn before<T>(&mut self, other: impl Future<Output = T>) -> Result<Result<Found, Failed>, T> {
        let mut other = pin!(other);
        poll_fn(|cx| match Pin::new(&mut *self).poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Ok(outcome)),
            Poll::Pending => other.as_mut().poll(cx).map(Err),
        })
        .await
    }
}

impl Cache {
    /// Waits for a call until its deadline, and past it where nothing serves in its place. What does is the error.
    pub(super) async fn within(
        &self,
        deadline: Duration,
        call: &Keyed,
        whole: &mut Whole,
    ) -> Result<Result<Found, Failed>, Found> {
        if let Ok(outcome) = whole.before(self.background.timer(deadline)).await {
            return Ok(outcome);
        }
        count(&self.counters.overruns);
        // Another node may have invalidated it during the load.
        let seen = match whole.before(self.look(call)).await {
            Ok(outcome) => return Ok(outcome),
            Err(seen) => seen,
        };
        match self.overrun(&whole.miss, call, seen) {
            Some(found) => Err(found),
            None => Ok(poll_fn(|cx| Pin::new(&mut *whole).poll(cx)).await),
        }
    }

    /// What serves in place of a load that overran its deadline, if anything does.
    fn overrun(&self, miss: &Miss, call: &Keyed, seen: Seen) -> Option<Found> {
        let key = self.key(&call.key);
        let replaced = miss.stale().cloned().or_else(|| self.usable(key));
        let entry = match seen {
            Seen::Unknown => replaced?,
            Seen::Gone => {
                self.forget_stale(key);
                return None;
            }
            Seen::Value(seen) => replaced.filter(|entry| entry.meta.fill == seen.meta.fill).unwrap_or(seen),
        };
        if !self.leave_alone(&entry, self.throttle) {
            return None;
        }
        let is_fresh = entry.staleness(self.clock.now()).is_none();
        count(if is_fresh { &self.counters.shared_hits } else { &self.counters.stale });
        Some(Found { entry, origin: if is_fresh { Origin::Shared } else { Origin::Memory } })
    }
}
