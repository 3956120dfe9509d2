//! A call that runs the loader, and what becomes of the result.

use std::{
    any::Any,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{Boxed, Cache, Permit};
use crate::{
    clock::Tick,
    entry::Entry,
    erased::{Erased, erase},
    events::count,
    flight::Leader,
    returns::SharedError,
    shared::{HeldLease, Turn},
    tags::TagSeen,
    tier::NewEntry,
    validator::Validator,
};

/// A caller that runs the loader for all who wait. Dropping it hands its part to one of them, and its lease back.
pub(crate) struct Lead {
    cache: Arc<Cache>,
    leader: Leader,
    permit: Permit,
    /// The value that the load replaces, if it is still of use.
    stale: Option<Arc<Entry>>,
}

/// A loaded value, on its way to the tiers.
pub(crate) struct Loaded {
    value: Box<dyn Erased>,
    time: Duration,
    described: bool,
    modified: SystemTime,
}

impl Loaded {
    /// What a load that took so long gave; `described` asks for its validator.
    pub(crate) fn new(value: Box<dyn Erased>, time: Duration, described: bool) -> Self {
        Self { value, time, described, modified: SystemTime::now() }
    }

    /// What a load found to be as this entry has it.
    pub(super) fn unchanged_since(self, entry: Option<Arc<Entry>>) -> Self {
        let modified = entry.map_or(self.modified, |entry| entry.meta.modified.into());
        Self { modified, ..self }
    }

    /// A value that no load gave.
    pub(crate) fn put(value: Box<dyn Erased>) -> Self {
        Self::new(value, Duration::ZERO, false)
    }
}

/// What becomes of a loaded value.
pub(super) struct Fate {
    /// `None` for a value that nothing keeps.
    pub(super) lifetime: Option<Duration>,
    /// For how long after its lifetime it is of use.
    pub(super) grace: Duration,
    pub(super) load_time: Duration,
    pub(super) modified: SystemTime,
    pub(super) asked: Tick,
    pub(super) generation: u64,
    pub(super) tags: Option<Arc<[TagSeen]>>,
    pub(super) validator: Option<Validator>,
    /// The mark of the lease by which the shared tier is given it; zero for none.
    pub(super) fill: u16,
}

/// What the shared tier made of a value, and so what memory and the followers may.
#[derive(Clone, Copy)]
enum Landing {
    /// It was not asked; memory keeps the value.
    Alone,
    /// It has the value.
    Confirmed,
    /// It could not be asked; memory keeps the value for a moment.
    Outage,
    /// It was asked, and did not answer; memory keeps the value for a moment.
    Unanswered,
    /// It was not asked, for want of a lease; nothing keeps the value.
    Unleased,
    /// The key was invalidated meanwhile; the value is its own caller's.
    Refused,
}

impl Landing {
    /// After a fill or a release, which tell whether the lease still stood.
    fn after(stood: Option<bool>) -> Self {
        match stood {
            Some(true) => Self::Confirmed,
            Some(false) => Self::Refused,
            None => Self::Unanswered,
        }
    }
}

impl Lead {
    pub(super) fn new(cache: Arc<Cache>, leader: Leader, permit: Permit) -> Self {
        if matches!(permit, Permit::Unleased | Permit::Outage(_)) {
            // Nothing will confirm this load's value, so only those who came before it began may share it.
            leader.confirming();
        }
        Self { cache, leader, permit, stale: None }
    }

    /// Whether any tier is going to take the value, as far as that is known before the load.
    pub(crate) fn is_let_in(&self) -> bool {
        !matches!(self.permit, Permit::Unleased)
    }

    /// Notes the value that the load replaces.
    pub(super) fn over(self, stale: Option<Arc<Entry>>) -> Self {
        Self { stale, ..self }
    }

    /// The value that the load replaces, if it is still of use.
    pub(crate) fn stale(&self) -> Option<&Arc<Entry>> {
        self.stale.as_ref().filter(|_| self.leader.stands())
    }

    pub(crate) fn leader(&self) -> &Leader {
        &self.leader
    }

    /// The turn by which it loads without the shared tier.
    pub(crate) fn turn(&self) -> Option<&Turn> {
        if let Permit::Outage(turn) = &self.permit { turn.as_ref() } else { None }
    }

    /// Hands a loaded value to the tiers and the followers.
    pub(crate) fn fill(self, loaded: Loaded) -> Boxed<'static, Arc<Entry>> {
        Box::pin(self.hand_on(loaded))
    }

    async fn hand_on(self, loaded: Loaded) -> Arc<Entry> {
        let (fate, cache, value) = (self.fate(&loaded), self.cache, loaded.value);
        let cache = &*cache;
        match self.permit {
            Permit::Leased(lease) => {
                self.leader.confirming();
                let stood = match cache.new_entry(&lease, value.as_any(), &fate) {
                    Some(new) => lease.fill(new).await,
                    None => lease.release().await,
                };
                settle(cache, self.leader, value, fate, Landing::after(stood))
            }
            Permit::Alone => settle(cache, self.leader, value, fate, Landing::Alone),
            Permit::Outage(_) => settle(cache, self.leader, value, fate, Landing::Outage),
            Permit::Unleased => settle(cache, self.leader, value, fate, Landing::Unleased),
        }
    }

    /// Ends the flight with the loader's error, unless there is a stale value to end it with. `error_ttl` may keep the
    /// error.
    pub(crate) fn fail(mut self, error: &dyn Any) -> Boxed<'static, Option<Arc<Entry>>> {
        if self.cache.settings.is_final.is_some_and(|is_final| is_final(error)) {
            self.stale = None;
            self.cache.forget_stale(self.leader.key());
        }
        let shared = self.cache.settings.share.and_then(|share| share(error));
        let is_kept = self.cache.error_lifetime(error).is_some();
        Box::pin(self.fall_back(shared, is_kept))
    }

    async fn fall_back(mut self, error: Option<SharedError>, is_kept: bool) -> Option<Arc<Entry>> {
        let stale = self.stale.take().filter(|stale| self.cache.serves_after_error(stale));
        match (stale, error) {
            (None, Some(error)) if is_kept => {
                self.hand_on(Loaded::put(erase(error))).await;
                None
            }
            (stale, error) => {
                // What was invalidated meanwhile, here or on another node, is not served.
                let stood = match self.permit {
                    Permit::Leased(lease) => lease.release().await,
                    Permit::Alone => Some(true),
                    // Nobody can be asked; it must be young, or news must have come in all the while.
                    Permit::Outage(_) => Some(stale.as_ref().is_none_or(|stale| self.cache.is_vouched_for(stale))),
                    Permit::Unleased => Some(false),
                };
                if stood == Some(false) {
                    self.cache.forget_stale(self.leader.key());
                }
                match stale.filter(|_| stood != Some(false)) {
                    Some(stale) if self.cache.leave_alone(&stale, self.cache.throttle) => {
                        let cache = &self.cache;
                        let remember = |key, entry| cache.remember(key, entry);
                        self.leader.land_if_standing(Arc::clone(&stale), remember).then_some(stale)
                    }
                    _ => {
                        self.leader.fail(error);
                        None
                    }
                }
            }
        }
    }

    fn fate(&self, loaded: &Loaded) -> Fate {
        let (cache, ticket, value) = (&self.cache, self.leader.ticket(), loaded.value.as_any());
        let (mut lifetime, mut tags) = (cache.lifetime(value), ticket.tags.clone());
        if let (Some(tags_of), Some(before)) = (&cache.settings.tags_of, &ticket.any_tag) {
            match before.and(tags.as_deref(), &tags_of(value)) {
                Some(all) => tags = Some(all),
                None => lifetime = None,
            }
        }
        let wanted = loaded.described || matches!(self.permit, Permit::Leased(_));
        let validator = cache.settings.validate.filter(|_| wanted).and_then(|validate| validate(value));
        let grace = lifetime.map_or(Duration::ZERO, |_| cache.grace(value));
        Fate {
            lifetime,
            grace,
            load_time: loaded.time,
            modified: loaded.modified,
            asked: ticket.asked,
            generation: ticket.generation,
            tags,
            validator,
            fill: if let Permit::Leased(lease) = &self.permit { lease.mark() } else { 0 },
        }
    }

    /// What a lease is filled with, if the value is to be kept in the shared tier; the rest settles without it.
    fn into_fill(self, loaded: Loaded) -> (Pending, Option<(HeldLease, NewEntry)>) {
        let (fate, cache, value) = (self.fate(&loaded), self.cache, loaded.value);
        let (landing, fill) = match self.permit {
            Permit::Leased(lease) => {
                self.leader.confirming();
                let new = cache.new_entry(&lease, value.as_any(), &fate);
                (Landing::Unleased, new.map(|new| (lease, new)))
            }
            Permit::Alone => (Landing::Alone, None),
            Permit::Outage(_) => (Landing::Outage, None),
            Permit::Unleased => (Landing::Unleased, None),
        };
        (Pending { cache, leader: self.leader, value, fate, landing }, fill)
    }
}

/// Hands many loaded values to the tiers and the followers, with one exchange for all that are filled in the shared tier.
pub(crate) async fn fill_many(cache: &Cache, loaded: Vec<(Lead, Box<dyn Erased>)>) -> Vec<Arc<Entry>> {
    let (mut pending, mut fills) = (Vec::new(), Vec::new());
    for (index, (lead, value)) in loaded.into_iter().enumerate() {
        let (one, fill) = lead.into_fill(Loaded::put(value));
        pending.push(one);
        fills.extend(fill.map(|fill| (index, fill)));
    }
    if let Some((shared, _)) = &cache.shared
        && !fills.is_empty()
    {
        let (indices, fills): (Vec<_>, Vec<_>) = fills.into_iter().unzip();
        for (index, stood) in indices.into_iter().zip(shared.fill_many(fills).await) {
            pending[index].landing = Landing::after(stood);
        }
    }
    pending.into_iter().map(|one| settle(&one.cache, one.leader, one.value, one.fate, one.landing)).collect()
}

/// A loaded value whose fill is under way.
struct Pending {
    cache: Arc<Cache>,
    leader: Leader,
    value: Box<dyn Erased>,
    fate: Fate,
    landing: Landing,
}

/// Ends the flight: hands the value to memory, as far as it may be kept, and to the followers, as far as they may have it.
fn settle(cache: &Cache, leader: Leader, value: Box<dyn Erased>, fate: Fate, landing: Landing) -> Arc<Entry> {
    let is_kept = fate.lifetime.is_some();
    let remember = |key, entry| {
        if is_kept {
            cache.remember(key, entry);
        }
    };
    let keep = if matches!(landing, Landing::Outage | Landing::Unanswered) {
        cache.kept_in_outage(fate.asked)
    } else {
        Duration::MAX
    };
    let entry = cache.entry(value, fate, keep);
    match landing {
        Landing::Alone => leader.land_unconfirmed(Arc::clone(&entry), remember),
        Landing::Unanswered => leader.land_unanswered(Arc::clone(&entry), remember),
        Landing::Confirmed | Landing::Outage => leader.land(Arc::clone(&entry), remember),
        Landing::Unleased => leader.land(Arc::clone(&entry), |_, _| {}),
        Landing::Refused => {
            count(&cache.counters.refused_fills);
            cache.forget_stale(leader.key());
            leader.fail(None);
        }
    }
    entry
}
