//! Many calls at once: one look at the shared tier for all of them, and flights that single calls share.
//!
//! A batch leads the flights that nobody leads yet, ends them, and only then waits for those that others lead. So two
//! batches that want each other's keys never wait for one another.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{Begun, Boxed, Cache, Lead, Permit, ask::Answer, lead::fill_many};
use crate::{
    entry::Entry,
    erased::Erased,
    events::count,
    flight::{Boarding, Follower, Leader, Load},
    private::Keyed,
    shared::{Grant, Shared},
    tier::{EntryId, Read},
};

/// How one call of a batch goes on.
pub(crate) enum Place {
    /// A tier has the value.
    Found(Arc<Entry>),
    /// The batch runs the loader for it.
    Lead(Lead),
    /// Another caller runs it.
    Follow(Follower),
}

impl Cache {
    /// What the tiers hold of many calls, and who loads the rest.
    pub(crate) fn begin_many<'a>(self: &'a Arc<Self>, calls: &'a [Keyed]) -> Boxed<'a, Vec<Place>> {
        Box::pin(self.board_many(calls))
    }

    async fn board_many(self: &Arc<Self>, calls: &[Keyed]) -> Vec<Place> {
        let mut places: Vec<Option<Place>> = Vec::with_capacity(calls.len());
        let mut leaders = Vec::new();
        for (index, call) in calls.iter().enumerate() {
            match self.board(call) {
                Ok(place) => places.push(Some(place)),
                Err(leader) => {
                    leaders.push((index, leader));
                    places.push(None);
                }
            }
        }
        let led = match &self.shared {
            Some((shared, _)) => self.lead_many(shared, calls, leaders).await,
            None => leaders.into_iter().map(|(index, leader)| (index, self.place(leader, Permit::Alone))).collect(),
        };
        for (index, place) in led {
            places[index] = Some(place);
        }
        places.into_iter().map(|place| place.expect("every call has a place")).collect()
    }

    /// Hands many loaded values to the tiers and the followers.
    pub(crate) fn fill_many(&self, loaded: Vec<(Lead, Box<dyn Erased>)>) -> Boxed<'_, Vec<Arc<Entry>>> {
        Box::pin(fill_many(self, loaded))
    }

    fn board(self: &Arc<Self>, call: &Keyed) -> Result<Place, Leader> {
        if let Some(entry) = self.hit(&call.key) {
            return Ok(Place::Found(entry));
        }
        count(&self.counters.misses);
        let key = self.key(&call.key).to_key();
        match self.flights.board(&key, self.generation(), || self.ticket(call)) {
            // Another flight may have landed between the look-up and the boarding.
            Boarding::Lead(leader) => self.find(key.borrowed()).map(Place::Found).ok_or(leader),
            Boarding::Follow(follower) => {
                count(&self.counters.followers);
                Ok(Place::Follow(follower))
            }
            Boarding::Inside => self.refuse_recursion(),
        }
    }

    fn place(self: &Arc<Self>, leader: Leader, permit: Permit) -> Place {
        Place::Lead(Lead::new(Arc::clone(self), leader, permit))
    }

    /// The shared tier cannot be asked: memory may have the value.
    fn bypass_one(self: &Arc<Self>, leader: Leader, call: &Keyed) -> Result<Place, Leader> {
        match self.kept_for_outages(self.key(&call.key)) {
            Some(entry) => {
                count(&self.counters.bypassed);
                Ok(Place::Found(self.serve_kept(leader, entry).entry))
            }
            None => Err(leader),
        }
    }

    /// All the keys that are loaded without the shared tier are one load, and so have one turn.
    async fn lead_many(
        self: &Arc<Self>,
        shared: &Shared,
        calls: &[Keyed],
        leaders: Vec<(usize, Leader)>,
    ) -> Vec<(usize, Place)> {
        let (mut places, mut left) = (Vec::with_capacity(leaders.len()), leaders);
        while !left.is_empty() {
            let mut bypassing = Vec::new();
            for (index, place) in self.ask_for_many(shared, calls, left).await {
                match place {
                    Ok(place) => places.push((index, place)),
                    Err(leader) => bypassing.push((index, leader)),
                }
            }
            let load = Load::of(bypassing.iter().map(|(_, leader)| leader));
            if !bypassing.is_empty()
                && let Some(turn) = self.turn(load).await
            {
                let place = |leader| self.place(leader, Permit::Outage(Some(turn.clone())));
                places.extend(bypassing.drain(..).map(|(index, leader)| (index, place(leader))));
            }
            left = bypassing;
        }
        places
    }

    /// Asks the shared tier once for all values, and once for leases to load those that it does not have. Whoever is to
    /// load without it comes back as a leader.
    async fn ask_for_many(
        self: &Arc<Self>,
        shared: &Shared,
        calls: &[Keyed],
        leaders: Vec<(usize, Leader)>,
    ) -> Vec<(usize, Result<Place, Leader>)> {
        let lookup = |index: usize| self.lookup(&calls[index]);
        let asked = self.clock.now();
        for (_, leader) in &leaders {
            leader.confirming();
        }
        let read = shared.read_many(leaders.iter().map(|(index, _)| lookup(*index)).collect()).await;
        let (mut places, mut missing, mut stale) = (Vec::new(), Vec::new(), Vec::new());
        for ((index, leader), read) in leaders.into_iter().zip(read) {
            let dead: Option<EntryId> = match read {
                // A program of another version keeps stale values under the same key.
                Some(Read::Hit(stored)) if stored.remaining.is_zero() => {
                    stale.push(self.wait_for_another_node(index, leader, &calls[index]));
                    continue;
                }
                Some(Read::Hit(stored)) => match self.decode(&lookup(index).key, &stored) {
                    Some(value) => {
                        count(&self.counters.shared_hits);
                        let entry = self.mirror(value, &stored, asked, leader.ticket());
                        leader.land(Arc::clone(&entry), |key, entry| self.remember(key, entry));
                        places.push((index, Ok(Place::Found(entry))));
                        continue;
                    }
                    None => Some(stored.id),
                },
                Some(Read::Miss { dead }) => dead,
                Some(Read::Leased) => None,
                Some(Read::Fenced) => {
                    places.push((index, Ok(self.place(leader, Permit::Unleased))));
                    continue;
                }
                None => {
                    places.push((index, self.bypass_one(leader, &calls[index])));
                    continue;
                }
            };
            missing.push((index, leader, dead));
        }
        let grants =
            shared.acquire_many(missing.iter().map(|(index, _, dead)| (lookup(*index), *dead)).collect()).await;
        let mut waiting = stale;
        for ((index, leader, _), grant) in missing.into_iter().zip(grants) {
            let permit = match grant {
                Some(Grant::Lease(lease)) => Permit::Leased(lease),
                Some(Grant::Fenced) => Permit::Unleased,
                Some(Grant::Held(_) | Grant::Filled) => {
                    waiting.push(self.wait_for_another_node(index, leader, &calls[index]));
                    continue;
                }
                None => {
                    places.push((index, self.bypass_one(leader, &calls[index])));
                    continue;
                }
            };
            places.push((index, Ok(self.place(leader, permit))));
        }
        places.extend(join_all(waiting).await);
        places
    }

    /// Goes the way of a single call, which waits for a node that loads or has just loaded the key.
    async fn wait_for_another_node(
        self: &Arc<Self>,
        index: usize,
        leader: Leader,
        call: &Keyed,
    ) -> (usize, Result<Place, Leader>) {
        let answer = match self.ask_shared(&leader, call, None).await {
            Answer::Bypass => return (index, Err(leader)),
            answer => answer,
        };
        match self.answered(leader, call, answer).await {
            Begun::Lead(lead) => (index, Ok(Place::Lead(lead))),
            Begun::Found(found) => (index, Ok(Place::Found(found.entry))),
            Begun::Failed(_) | Begun::Spared => {
                unreachable!("a batch does not fail in an outage, and its leader is told of no other's load")
            }
        }
    }
}
