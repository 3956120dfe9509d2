//! Turns of loads without the tier, so that its outage is not the source's as well.
//!
//! A turn is a load's together with everything that it makes or waits for. So the bound is on loads that have begun by
//! themselves, and a load that has a turn never waits for another one.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
    time,
};

use super::{Shared, Thread, lease};
use crate::flight::Load;

/// How often those who wait for a turn look whether they need it still.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The right to load without the tier, held until the last copy is dropped; but for no longer than a lease is kept up: a
/// load that never ends does not hold others up for ever.
#[derive(Clone, Debug)]
pub(crate) struct Turn(#[expect(dead_code, reason = "it is held, and ends by itself")] Arc<Held>);

/// A task that has the permit, until its time is over or it is ended.
#[derive(Debug)]
struct Held(AbortHandle);

impl Turn {
    fn new(thread: &Thread, permit: OwnedSemaphorePermit, longest: Duration) -> Self {
        let holding = async move {
            time::sleep(longest).await;
            drop(permit);
        };
        Self(Arc::new(Held(thread.spawn(holding).abort_handle())))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) fn turns(at_a_time: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(at_a_time.clamp(1, Semaphore::MAX_PERMITS)))
}

impl Shared {
    /// Waits until a load may begin that runs without the tier. `None` says that the tier is to be asked again: it answers
    /// by now, or was never known to be away.
    ///
    /// Who: a load that has a turn, and waits for a flight whose leader waits here; with one turn in all, for ever. When:
    /// it came to wait before or after that leader did, itself or through loads that have none. What ends it: whoever waits
    /// here looks now and then whether a turn waits for it, and takes part in that.
    pub(crate) async fn turn(&self, load: &Load) -> Option<Turn> {
        let (mut was_suspended, since) = (false, Instant::now());
        let mut permit = pin!(Arc::clone(&self.0.turns).acquire_owned());
        loop {
            if let Some(turn) = load.turn_behind() {
                return Some(turn);
            }
            if let Ok(permit) = self.0.thread.here(LOOK_EVERY, permit.as_mut()).await {
                let permit = permit.expect("the turns are there as long as the tier");
                return Some(Turn::new(&self.0.thread, permit, self.0.lease * lease::LONGEST));
            }
            if self.is_suspended() {
                was_suspended = true;
            } else if was_suspended || since.elapsed() >= self.0.lease {
                return None;
            }
        }
    }
}
