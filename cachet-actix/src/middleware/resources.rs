//! What is stored of a URI: a list of its answers, and each of them under a name of its own.
//!
//! The list is a hint, read and written without a lock across nodes: where two write it at once, one of them has to be
//! fetched again. That nothing outlives an invalidation rests on the answers alone, each of which carries the URI's tag
//! from before its load.

use std::time::{Duration, SystemTime};

use actix_web::http::header::HeaderMap;
use cachet_core::{
    __private::{Filling, Keyed, PLAIN, Probed, Shape, Spec, Store, unique},
    Cached, Cachet,
};
use tokio::sync::Mutex;

use super::{
    ask::Ask,
    collapse::landings,
    kept::{Kept, Slot, Variant},
    key::Key,
    revalidate::{is_in_coding_for, is_told_apart},
    vary,
};
use crate::counted::Counted;

/// The most answers to other requests that one request is held against at the origin.
const MOST_OTHERS: usize = 8;

/// One at a time writes the list of a URI, of as many as have different places here.
static WRITERS: [Mutex<()>; 16] = [const { Mutex::const_new(()) }; 16];

#[derive(Clone)]
pub(super) struct Resources {
    store: Store<Slot>,
    most_variants: usize,
}

/// A stored answer that belongs to a request.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) id: u128,
    pub(super) kept: Counted<Kept>,
    pub(super) resident: Duration,
}

/// What memory has for a request.
pub(super) struct Glance {
    landings: u64,
    variants: Option<Counted<Vec<Variant>>>,
    pub(super) selected: Option<Found>,
}

/// What is stored for a request.
pub(super) struct Seen {
    landings: u64,
    variants: Counted<Vec<Variant>>,
    /// The answer that belongs to it.
    pub(super) selected: Option<Found>,
    /// Answers to other requests for the URI, of which the origin may say that one is the answer to this one.
    pub(super) others: Vec<Found>,
}

/// The right to store what is fetched now.
pub(super) struct Opening {
    id: u128,
    filling: Filling<Slot>,
    tags: Vec<String>,
}

impl Resources {
    pub(super) fn open(runtime: &Cachet, max_bytes: u64, most_variants: usize) -> Self {
        let probed = Probed { shape: Shape::<PLAIN>, share: None, validate: None };
        let spec = Spec::new("cachet_actix::ResponseCache", Duration::ZERO, probed)
            .name("responses")
            .postcard()
            .max_bytes(max_bytes)
            .weight(Slot::bytes)
            .ttl_of(Slot::keep);
        Self { store: Store::open(runtime, spec), most_variants }
    }

    pub(super) fn identity(&self) -> usize {
        self.store.identity()
    }

    /// The time on the runtime's clock, for spans between two moments.
    pub(super) fn now(&self) -> Duration {
        self.store.now()
    }

    /// What is stored for a request.
    pub(super) async fn look(&self, ask: &Ask, request: &HeaderMap) -> Seen {
        self.complete(self.glance(ask, request), ask, request).await
    }

    /// What memory has of it.
    pub(super) fn glance(&self, ask: &Ask, request: &HeaderMap) -> Glance {
        let landings = landings();
        let variants = self.store.at_hand(&ask.key.variants()).and_then(listed);
        let newest = variants.as_ref().and_then(|variants| newest_first(variants, request).next());
        let selected = newest.and_then(|variant| found(variant, &self.store.at_hand(&ask.key.response(variant.id))?));
        Glance { landings, variants, selected }
    }

    /// Looks in the other tiers for what a glance did not show.
    pub(super) async fn complete(&self, glance: Glance, ask: &Ask, request: &HeaderMap) -> Seen {
        let Glance { landings, variants, selected } = glance;
        let variants = match variants {
            Some(variants) => variants,
            None => self.variants(&ask.key, ask.tags()).await,
        };
        let selected = match selected {
            Some(found) => Some(found),
            None => self.select(&ask.key, ask.tags(), &variants, request).await,
        };
        let mut seen = Seen { landings, variants, selected, others: Vec::new() };
        if seen.selected.as_ref().is_none_or(|found| !ask.is_content_with(found)) {
            seen.others = self.others(ask, &seen, request).await;
        }
        seen
    }

    /// The newest of the answers to other requests that are worth asking about.
    async fn others(&self, ask: &Ask, seen: &Seen, request: &HeaderMap) -> Vec<Found> {
        let selected = seen.selected.as_ref().map(|found| found.id);
        let told_apart = seen.variants.iter().rev().filter(|variant| is_told_apart(variant));
        let mut others = Vec::new();
        for variant in told_apart.filter(|variant| Some(variant.id) != selected).take(MOST_OTHERS) {
            let found = self.response(&ask.key, ask.tags(), variant).await;
            others.extend(found.filter(|found| is_in_coding_for(&found.kept, request)));
        }
        others
    }

    async fn variants(&self, key: &Key, tags: &[String]) -> Counted<Vec<Variant>> {
        let stored = self.store.look(&Keyed::new(key.variants(), tags.to_vec())).await;
        stored.and_then(listed).unwrap_or_else(|| Counted::from(Vec::new()))
    }

    async fn select(&self, key: &Key, tags: &[String], variants: &[Variant], request: &HeaderMap) -> Option<Found> {
        for variant in newest_first(variants, request) {
            if let Some(found) = self.response(key, tags, variant).await {
                return Some(found);
            }
        }
        None
    }

    async fn response(&self, key: &Key, tags: &[String], variant: &Variant) -> Option<Found> {
        let call = Keyed::new(key.response(variant.id), tags.to_vec());
        found(variant, &self.store.look(&call).await?)
    }

    /// To be called before the origin is asked.
    pub(super) async fn begin(&self, key: &Key, tags: &[String]) -> Option<Opening> {
        let id = unique();
        let filling = self.store.begin(Keyed::new(key.response(id), tags.to_vec())).await?;
        Some(Opening { id, filling, tags: tags.to_vec() })
    }

    /// Stores an answer and enters it into the list, in the place of those that matched the same request. It says whether
    /// the answer is stored: one that was invalidated meanwhile is not.
    pub(super) async fn keep(
        &self,
        key: &Key,
        opening: Opening,
        kept: Kept,
        request: &HeaderMap,
        replaced: Option<u128>,
    ) -> bool {
        let fields = vary::fields(&kept.headers());
        let digest = vary::digest(fields.as_deref().unwrap_or_default(), request);
        let entered = kept.variant(opening.id, fields, digest, SystemTime::now());
        opening.filling.fill(Slot::Response(Counted::from(kept))).await;
        if !self.store.holds(&Keyed::new(key.response(opening.id), opening.tags.clone())).await {
            return false;
        }

        let _writer = writer(key).lock().await;
        let mut variants = self.variants(key, &opening.tags).await.to_vec();
        variants.retain(|variant| {
            let is_same = variant.fields == entered.fields && variant.digest == entered.digest;
            Some(variant.id) != replaced && !(is_same && variant.made <= entered.made)
        });
        variants.push(entered);
        // The oldest give way: a client that makes up values pushes out nothing but answers to this URI.
        let surplus = variants.len().saturating_sub(self.most_variants);
        variants.drain(..surplus);
        self.store.put(&Keyed::new(key.variants(), opening.tags), Slot::Variants(Counted::from(variants))).await;
        true
    }

    /// Takes an answer out of the list.
    pub(super) async fn forget(&self, key: &Key, tags: &[String], id: u128) {
        let _writer = writer(key).lock().await;
        let mut variants = self.variants(key, tags).await.to_vec();
        variants.retain(|variant| variant.id != id);
        self.store.put(&Keyed::new(key.variants(), tags.to_vec()), Slot::Variants(Counted::from(variants))).await;
    }
}

fn writer(key: &Key) -> &'static Mutex<()> {
    &WRITERS[key.uri().bytes().map(usize::from).sum::<usize>() % WRITERS.len()]
}

impl Seen {
    /// Whether something may have been stored since.
    pub(super) fn is_outdated(&self) -> bool {
        self.landings != landings()
    }

    /// Whether anything is stored of the URI.
    pub(super) fn is_known(&self) -> bool {
        !self.variants.is_empty()
    }

    /// What tells this request's answer from others to the same URI, as far as that is known.
    pub(super) fn selecting(&self, request: &HeaderMap) -> String {
        let mut fields: Vec<_> =
            self.variants.iter().flat_map(|variant| variant.fields.iter().flatten()).cloned().collect();
        fields.sort_unstable();
        fields.dedup();
        vary::digest(&fields, request)
    }
}

fn listed(stored: Cached<Slot>) -> Option<Counted<Vec<Variant>>> {
    match stored.into_inner() {
        Slot::Variants(variants) => Some(variants),
        Slot::Response(_) => None,
    }
}

fn found(variant: &Variant, stored: &Cached<Slot>) -> Option<Found> {
    match stored.value() {
        Slot::Response(kept) => Some(Found { id: variant.id, kept: kept.clone(), resident: stored.age() }),
        Slot::Variants(_) => None,
    }
}

/// The answers that match a request, as they are preferred (RFC 9111 §4).
fn newest_first<'a>(variants: &'a [Variant], request: &HeaderMap) -> impl Iterator<Item = &'a Variant> + use<'a> {
    let mut matching: Vec<_> = variants.iter().filter(|variant| matches(variant, request)).collect();
    matching.sort_by_key(|variant| variant.made);
    matching.into_iter().rev()
}

fn matches(variant: &Variant, request: &HeaderMap) -> bool {
    variant.fields.as_deref().is_some_and(|fields| vary::digest(fields, request) == variant.digest)
}
