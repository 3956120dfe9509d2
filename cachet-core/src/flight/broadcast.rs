//! What one tells and many wait for: told once, or never.
//!
//! A listener that waits has a slot with its waker. Whoever ends the broadcast takes all slots in the step that makes it
//! over, under one lock; so a listener either has its waker among those that are woken, or finds the broadcast over.
//!
//! A waker is foreign code: to wake, copy or drop it may run a task, or drop one that listens here as well. So that is
//! done while the lock is not held.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::PoisonError,
    task::{Context, Poll, Waker},
};

use super::sync::{Mutex, MutexGuard};

pub(super) struct Broadcast<T>(Mutex<State<T>>);

enum State<T> {
    Open(Listeners),
    /// `None` where nothing was told.
    Over(Option<T>),
}

/// The wakers of those who wait. A slot that was given back is the next one's, so that there are never more slots than
/// there were listeners at a time.
#[derive(Default)]
struct Listeners {
    slots: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl<T> Broadcast<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State::Open(Listeners::default())))
    }

    /// Ends it for all who listen and will, unless it is over already.
    pub(super) fn end(&self, told: Option<T>) {
        for waker in self.close(told).into_iter().flatten() {
            waker.wake();
        }
    }

    /// Ends it, and gives the wakers of those who wait.
    fn close(&self, told: Option<T>) -> Vec<Option<Waker>> {
        let mut state = self.state();
        if matches!(*state, State::Over(_)) {
            return Vec::new();
        }
        match mem::replace(&mut *state, State::Over(told)) {
            State::Open(listeners) => listeners.slots,
            State::Over(_) => unreachable!("it was open under the same lock"),
        }
    }

    /// Whether anybody waits for it.
    pub(super) fn is_awaited(&self) -> bool {
        matches!(&*self.state(), State::Open(listeners) if listeners.slots.len() > listeners.free.len())
    }

    /// Waits for what is told; `None` when it ended without.
    pub(super) fn listen(&self) -> Listening<'_, T> {
        Listening { broadcast: self, slot: None }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listeners {
    /// Puts a waker into the listener's slot, which it is given the first time, and gives the one that was there.
    fn put(&mut self, slot: &mut Option<usize>, waker: Waker) -> Option<Waker> {
        let slot = *slot.get_or_insert_with(|| {
            self.free.pop().unwrap_or_else(|| {
                self.slots.push(None);
                self.slots.len() - 1
            })
        });
        self.slots[slot].replace(waker)
    }

    fn take(&mut self, slot: usize) -> Option<Waker> {
        self.free.push(slot);
        self.slots[slot].take()
    }
}

pub(super) struct Listening<'a, T> {
    broadcast: &'a Broadcast<T>,
    slot: Option<usize>,
}

impl<T: Clone> Future for Listening<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        // Copied before the lock is taken; what it replaces is dropped after the lock was given back.
        let waker = cx.waker().clone();
        let broadcast = self.broadcast;
        let _replaced = match &mut *broadcast.state() {
            State::Over(told) => return Poll::Ready(told.clone()),
            State::Open(listeners) => listeners.put(&mut self.slot, waker),
        };
        Poll::Pending
    }
}

impl<T> Drop for Listening<'_, T> {
    /// Gives the slot back.
    fn drop(&mut self) {
        let Some(slot) = self.slot else { return };
        let _waker = match &mut *self.broadcast.state() {
            State::Open(listeners) => listeners.take(slot),
            State::Over(_) => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_slot_that_was_given_back_is_the_next_ones() {
        let once = || {
            let broadcast = Broadcast::<u32>::new();
            let mut staying = broadcast.listen();
            assert_eq!((&mut staying).now_or_never(), None);
            for _ in 0..100 {
                assert_eq!(broadcast.listen().now_or_never(), None);
            }
            assert_eq!(broadcast.close(Some(1)).len(), 2, "so many listened at a time");
            assert_eq!(staying.now_or_never(), Some(Some(1)));
            assert_eq!(broadcast.listen().now_or_never(), Some(Some(1)), "who comes later hears it too");
        };
        shuttle::check_random(once, 1);
    }
}
