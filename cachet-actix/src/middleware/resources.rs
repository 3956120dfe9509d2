//! What is stored of a URI: a list of its answers, and each of them under a name of its own.
//!
//! The list is a hint, read and written without a lock across nodes: where two write it at once, one of them has to be
//! fetched again. That nothing outlives an invalidation rests on the answers alone, each of which carries the URI's tag
//! from before its load.

use std::time::{Duration, SystemTime};

use actix_web::http::header::HeaderMap;
use cachet_core::{
    __private::{Filling, PLAIN, Probed, Shape, Spec, Store, unique},
    Cached, Cachet,
};
use tokio::sync::Mutex;

use super::{
    ask::Ask,
    collapse::landings,
    kept::{Kept, Rc, Slot, Variant},
    key::Key,
    revalidate::{is_in_coding_for, is_told_apart},
    vary,
};

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
    pub(super) kept: Rc<Kept>,
    pub(super) resident: Duration,
}

/// What is stored for a request.
pub(super) struct Seen {
    landings: u64,
    variants: Rc<Vec<Variant>>,
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
        let landings = landings();
        let variants = self.variants(&ask.key, &ask.tags).await;
        let selected = self.select(&ask.key, &ask.tags, &variants, request).await;
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
            let found = self.response(&ask.key, &ask.tags, variant).await;
            others.extend(found.filter(|found| is_in_coding_for(&found.kept, request)));
        }
        others
    }

    async fn variants(&self, key: &Key, tags: &[String]) -> Rc<Vec<Variant>> {
        match self.store.look(&key.variants(tags.to_vec())).await.map(Cached::into_inner) {
            Some(Slot::Variants(variants)) => variants,
            _ => Rc::from(Vec::new()),
        }
    }

    /// The newest of the answers that match a request (RFC 9111 §4).
    async fn select(&self, key: &Key, tags: &[String], variants: &[Variant], request: &HeaderMap) -> Option<Found> {
        let mut matching: Vec<_> = variants.iter().filter(|variant| matches(variant, request)).collect();
        matching.sort_by_key(|variant| variant.made);
        for variant in matching.into_iter().rev() {
            if let Some(found) = self.response(key, tags, variant).await {
                return Some(found);
            }
        }
        None
    }

    async fn response(&self, key: &Key, tags: &[String], variant: &Variant) -> Option<Found> {
        let stored = self.store.look(&key.response(variant.id, tags.to_vec())).await?;
        match stored.value() {
            Slot::Response(kept) => Some(Found { id: variant.id, kept: kept.clone(), resident: stored.age() }),
            Slot::Variants(_) => None,
        }
    }

    /// To be called before the origin is asked.
    pub(super) async fn begin(&self, key: &Key, tags: &[String]) -> Option<Opening> {
        let id = unique();
        let filling = self.store.begin(key.response(id, tags.to_vec())).await?;
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
        opening.filling.fill(Slot::Response(Rc::from(kept))).await;
        if !self.store.holds(&key.response(opening.id, opening.tags.clone())).await {
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
        self.store.put(&key.variants(opening.tags), Slot::Variants(Rc::from(variants))).await;
        true
    }

    /// Takes an answer out of the list.
    pub(super) async fn forget(&self, key: &Key, tags: &[String], id: u128) {
        let _writer = writer(key).lock().await;
        let mut variants = self.variants(key, tags).await.to_vec();
        variants.retain(|variant| variant.id != id);
        self.store.put(&key.variants(tags.to_vec()), Slot::Variants(Rc::from(variants))).await;
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

fn matches(variant: &Variant, request: &HeaderMap) -> bool {
    variant.fields.as_deref().is_some_and(|fields| vary::digest(fields, request) == variant.digest)
}
