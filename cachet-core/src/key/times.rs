//! `CacheKey` for instants, dates and durations, of the standard library and of `chrono` and `time`.
//!
//! A point in time is seconds and nanoseconds from the Unix epoch; what a calendar or a clock shows is its fields.

use std::time::{Duration, SystemTime};

use super::{CacheKey, KeyWriter};

impl CacheKey for Duration {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        key.u64(self.as_secs());
        key.u32(self.subsec_nanos());
    }
}

impl CacheKey for SystemTime {
    /// Nanoseconds from the Unix epoch, negative before it; 128 bits hold what any platform can.
    fn write_key(&self, key: &mut KeyWriter) {
        key.i128(match self.duration_since(Self::UNIX_EPOCH) {
            Ok(since) => since.as_nanos().cast_signed(),
            Err(before) => -before.duration().as_nanos().cast_signed(),
        });
    }
}

#[cfg(feature = "chrono")]
mod with_chrono {
    use chrono::{
        DateTime, Datelike as _, Month, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike as _, Weekday,
    };

    use super::{CacheKey, KeyWriter};

    impl<Tz: TimeZone> CacheKey for DateTime<Tz> {
        /// Equal instants are equal in any two zones, so the zone is not written. The nanoseconds of a leap second
        /// are a thousand million and more.
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            (self.timestamp(), self.timestamp_subsec_nanos()).write_key(key);
        }
    }

    impl CacheKey for NaiveDateTime {
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            (self.date(), self.time()).write_key(key);
        }
    }

    impl CacheKey for NaiveDate {
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            key.i32(self.year());
            small(self.month(), key);
            small(self.day(), key);
        }
    }

    impl CacheKey for NaiveTime {
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            small(self.hour(), key);
            small(self.minute(), key);
            small(self.second(), key);
            key.u32(self.nanosecond());
        }
    }

    impl CacheKey for Weekday {
        /// Monday is 1, as in ISO 8601.
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            small(self.number_from_monday(), key);
        }
    }

    impl CacheKey for Month {
        /// January is 1.
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            small(self.number_from_month(), key);
        }
    }

    /// A field of a date or a time of day, none of which exceeds 60.
    #[inline]
    fn small(field: u32, key: &mut KeyWriter) {
        key.u8(u8::try_from(field).expect("a field of a date or a time of day is at most 60"));
    }
}

#[cfg(feature = "time")]
mod with_time {
    use time::{Date, Duration, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset, Weekday};

    use super::{CacheKey, KeyWriter};

    impl CacheKey for OffsetDateTime {
        /// Equal instants are equal at any two offsets, so the offset is not written.
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            (self.unix_timestamp(), self.nanosecond()).write_key(key);
        }
    }

    impl CacheKey for PrimitiveDateTime {
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            (self.date(), self.time()).write_key(key);
        }
    }

    impl CacheKey for Date {
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            self.to_calendar_date().write_key(key);
        }
    }

    impl CacheKey for Time {
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            self.as_hms_nano().write_key(key);
        }
    }

    impl CacheKey for UtcOffset {
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            key.i32(self.whole_seconds());
        }
    }

    impl CacheKey for Duration {
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            (self.whole_seconds(), self.subsec_nanoseconds()).write_key(key);
        }
    }

    impl CacheKey for Weekday {
        /// Monday is 1, as in ISO 8601.
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            key.u8(self.number_from_monday());
        }
    }

    impl CacheKey for Month {
        /// January is 1.
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            key.u8((*self).into());
        }
    }
}
