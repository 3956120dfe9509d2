//! What a type looks like to serde, without an extra derive: the fingerprint that keeps one build from reading
//! another's bytes.
//!
//! A [`Tracer`](tracer::Tracer) is a deserializer that has no data. It writes down what the type asks for, and answers
//! with [made-up values](made_up), so that the type goes on asking. One pass meets one variant of an enum, one form of
//! an option; passes are repeated until every part was met. A type that asks "what is there?" instead of saying what it
//! wants (`flatten`, `tag`, `untagged`) is found out by its [complaints](dialogue).

mod complaint;
mod dialogue;
mod made_up;
mod text;
mod trace;
mod tracer;

use std::{
    any::type_name,
    sync::{Mutex, PoisonError},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::shape::trace::Trace;

/// How a codec lays a value out: what decides which questions its decoder can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// One part after the other, without names; not human-readable.
    Positional { codec: &'static str },
    /// Names beside values, which tell their kind; human-readable.
    Named,
}

/// The names, order and types of all fields and variants, nested ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Traced(String),
    /// The type could not be traced, so its name has to do; `version` is the user's way to tell changes apart.
    Named(&'static str),
}

impl Shape {
    /// Traces a type, which takes some microseconds to milliseconds.
    pub(crate) fn of<S: Serialize + DeserializeOwned>(wire: Wire) -> Self {
        match Trace::of::<S>(wire) {
            Ok(text) => Self::Traced(text),
            Err(reason) => {
                warn_once(type_name::<S>(), wire, reason);
                Self::Named(type_name::<S>())
            }
        }
    }

    pub(crate) fn write(&self, hasher: &mut blake3::Hasher) {
        let (kind, text) = match self {
            Self::Traced(text) => (b"t", text.as_str()),
            Self::Named(name) => (b"n", *name),
        };
        hasher.update(kind).update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
}

/// Why a type could not be traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Untraceable {
    /// It needs a codec that describes itself.
    NotPositional,
    /// No made-up value led any further.
    Unanswered,
    TooLarge,
}

/// Several functions may return one type, and each runtime builds its caches anew.
fn warn_once(value_type: &'static str, wire: Wire, reason: Untraceable) {
    static WARNED: Mutex<Vec<(&str, Wire)>> = Mutex::new(Vec::new());
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    if warned.contains(&(value_type, wire)) {
        return;
    }
    warned.push((value_type, wire));
    drop(warned);
    if let (Untraceable::NotPositional, Wire::Positional { codec }) = (reason, wire) {
        tracing::warn!(
            value_type,
            codec,
            "this codec cannot decode the type (`flatten`, `tag` or `untagged`?): write `codec = \"json\"`"
        );
    } else {
        tracing::warn!(
            value_type,
            ?reason,
            "the value's shape cannot be traced: raise `version` whenever the type changes"
        );
    }
}

#[cfg(test)]
mod tests;
