//! The backplane: how a node learns what others change.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use crate::tier::TierFuture;

/// A tier's way of telling every node what one of them changed.
///
/// What is published travels with the write that it tells of, in the order of the writes.
pub trait Backplane: Send + Sync {
    /// Opens a subscription. Whatever is published after this has returned reaches the inbox, unless the subscription
    /// is lost first; what this very node changed may be left out.
    fn subscribe(&self, inbox: Inbox) -> TierFuture<'_, Box<dyn Subscription>>;
}

/// A connection that brings news, until it is dropped.
pub trait Subscription: Send + Sync {
    /// Asks for a sign of life. The answer comes the way that the news come, so it says that everything which was
    /// published before it was asked for has been handed on.
    fn heartbeat(&self) -> TierFuture<'_, ()>;

    /// Ends once the connection is known to be lost. One that hangs is found out by its heartbeat.
    fn lost(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// What the backplane tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum News<'a> {
    /// What is under the key, an entry's or a tag's, was invalidated or fenced.
    Changed(&'a str),
    /// The load that somebody waits for is over.
    Filled(&'a str),
    /// Everything may have changed.
    AllChanged,
}

/// Takes the news of one subscription. It does not block.
#[derive(Clone)]
pub struct Inbox(Arc<dyn Fn(News<'_>) + Send + Sync>);

impl Inbox {
    /// An inbox that hands everything to a function, which must not block.
    pub fn new(take: impl Fn(News<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// Hands one piece of news on.
    pub fn take(&self, news: News<'_>) {
        (self.0)(news);
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}
