//! Functions of many keys: what `#[cached(batch = …)]` calls.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    future::{Future, poll_fn},
    hash::Hash,
    pin::pin,
};

use crate::{
    cache::Place,
    entry::Entry,
    erased::erase,
    flight::Followed,
    private::{Function, Keyed, cache},
    returns::{PLAIN, Shape, Splits, Value},
};

/// A map that a function of many keys returns.
#[diagnostic::on_unimplemented(
    message = "a function with `batch` returns a map from each key to its value, and `{Self}` is none",
    label = "not a map",
    note = "return a `HashMap` or a `BTreeMap`, or a `Result` of one"
)]
pub trait Pairs {
    /// The keys' type.
    type Key;
    /// The values' type.
    type Value;
    /// The map of these pairs.
    fn of(pairs: impl IntoIterator<Item = (Self::Key, Self::Value)>) -> Self;
    /// The pairs of the map.
    fn into_pairs(self) -> impl Iterator<Item = (Self::Key, Self::Value)>;
}

impl<K: Eq + Hash, V, S: std::hash::BuildHasher + Default> Pairs for HashMap<K, V, S> {
    type Key = K;
    type Value = V;

    fn of(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        pairs.into_iter().collect()
    }

    fn into_pairs(self) -> impl Iterator<Item = (K, V)> {
        self.into_iter()
    }
}

impl<K: Ord, V> Pairs for BTreeMap<K, V> {
    type Key = K;
    type Value = V;

    fn of(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        pairs.into_iter().collect()
    }

    fn into_pairs(self) -> impl Iterator<Item = (K, V)> {
        self.into_iter()
    }
}

/// Answers a call for many keys: from memory, from other callers' loads, with one look at the shared tier, and with one
/// run of the loader for all that is missing. A key that the loader does not return is absent from the answer, and is
/// not kept.
pub async fn batch<F, Q, R, S, L, Fut>(
    function: F,
    keys: impl IntoIterator<Item = Q>,
    keyed: impl Fn(&Q) -> Keyed,
    loader: L,
) -> R
where
    S: Splits<R>,
    S::Stored: Pairs<Key = Q, Value = F::Returns>,
    F: Function<Shape = Shape<PLAIN>>,
    F::Returns: Value,
    Q: Clone + Eq + Hash,
    L: Fn(Vec<Q>) -> Fut,
    Fut: Future<Output = R>,
{
    let cache = cache(&function);
    let mut met = HashSet::new();
    let mut left: Vec<Q> = keys.into_iter().filter(|key| met.insert(key.clone())).collect();
    let mut answer: Vec<(Q, F::Returns)> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let calls: Vec<Keyed> = left.iter().map(&keyed).collect();
        let (mut leads, mut follows) = (Vec::new(), Vec::new());
        for (key, place) in left.drain(..).zip(cache.begin_many(&calls).await) {
            match place {
                Place::Found(entry) => answer.push((key, value(&entry))),
                Place::Lead(lead) => leads.push((key, lead)),
                Place::Follow(follower) => follows.push((key, follower)),
            }
        }
        if !leads.is_empty() {
            let missing = leads.iter().map(|(key, _)| key.clone()).collect();
            let returned = {
                let (running, mut body) =
                    (cache.running(leads.iter().map(|(_, lead)| lead), None), pin!(loader(missing)));
                let returned = poll_fn(|cx| {
                    let _inside = running.enter();
                    body.as_mut().poll(cx)
                });
                let returned = S::split(returned.await);
                cache.loaded(running.time(), returned.is_ok());
                returned
            };
            let mut returned: HashMap<Q, F::Returns> = match returned {
                Ok(map) => map.into_pairs().collect(),
                Err(error) => {
                    for (_, lead) in leads {
                        // A function of many keys keeps nothing stale.
                        let _ = lead.fail(&error).await;
                    }
                    return S::join(Err(error));
                }
            };
            let (mut found, mut fills) = (Vec::new(), Vec::new());
            for (key, lead) in leads {
                // The flight of a key that was not returned ends with its leader.
                if let Some(value) = returned.remove(&key) {
                    found.push(key);
                    fills.push((lead, erase(value)));
                }
            }
            let entries = cache.fill_many(fills).await;
            answer.extend(found.into_iter().zip(entries).map(|(key, entry)| (key, value(&entry))));
        }
        for (key, follower) in follows {
            match follower.outcome().await {
                Followed::Value(entry) => answer.push((key, value(&entry))),
                // Its load failed, or was of no use to others: this call loads it itself.
                Followed::Error(_) | Followed::StartOver => left.push(key),
                Followed::Inside => cache.refuse_recursion(),
            }
        }
    }
    S::join(Ok(S::Stored::of(answer)))
}

fn value<V: Value>(entry: &Entry) -> V {
    entry.value.downcast_ref::<V>().expect("a function's entries hold its values").clone()
}
