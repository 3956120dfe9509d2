//! What is made of a value in this process, such as its encoded forms: it stands beside the value, and goes with it.

use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock},
};

use crate::entry::Entry;

/// A place for one thing of any type. Most entries have none, hence a pointer of one word.
#[derive(Default)]
pub(crate) struct Beside(OnceLock<Box<Thing>>);

struct Thing(Box<dyn Any + Send + Sync>);

impl Beside {
    /// The thing of that type, made unless it is there; `None` if one of another type is.
    fn get<D: Default + Any + Send + Sync>(&self) -> Option<&D> {
        self.0.get_or_init(|| Box::new(Thing(Box::new(D::default())))).0.downcast_ref()
    }
}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Beside")
    }
}

/// The entry of a value that its caller holds; nothing where the value has become another one.
#[derive(Clone, Default)]
pub(crate) struct Held(Option<Arc<Entry>>);

impl Held {
    pub(crate) fn beside<D: Default + Any + Send + Sync>(&self) -> Option<&D> {
        self.0.as_ref()?.beside.get()
    }
}

impl From<Arc<Entry>> for Held {
    fn from(entry: Arc<Entry>) -> Self {
        Self(Some(entry))
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{
        clock::Tick,
        entry::{Cached, Meta, Origin},
    };

    fn cached() -> Cached<Option<u64>> {
        let entry: Arc<Entry> = Arc::new(Entry::new(Meta::default(), Some(7_u64)));
        entry.cached(Tick::default(), Origin::Memory).expect("it holds an option")
    }

    #[test]
    fn all_who_hold_the_entry_see_what_one_has_made() {
        let one = cached();
        *one.beside::<Mutex<u8>>().expect("there is room").lock().expect("nobody panics") = 1;
        let other = one.clone().transpose().expect("it is there");
        assert_eq!(*other.beside::<Mutex<u8>>().expect("it is of this type").lock().expect("nobody panics"), 1);
        assert!(other.beside::<u8>().is_none(), "it is of another type");
    }

    #[test]
    fn what_was_made_of_a_value_is_not_of_another_that_was_made_of_it() {
        assert!(cached().map(|value| value.is_some()).beside::<u8>().is_none());
    }

    #[test]
    fn an_entry_pays_two_words() {
        assert_eq!(size_of::<Beside>(), 2 * size_of::<usize>());
    }
}
