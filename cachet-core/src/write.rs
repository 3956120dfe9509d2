//! What `#[invalidates]` and `#[updates]` do around a writer.
//!
//! Before the body runs, a *fence* is set on everything that it is going to change: while it stands, no load is stored in
//! the shared tier, so a load that reads the source before the commit cannot outlive it. After the body, the fence is
//! lifted and what it stood on is invalidated, in this process too. A writer that dies in between leaves fences that end
//! by themselves after [`FENCE`]: a few seconds of loading, never a stale value.

use std::time::Duration;

use crate::{
    erased::erase,
    error::Error,
    returns::Splits,
    runtime::Cachet,
    shared::Shared,
    target::{Addressed, Target},
    tier::{self, WriterId},
    without::{Rule, without},
};

/// How long a fence stands whose writer never comes back. A write that takes longer is still invalidated at its end.
const FENCE: Duration = Duration::from_secs(10);

/// What a writer is going to change.
#[derive(Default)]
pub struct Write {
    entries: Vec<Addressed>,
    tags: Vec<String>,
}

impl Write {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One entry of a cached function.
    #[must_use]
    pub fn entry<R, S>(mut self, target: &Target<R, S>) -> Self {
        self.entries.push(target.entry.clone());
        self
    }

    /// Every entry with a tag.
    #[must_use]
    pub fn tag(mut self, tag: String) -> Self {
        self.tags.push(tag);
        self
    }

    /// Sets the fences, as far as the shared tier can be asked.
    pub async fn begin(self) -> Writing {
        self.fenced().await.0
    }

    /// Sets the fences.
    ///
    /// # Errors
    ///
    /// [`Error::Fence`] when one could not be set, so that the body must not run.
    pub async fn begin_strictly(self) -> Result<Writing, Error> {
        let (mut writing, is_fenced) = self.fenced().await;
        if is_fenced {
            return Ok(writing);
        }
        // Those that were set nevertheless end by themselves; nothing was written, so nothing is invalidated.
        writing.changes = None;
        Err(Error::Fence)
    }

    async fn fenced(self) -> (Writing, bool) {
        let runtime = Cachet::current();
        let shared = runtime.shared();
        let entries = self.entries.iter().filter_map(Addressed::shared_target);
        let tags = self.tags.iter().map(|tag| runtime.tag_target(tag));
        let targets: Vec<_> = shared.iter().flat_map(|_| entries.clone().chain(tags.clone())).collect();
        // The guard comes first: a caller that goes away while the fences are being set lifts them as well.
        let changes = Changes { write: self, runtime, targets, writer: WriterId::unique() };
        let fence = shared.filter(|_| !changes.targets.is_empty() && !without(Rule::Fence));
        let (targets, writer) = (changes.targets.clone(), changes.writer);
        let writing = Writing { changes: Some(changes) };
        let is_fenced = match fence {
            Some(shared) => shared.fence(targets, writer, FENCE).await.is_some(),
            None => true,
        };
        (writing, is_fenced)
    }
}

/// A write under way. Dropping it, as a cancelled or panicking writer does, invalidates: it may have committed.
#[must_use = "a write ends with `commit` or `abandon`"]
pub struct Writing {
    changes: Option<Changes>,
}

struct Changes {
    write: Write,
    runtime: Cachet,
    /// What was fenced in the shared tier.
    targets: Vec<tier::Target>,
    writer: WriterId,
}

impl Writing {
    /// The source was changed: invalidates everywhere, and lifts the fences.
    pub async fn commit(mut self) {
        if let Some(changes) = self.changes.take() {
            changes.drop_local();
            changes.lift(true).await;
        }
    }

    /// The source was not changed: lifts the fences.
    pub async fn abandon(mut self) {
        if let Some(changes) = self.changes.take() {
            changes.lift(false).await;
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(changes) = self.changes.take() {
            changes.drop_local();
            match changes.shared() {
                Some(shared) => shared.spawn(async move { changes.lift(true).await }),
                None => changes.tell(),
            }
        }
    }
}

impl Changes {
    fn shared(&self) -> Option<Shared> {
        self.runtime.shared().filter(|_| !self.targets.is_empty())
    }

    fn drop_local(&self) {
        for entry in &self.write.entries {
            entry.cache.drop_memory(&entry.call.key);
        }
        self.drop_tags();
    }

    fn drop_again(&self) {
        for entry in &self.write.entries {
            entry.cache.drop_again(&entry.call.key);
        }
        self.drop_tags();
    }

    fn drop_tags(&self) {
        for tag in &self.write.tags {
            self.runtime.invalidate_tag_locally(tag);
        }
    }

    /// Takes the fences away, and with them whatever stood there. Memory is dropped again after it: a reader between
    /// the two may have brought the old value back from the shared tier. Those in front are told last, of a change.
    async fn lift(self, changed: bool) {
        let Some(shared) = self.shared() else {
            if changed {
                self.tell();
            }
            return;
        };
        let (targets, writer) = (self.targets.clone(), self.writer);
        let after = move || {
            self.drop_again();
            if changed {
                self.tell();
            }
        };
        // Where the tier cannot be told, it is told later, and this node asks it for nothing until then.
        let _ = shared.lift(targets, writer, after).await;
    }

    fn tell(&self) {
        if self.runtime.fronts().are_followed() {
            let entries = self.write.entries.iter().flat_map(|entry| entry.cache.entry_in_front(&entry.call.key));
            self.runtime.tell(&entries.chain(self.write.tags.iter().cloned()).collect::<Vec<_>>());
        }
    }
}

impl<R, S: Splits<R>> Target<R, S> {
    /// Puts a value into the entry, in place of whatever the tiers hold.
    pub async fn put(self, value: S::Stored) {
        let Addressed { cache, call } = self.entry;
        // Those in front were told by the write that this is a part of.
        let _ = cache.put_untold(&call, erase(value)).await;
    }
}

/// What a writer returned; asks its type whether that is a success.
pub struct Outcome<'r, R>(pub &'r R);

/// A `Result`.
pub trait ResultOutcome<'r> {
    /// The value's type.
    type Value;
    /// The value, if the writer succeeded.
    fn value(&self) -> Option<&'r Self::Value>;
}

impl<'r, T, E> ResultOutcome<'r> for &Outcome<'r, Result<T, E>> {
    type Value = T;

    fn value(&self) -> Option<&'r T> {
        self.0.as_ref().ok()
    }
}

/// Anything else, which is a success.
pub trait AnyOutcome<'r> {
    /// The value's type.
    type Value;
    /// The value.
    fn value(&self) -> Option<&'r Self::Value>;
}

impl<'r, R> AnyOutcome<'r> for Outcome<'r, R> {
    type Value = R;

    fn value(&self) -> Option<&'r R> {
        Some(self.0)
    }
}

/// A copy: of an argument, which the body may want too, or of what a writer returned.
pub fn copied<T: Clone>(value: &T) -> T {
    value.clone()
}
