//! Types as keys.
#![deny(warnings, missing_docs, unreachable_pub)]

use std::marker::PhantomData;

use cachet_core::{CacheKey, cached};

/// A struct with names, one of them left out.
#[derive(CacheKey)]
pub struct Named<'a> {
    /// Part of the key.
    pub category: &'a str,
    /// Part of the key.
    pub r#type: Option<u8>,
    /// No part of it.
    #[cache_key(skip)]
    pub ratio: f64,
}

/// A tuple.
#[derive(CacheKey)]
pub struct Tuple(pub u8, #[cache_key(skip)] pub f64, pub Vec<String>);

/// A unit.
#[derive(CacheKey)]
pub struct Unit;

/// A generic one: `U` is no part of the key, so it need not be a key.
#[derive(CacheKey)]
pub struct Generic<T, U, I: Iterator, const N: usize> {
    /// Part of the key.
    pub items: [T; N],
    /// Part of the key.
    pub first: I::Item,
    /// No part of it.
    #[cache_key(skip)]
    pub rest: PhantomData<U>,
}

/// All forms of variants, and a recursive one.
#[derive(CacheKey)]
pub enum Query {
    /// A unit.
    All,
    /// A tuple.
    One(u64, #[cache_key(skip)] f64),
    /// Names.
    Page {
        /// Part of the key.
        number: u32,
        /// No part of it.
        #[cache_key(skip)]
        trace: f64,
    },
    /// Itself.
    Both(Box<(Query, Query)>),
}

/// An enum without variants.
#[derive(CacheKey)]
pub enum Never {}

#[cached(ttl = 60)]
fn find(query: &Query) -> u64 {
    match query {
        Query::All => 0,
        Query::One(id, _) => *id,
        Query::Page { number, trace: _ } => u64::from(*number),
        Query::Both(both) => find(&both.0) + find(&both.1),
    }
}

fn is_key<T: CacheKey>() {}

fn main() {
    is_key::<(Named<'_>, Tuple, Unit)>();
    is_key::<(Generic<u8, f64, std::vec::IntoIter<char>, 3>, Never)>();
    assert_eq!(find(&Query::Page { number: 7, trace: 0.5 }), 7);
    assert_eq!(find(&Query::One(7, 0.5)), 7);
    assert_eq!(find(&Query::One(7, 0.7)), 7);
    assert_eq!(find(&Query::Both(Box::new((Query::All, Query::One(8, 0.0))))), 8);
    assert_eq!(find::stats().loads, 5, "the skipped field makes no difference");
}
