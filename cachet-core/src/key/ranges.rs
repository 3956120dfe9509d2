//! `CacheKey` for the standard library's ranges.

use std::ops::{Bound, Range, RangeBounds as _, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use super::{CacheKey, KeyWriter};

impl<T: CacheKey> CacheKey for Bound<T> {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        match self {
            Self::Included(bound) => (0_u8, bound).write_key(key),
            Self::Excluded(bound) => (1_u8, bound).write_key(key),
            Self::Unbounded => key.u8(2),
        }
    }
}

impl<T: CacheKey> CacheKey for Range<T> {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        (&self.start, &self.end).write_key(key);
    }
}

impl<T: CacheKey> CacheKey for RangeInclusive<T> {
    /// A range whose last element was taken out equals none that still has it, although both have the same ends; the
    /// upper bound is how it tells so.
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        (self.start(), self.end_bound()).write_key(key);
    }
}

impl<T: CacheKey> CacheKey for RangeFrom<T> {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        self.start.write_key(key);
    }
}

impl<T: CacheKey> CacheKey for RangeTo<T> {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        self.end.write_key(key);
    }
}

impl<T: CacheKey> CacheKey for RangeToInclusive<T> {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        self.end.write_key(key);
    }
}

impl CacheKey for RangeFull {
    #[inline]
    fn write_key(&self, _: &mut KeyWriter) {}
}
