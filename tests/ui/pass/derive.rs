//! Types as keys.
#![deny(warnings, missing_docs, unreachable_pub)]

use std::{fmt::Display, marker::PhantomData};

use cachet_core as renamed;
use cachet_core::{CacheKey, KeyWriter, cached};

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

/// Fields with functions of their own, whose types need not be keys.
#[derive(CacheKey)]
pub struct Written<T: Display, U: ?Sized> {
    /// By a function of this crate.
    #[cache_key(with = bits)]
    pub ratio: f64,
    /// By a generic one.
    #[cache_key(with = shown::<T>)]
    pub shown: T,
    /// By a method, in an attribute of its own.
    #[cache_key(with = str::write_key)]
    pub text: &'static str,
    /// As always.
    pub rest: U,
}

fn bits(value: &f64, key: &mut KeyWriter) {
    key.u64(value.to_bits());
}

fn shown<T: Display>(value: &T, key: &mut KeyWriter) {
    key.str(&value.to_string());
}

/// Variants that may move, and one that may not.
#[derive(CacheKey)]
pub enum Sort {
    /// By its name.
    #[cache_key(rename = "price")]
    ByPrice,
    /// By its index.
    ByAge(u8),
    /// By its name too, and with a type that is not always a key.
    #[cache_key(rename = "nearest first")]
    ByDistance {
        /// By a function.
        #[cache_key(with = bits)]
        at_most: f64,
    },
}

/// The crate by another name; a projection in its long form; the last field without a size.
#[derive(CacheKey)]
#[cache_key(crate = renamed)]
pub struct Renamed<'a, I: Iterator, const N: usize, T: ?Sized = str>
where
    I::Item: Copy,
{
    /// Part of the key.
    pub first: Option<<I as Iterator>::Item>,
    /// Part of the key.
    pub names: [&'a str; N],
    /// Part of the key.
    pub last: T,
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
    is_key::<(Written<f64, u8>, Sort)>();
    is_key::<Box<Written<&str, [u8]>>>();
    is_key::<&Renamed<'_, std::vec::IntoIter<char>, 2>>();
    is_key::<(Generic<u8, f64, std::vec::IntoIter<char>, 3>, Never)>();
    assert_eq!(find(&Query::Page { number: 7, trace: 0.5 }), 7);
    assert_eq!(find(&Query::One(7, 0.5)), 7);
    assert_eq!(find(&Query::One(7, 0.7)), 7);
    assert_eq!(find(&Query::Both(Box::new((Query::All, Query::One(8, 0.0))))), 8);
    assert_eq!(find::stats().loads, 5, "the skipped field makes no difference");
}
