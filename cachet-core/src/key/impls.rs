//! `CacheKey` for the standard library's types.
//!
//! Some have none on purpose. `f32` and `f64`: `NaN` is unequal to itself, and `-0.0` equals `0.0`. `Path`, `PathBuf`,
//! `OsStr` and `OsString`: what they hold, and which paths are equal, differ from platform to platform, so their bytes
//! cannot be canonical; a path that is text goes into a key as `&str`. `Instant`, `TypeId` and `ThreadId`: they mean
//! something in one process only.

use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque},
    convert::Infallible,
    ffi::{CStr, CString},
    marker::PhantomData,
    num::{NonZero, Saturating, Wrapping},
    rc::Rc,
    sync::Arc,
};

use super::{CacheKey, KeyWriter};

macro_rules! by_method {
    ($($type:ident)*) => {$(
        impl CacheKey for $type {
            #[inline]
            fn write_key(&self, key: &mut KeyWriter) {
                key.$type(*self);
            }
        }
    )*};
}

macro_rules! non_zero {
    ($($type:ident)*) => {$(
        impl CacheKey for NonZero<$type> {
            #[inline]
            fn write_key(&self, key: &mut KeyWriter) {
                key.$type(self.get());
            }
        }
    )*};
}

by_method! { bool char u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }
non_zero! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }

impl CacheKey for str {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        key.str(self);
    }
}

impl CacheKey for String {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        key.str(self);
    }
}

macro_rules! by_deref {
    ($($type:ty),*) => {$(
        impl<T: CacheKey + ?Sized> CacheKey for $type {
            #[inline]
            fn write_key(&self, key: &mut KeyWriter) {
                (**self).write_key(key);
            }
        }
    )*};
}

by_deref! { &T, &mut T, Box<T>, Rc<T>, Arc<T> }

impl<T: CacheKey + ToOwned + ?Sized> CacheKey for Cow<'_, T> {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        (**self).write_key(key);
    }
}

macro_rules! by_content {
    ($($type:ident)*) => {$(
        impl<T: CacheKey> CacheKey for $type<T> {
            #[inline]
            fn write_key(&self, key: &mut KeyWriter) {
                self.0.write_key(key);
            }
        }
    )*};
}

by_content! { Wrapping Saturating Reverse }

impl CacheKey for CStr {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        key.bytes(self.to_bytes());
    }
}

impl CacheKey for CString {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        self.as_c_str().write_key(key);
    }
}

impl<T: CacheKey> CacheKey for Option<T> {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        key.variant(self.is_some().into());
        if let Some(value) = self {
            value.write_key(key);
        }
    }
}

impl<T: CacheKey, E: CacheKey> CacheKey for Result<T, E> {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        key.variant(self.is_err().into());
        match self {
            Ok(value) => value.write_key(key),
            Err(error) => error.write_key(key),
        }
    }
}

impl<T: CacheKey> CacheKey for [T] {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        key.len(self.len());
        for item in self {
            item.write_key(key);
        }
    }
}

impl<T: CacheKey, const N: usize> CacheKey for [T; N] {
    /// The length is part of the type, so only the elements are written.
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        for item in self {
            item.write_key(key);
        }
    }
}

impl<T: CacheKey> CacheKey for Vec<T> {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        self.as_slice().write_key(key);
    }
}

macro_rules! in_order {
    ($($type:ident)*) => {$(
        impl<T: CacheKey> CacheKey for $type<T> {
            fn write_key(&self, key: &mut KeyWriter) {
                key.len(self.len());
                for item in self {
                    item.write_key(key);
                }
            }
        }
    )*};
}

in_order! { VecDeque LinkedList BTreeSet }

impl<K: CacheKey, V: CacheKey> CacheKey for BTreeMap<K, V> {
    fn write_key(&self, key: &mut KeyWriter) {
        key.len(self.len());
        for (name, value) in self {
            name.write_key(key);
            value.write_key(key);
        }
    }
}

impl<T: CacheKey> CacheKey for BinaryHeap<T> {
    /// The order inside a heap depends on how it came about, so it makes no difference.
    fn write_key(&self, key: &mut KeyWriter) {
        key.unordered(self.iter(), CacheKey::write_key);
    }
}

impl<T: CacheKey, S> CacheKey for HashSet<T, S> {
    fn write_key(&self, key: &mut KeyWriter) {
        key.unordered(self.iter(), CacheKey::write_key);
    }
}

impl<K: CacheKey, V: CacheKey, S> CacheKey for HashMap<K, V, S> {
    fn write_key(&self, key: &mut KeyWriter) {
        key.unordered(self.iter(), |(name, value), key| {
            name.write_key(key);
            value.write_key(key);
        });
    }
}

impl CacheKey for std::cmp::Ordering {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        key.i8(*self as i8);
    }
}

impl CacheKey for Infallible {
    #[inline]
    fn write_key(&self, _: &mut KeyWriter) {
        match *self {}
    }
}

impl<T: ?Sized> CacheKey for PhantomData<T> {
    #[inline]
    fn write_key(&self, _: &mut KeyWriter) {}
}

macro_rules! tuples {
    ($(($($name:ident)*))*) => {$(
        impl<$($name: CacheKey),*> CacheKey for ($($name,)*) {
            #[inline]
            #[allow(non_snake_case, unused_variables)]
            fn write_key(&self, key: &mut KeyWriter) {
                let ($($name,)*) = self;
                $($name.write_key(key);)*
            }
        }
    )*};
}

tuples! {
    ()
    (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H)
    (A B C D E F G H I) (A B C D E F G H I J) (A B C D E F G H I J K) (A B C D E F G H I J K L)
}
