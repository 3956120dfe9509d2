//! The flow of one call: memory, flight, shared tier, loader, fill.
//!
//! It knows no types: a value is an [`Erased`] one on its way into an entry. What knows the function's types is the thin
//! shell in `private`, which runs the loader between [`Cache::begin`] and [`Lead::fill`].

mod age;
mod ask;
mod batch;
mod body;
mod change;
mod deadline;
mod lead;
mod miss;
mod stale;
mod start;
mod sweep;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::task::yield_now;

use crate::{
    background::Background,
    clock::{Clock, Tick},
    coherence::{self, Coherence},
    entry::{Entry, Origin},
    envelope::Envelope,
    erased::AnyCodec,
    events::{Counters, Stats, count},
    flight::{Boarding, Flights, Followed, Leader, Load, Ticket},
    fronts::Fronts,
    key::{Key, KeyBuf, KeyRef},
    loader::Running,
    memory::{Memory, OVERHEAD},
    names::Names,
    policy::Settings,
    private::Keyed,
    refresh::Replaced,
    returns::SharedError,
    runtime::Surroundings,
    shared::{HeldLease, Shared, Turn},
    tags::{AnyTag, TagBoard},
    without::{Rule, without},
};

use self::ask::{Answer, Misses};
pub(crate) use self::{
    batch::Place,
    lead::{Lead, Loaded},
    miss::{Failed, Miss},
    stale::Ended,
};

/// A part of the flow that is compiled here, once: the poll function of an async function that others await would be
/// compiled into every crate that does. It runs on misses and for controls, where a box is nothing.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Tags of one entry, as text.
pub type Tags = Vec<String>;

/// The cache of one function in one runtime.
pub(crate) struct Cache {
    settings: Settings,
    name: String,
    names: Names,
    memory: Option<Memory>,
    shared: Option<(Shared, Arc<dyn AnyCodec>)>,
    misses: Misses,
    /// What other nodes change, where the shared tier tells of it.
    coherence: Option<Arc<Coherence>>,
    envelope: Arc<Envelope>,
    flights: Arc<Flights>,
    background: Background,
    /// How long a source that failed is left alone while a stale value is served.
    throttle: Duration,
    tags: Arc<TagBoard>,
    fronts: Arc<Fronts>,
    /// Advanced by a clear; entries and loads of an earlier generation are dead.
    generation: AtomicU64,
    counters: Counters,
    clock: Clock,
    hasher: foldhash::fast::RandomState,
}

/// How a call that memory did not answer goes on.
pub(crate) enum Begun {
    /// A tier, or another caller's load, has the value.
    Found(Found),
    /// Another caller's load failed.
    Failed(SharedError),
    /// The caller runs the loader.
    Lead(Lead),
    /// A refresh has nothing to do: somebody else loads the value.
    Spared,
}

/// What a load is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A call that waits for it.
    Call,
    /// A value that is served meanwhile.
    Refresh,
}

/// An entry, and where it came from.
pub(crate) struct Found {
    pub(crate) entry: Arc<Entry>,
    pub(crate) origin: Origin,
}

/// What a load may do with its value.
enum Permit {
    /// There is no shared tier; memory keeps it.
    Alone,
    /// It goes into the shared tier while the lease stands, then into memory.
    Leased(HeldLease),
    /// The shared tier cannot be asked; memory keeps it for a moment. Few loads run so at a time: each has a turn, which a
    /// value that is at hand does not need.
    Outage(Option<Turn>),
    /// Another node holds the lease for too long, or a writer fences the key; nothing keeps it.
    Unleased,
}

impl Cache {
    pub(crate) fn new(settings: Settings, surroundings: &Surroundings) -> Self {
        let counters = Counters::default();
        let shared = surroundings.shared.clone().zip(settings.codec.clone());
        Self {
            name: settings.display_name(),
            names: Names::new(&surroundings.namespace, &settings),
            memory: settings
                .memory
                .then(|| Memory::new(surroundings.engine, &settings, Arc::clone(&counters.evictions))),
            coherence: shared.as_ref().and_then(|(shared, _)| shared.coherence()).cloned(),
            shared,
            misses: Misses::default(),
            envelope: Arc::clone(&surroundings.envelope),
            flights: Arc::new(Flights::new()),
            background: surroundings.background.clone(),
            throttle: surroundings.throttle,
            tags: Arc::clone(&surroundings.tags),
            fronts: Arc::clone(&surroundings.fronts),
            generation: AtomicU64::new(0),
            counters,
            clock: surroundings.clock.clone(),
            hasher: foldhash::fast::RandomState::default(),
            settings,
        }
    }

    /// A memory hit: no await, no lock held, nothing allocated.
    ///
    /// Not inlined: it is the same for every function, and the table's look-up would be compiled into each of them.
    #[inline(never)]
    pub(crate) fn hit(&self, call: &KeyBuf) -> Option<Arc<Entry>> {
        let entry = self.memory.as_ref()?.get(self.key(call))?;
        if self.answers(&entry) {
            self.counters.memory_hit();
            Some(entry)
        } else {
            None
        }
    }

    /// What follows when memory does not answer: one caller of a key leads, the others follow.
    async fn begin(self: Arc<Self>, call: Keyed) -> Begun {
        count(&self.counters.misses);
        let key = self.key(&call.key).to_key();
        let mut is_crowded = false;
        loop {
            match self.flights.board(&key, self.generation(), || self.ticket(&call)) {
                // Another flight may have landed between this call's look-up and its boarding.
                Boarding::Lead(leader) => {
                    if let Some(entry) = self.find(key.borrowed()) {
                        return Begun::Found(Found { entry, origin: Origin::Memory });
                    }
                    if is_crowded {
                        // Those who start over with this call board before its command is sent, and share its answer.
                        yield_now().await;
                    }
                    return self.lead(leader, &call, None).await;
                }
                Boarding::Follow(follower) => {
                    count(&self.counters.followers);
                    match follower.outcome().await {
                        Followed::Value(entry) => return Begun::Found(Found { entry, origin: Origin::Flight }),
                        Followed::Error(error) => return Begun::Failed(error),
                        Followed::StartOver => {}
                        Followed::Inside => self.refuse_recursion(),
                    }
                    if let Some(entry) = self.find(key.borrowed()) {
                        return Begun::Found(Found { entry, origin: Origin::Memory });
                    }
                    is_crowded = true;
                }
                Boarding::Inside => self.refuse_recursion(),
            }
        }
    }

    /// A load that needs its own value would wait for itself for ever.
    pub(crate) fn refuse_recursion(&self) -> ! {
        panic!("`{}` was called by its own load, for the key that is being loaded", self.name)
    }

    /// The same for a key that nobody else uses.
    pub(crate) fn begin_alone(self: &Arc<Self>, call: Keyed) -> Boxed<'static, Begun> {
        Box::pin(Arc::clone(self).begin(call))
    }

    /// The same for a value that is served meanwhile.
    async fn begin_refresh(self: Arc<Self>, call: Keyed, served: Arc<Entry>) -> Begun {
        let key = self.key(&call.key).to_key();
        // Another refresh may have landed between this one's call and its boarding.
        let is_done = || self.find(key.borrowed()).is_some_and(|entry| !Arc::ptr_eq(&entry, &served));
        match self.flights.board(&key, self.generation(), || self.ticket(&call)) {
            Boarding::Lead(_) if is_done() => Begun::Spared,
            Boarding::Lead(leader) => self.lead(leader, &call, Some(&served)).await,
            Boarding::Follow(_) | Boarding::Inside => Begun::Spared,
        }
    }

    /// The leader's way to its load: the shared tier may have the value, or a newer one than is `served` meanwhile.
    async fn lead(self: &Arc<Self>, leader: Leader, call: &Keyed, served: Option<&Arc<Entry>>) -> Begun {
        let answer = loop {
            match self.ask_shared(&leader, call, served).await {
                Answer::Bypass => {
                    if let Some(turn) = self.turn(Load::of([&leader])).await {
                        break Answer::Load(Permit::Outage(Some(turn)), None);
                    }
                }
                answer => break answer,
            }
        };
        self.answered(leader, call, answer).await
    }

    /// What an answer of the shared tier makes of the leader.
    async fn answered(self: &Arc<Self>, leader: Leader, call: &Keyed, answer: Answer) -> Begun {
        match answer {
            Answer::Value(entry) => {
                count(&self.counters.shared_hits);
                let is_followed = leader.is_followed();
                leader.land(Arc::clone(&entry), |key, entry| self.remember(key, entry));
                if is_followed {
                    // Those who joined too late for this answer start over, and do so before this caller's next call:
                    // a caller that calls again and again would be ahead of them for ever.
                    yield_now().await;
                }
                Begun::Found(Found { entry, origin: Origin::Shared })
            }
            Answer::Kept(entry) => Begun::Found(self.serve_kept(leader, entry)),
            Answer::Load(permit, stale) => {
                let key = self.key(&call.key);
                let stale = match permit {
                    Permit::Alone | Permit::Outage(_) => self.usable(key),
                    // The shared tier keeps what is stale, unless somebody invalidated it.
                    Permit::Leased(_) | Permit::Unleased => {
                        if stale.is_none() {
                            self.forget_stale(key);
                        }
                        stale
                    }
                };
                Begun::Lead(Lead::new(Arc::clone(self), leader, permit).over(stale))
            }
            Answer::Fail(error) => {
                leader.fail(Some(error.clone()));
                Begun::Failed(error)
            }
            Answer::Busy => Begun::Spared,
            Answer::Bypass => unreachable!("who loads without the shared tier has a turn"),
        }
    }

    /// Ends the flight with what memory has, for want of an answer of the shared tier.
    fn serve_kept(&self, leader: Leader, entry: Arc<Entry>) -> Found {
        if entry.staleness(self.clock.now()).is_some() {
            count(&self.counters.stale);
        }
        leader.land_unconfirmed(Arc::clone(&entry), |_, _| {});
        Found { entry, origin: Origin::Memory }
    }

    fn find(&self, key: KeyRef<'_>) -> Option<Arc<Entry>> {
        let entry = self.memory.as_ref()?.peek(key)?;
        self.answers(&entry).then_some(entry)
    }

    /// Whether a tier has an answer to a call.
    pub(crate) async fn holds(&self, call: &Keyed) -> bool {
        self.find(self.key(&call.key)).is_some() || matches!(self.look(call).await, ask::Seen::Value(_))
    }

    /// Whether an entry of memory may answer a call.
    #[inline]
    fn answers(&self, entry: &Entry) -> bool {
        let now = self.clock.now();
        self.vouches_for(entry, now) && entry.is_live(now, self.generation())
    }

    /// Whether this node would have heard of a change on another one. To be asked before the entry is looked at.
    #[inline]
    fn vouches_for(&self, entry: &Entry, now: Tick) -> bool {
        match &self.coherence {
            None => true,
            Some(coherence) => coherence.vouches(entry.meta.asked, self.clock.system(now)),
        }
    }

    /// The same, asked now.
    fn is_vouched_for(&self, entry: &Entry) -> bool {
        self.vouches_for(entry, self.clock.now())
    }

    fn remember(&self, key: Key, entry: Arc<Entry>) {
        if let Some(memory) = &self.memory {
            if let Some(weight) = &self.settings.weight {
                entry.weigh(|| key.size() + OVERHEAD + weight(&entry.value) as u64);
            }
            memory.insert(key, entry);
        }
    }

    #[inline]
    fn key<'a>(&self, call: &'a KeyBuf) -> KeyRef<'a> {
        call.hashed(&self.hasher)
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// To be taken before the first command, or the load, whose answer it dates.
    fn ticket(&self, call: &Keyed) -> Ticket {
        let coherence = self.coherence.as_ref();
        let stamping = coherence.filter(|_| !without(Rule::Stamps));
        let name = stamping.map(|_| self.names.key(&call.key));
        let seen = stamping.zip(name.as_deref()).map(|(known, name)| known.seen(name));
        Ticket {
            asked: coherence.map(|_| coherence::now()).unwrap_or_default(),
            generation: self.generation(),
            tags: self.tags.observe(&call.tags, seen),
            any_tag: self.settings.tags_of.as_ref().map(|_| AnyTag::observe(&self.tags)),
            name,
        }
    }

    /// Computes an entry's validator, unless it has one.
    pub(crate) fn validate(&self, entry: &Entry) {
        let _ = entry.validated(self.settings.validate);
    }

    pub(crate) fn stats(&self) -> Stats {
        let weight = self.memory.as_ref().filter(|_| self.settings.weight.is_some()).map_or(0, Memory::weight);
        Stats { bytes: weight, ..self.counters.snapshot(self.memory.as_ref().map_or(0, Memory::len)) }
    }

    pub(crate) fn now(&self) -> Tick {
        self.clock.now()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A load that begins now, and what it replaces.
    pub(crate) fn running<'a>(
        &self,
        leads: impl Iterator<Item = &'a Lead> + Clone,
        stale: Option<&Arc<Entry>>,
    ) -> Running {
        let replaced = stale.map(|entry| Replaced::new(Arc::clone(entry), self.settings.validate));
        let turn = leads.clone().find_map(Lead::turn).cloned();
        Running::new(&self.name, replaced, Load::of(leads.map(Lead::leader)).by(turn))
    }

    /// Counts a loader's run.
    pub(crate) fn loaded(&self, time: Duration, is_ok: bool) {
        self.counters.loaded_in(time);
        if !is_ok {
            count(&self.counters.load_errors);
        }
    }
}
