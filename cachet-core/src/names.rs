//! The names of one function's entries and tags in the shared tier.
//!
//! | key | holds |
//! |---|---|
//! | `{namespace}:{name}:{fingerprint}:{tail}` | an entry |
//! | `{namespace}:@tag:{tag}` | the version of a user's tag |
//! | `{namespace}:@function:{name}` | the version of a function: a tag that all its entries carry |
//! | `{namespace}:@all` | the version of the namespace: a tag that every entry carries |

use std::sync::Arc;

use crate::{fronts, key::KeyBuf, policy::Settings, tier::Target};

pub(crate) struct Names {
    namespace: Arc<str>,
    /// All of an entry's key but its tail.
    prefix: String,
    function: String,
    /// The tags of an entry without any of the user's.
    of_every_entry: Arc<[String]>,
}

impl Names {
    pub(crate) fn new(namespace: &Arc<str>, spec: &Settings) -> Self {
        let name = spec.display_name();
        let function = format!("{namespace}:@function:{name}");
        Self {
            prefix: format!("{namespace}:{name}:{}:", fingerprint(spec)),
            of_every_entry: [everything_key(namespace), function.clone()].into(),
            function,
            namespace: Arc::clone(namespace),
        }
    }

    /// The tags that an entry carries, beside the user's.
    pub(crate) fn tags(&self, users: &[String]) -> Arc<[String]> {
        if users.is_empty() {
            return Arc::clone(&self.of_every_entry);
        }
        let users = users.iter().map(|tag| tag_key(&self.namespace, tag));
        self.of_every_entry.iter().cloned().chain(users).collect()
    }

    pub(crate) fn entry(&self, call: &KeyBuf) -> Target {
        Target::Entry(self.key(call))
    }

    pub(crate) fn function(&self) -> Target {
        Target::Tag(self.function.as_str().into())
    }

    /// What caches in front know the function's answers by. Unlike a key it is the same for every build: the answer of an
    /// older one is dead as well.
    pub(crate) fn function_in_front(&self) -> String {
        fronts::name(&self.function)
    }

    /// What they know the answers made of an entry by.
    pub(crate) fn entry_in_front(&self, call: &KeyBuf) -> String {
        fronts::name(&format!("{}:{}", self.function, call.tail()))
    }

    /// All that they know an entry's answers by.
    pub(crate) fn in_front(&self, call: &KeyBuf) -> [String; 3] {
        [self.entry_in_front(call), self.function_in_front(), everything_in_front(&self.namespace)]
    }

    pub(crate) fn key(&self, call: &KeyBuf) -> Arc<str> {
        [&*self.prefix, &*call.tail()].concat().into()
    }
}

/// What a key of the namespace stands for, to a node that hears of its change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named<'a> {
    Everything,
    Function(&'a str),
    Tag(&'a str),
    Entry,
}

/// Reads a key of the namespace; `None` for one of another.
pub(crate) fn read<'a>(namespace: &str, key: &'a str) -> Option<Named<'a>> {
    let rest = key.strip_prefix(namespace)?.strip_prefix(':')?;
    let special = rest.strip_prefix('@').map(|special| special.split_once(':').unwrap_or((special, "")));
    Some(match special {
        Some(("all", _)) => Named::Everything,
        Some(("function", name)) => Named::Function(name),
        Some(("tag", tag)) => Named::Tag(tag),
        _ => Named::Entry,
    })
}

fn everything_key(namespace: &str) -> String {
    format!("{namespace}:@all")
}

fn tag_key(namespace: &str, tag: &str) -> String {
    format!("{namespace}:@tag:{tag}")
}

/// What caches in front know every answer of the namespace by.
pub(crate) fn everything_in_front(namespace: &str) -> String {
    fronts::name(&everything_key(namespace))
}

/// The tag of the whole namespace.
pub(crate) fn everything(namespace: &str) -> Target {
    Target::Tag(everything_key(namespace).into())
}

/// A user's tag.
pub(crate) fn tag(namespace: &str, tag: &str) -> Target {
    Target::Tag(tag_key(namespace, tag).into())
}

/// A digest of all that makes one build's bytes unreadable to another: the codec, the value's shape, the function and its
/// version.
///
/// The function's path is in it, so two functions that were given one `name` never read each other's entries.
fn fingerprint(spec: &Settings) -> String {
    let mut hasher = blake3::Hasher::new();
    for codec in spec.codec.iter().chain(&spec.error_codec) {
        hasher.update(codec.name().as_bytes());
        codec.shape().write(&mut hasher);
    }
    hasher.update(spec.path.as_bytes());
    hasher.update(spec.instance.unwrap_or_default().as_bytes());
    hasher.update(&spec.version.to_le_bytes());
    hasher.finalize().to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_what_it_stands_for() {
        let (everything, tag) = (everything("shop"), tag("shop", "product:7"));
        for (key, named) in [
            (everything.key(), Some(Named::Everything)),
            (tag.key(), Some(Named::Tag("product:7"))),
            ("shop:@function:a::b", Some(Named::Function("a::b"))),
            ("shop:product:0123:7", Some(Named::Entry)),
            ("shopping:product:0123:7", None),
        ] {
            assert_eq!(read("shop", key), named, "{key}");
        }
    }
}
