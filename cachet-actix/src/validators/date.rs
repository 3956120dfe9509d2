//! HTTP dates (RFC 9110 §5.6.7): read in all three forms, written in the first.
//!
//! `httpdate` writes them. It does not read them here: it knows no date before 1970, so that an `If-Unmodified-Since`
//! of 1960 would be ignored and the write performed, and it gives the two digits of a year a fixed century.

use std::{
    cell::RefCell,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use actix_web::http::header::HeaderValue;

/// The first second that HTTP has no date for.
pub(super) const YEAR_10000: u64 = 253_402_300_800;

const SECONDS_A_DAY: i64 = 86_400;

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The date of a field value; `None` if it is not exactly one.
pub(crate) fn date(value: &HeaderValue) -> Option<SystemTime> {
    read(value.to_str().ok()?.trim_ascii(), SystemTime::now())
}

/// So many seconds have a place each among the dates that a thread remembers. The entries that a lifetime of minutes leaves
/// were all loaded in the last of these.
const REMEMBERED: usize = 256;

thread_local! {
    /// Dates that were written, since an entry's are the same in each of its answers.
    static WRITTEN: RefCell<Vec<Option<(u64, HeaderValue)>>> = RefCell::new(vec![None; REMEMBERED]);
}

/// The field value of a second.
pub(super) fn http_date(seconds: u64) -> Option<HeaderValue> {
    let place = usize::try_from(seconds % REMEMBERED as u64).expect("it is less than the number of places");
    WRITTEN.with_borrow_mut(|written| match &written[place] {
        Some((known, date)) if *known == seconds => Some(date.clone()),
        _ => {
            let date = HeaderValue::try_from(httpdate::fmt_http_date(second(seconds))).ok()?;
            Some(written[place].insert((seconds, date)).1.clone())
        }
    })
}

/// The whole second of a time that HTTP has a date for and a clock can show: from 1970 to the year 9999.
pub(super) fn whole_seconds(time: SystemTime) -> Option<u64> {
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    (seconds < YEAR_10000).then_some(seconds)
}

/// The time at which a second begins.
pub(crate) fn second(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn read(text: &str, now: SystemTime) -> Option<SystemTime> {
    let seconds = imf_fixdate(text).or_else(|| rfc850_date(text, now)).or_else(|| asctime_date(text))?;
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(text: &str) -> Option<i64> {
    let (weekday, rest) = text.split_once(", ")?;
    let [day, month, year, time, "GMT"] = parts(rest, ' ')? else { return None };
    let day = Day { year: number(year, 4)?, month: position(&MONTHS, month)?, of_month: number(day, 2)? };
    day.at(WEEKDAYS.iter().position(|name| name[..3] == *weekday)?, time)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850_date(text: &str, now: SystemTime) -> Option<i64> {
    let (weekday, rest) = text.split_once(", ")?;
    let [day, time, "GMT"] = parts(rest, ' ')? else { return None };
    let [day, month, year] = parts(day, '-')?;
    let mut day = Day { year: number(year, 2)?, month: position(&MONTHS, month)?, of_month: number(day, 2)? };
    // A date that appears to be more than 50 years in the future is the latest in the past that ends so.
    let now = i64::try_from(whole_seconds(now)?).ok()?;
    let next_century = (now / (SECONDS_A_DAY * 365) + 1970) / 100 + 1;
    day.year += next_century * 100;
    while (Day { year: day.year - 50, ..day }).seconds() + time_of_day(time)? > now {
        day.year -= 100;
    }
    day.at(position(&WEEKDAYS, weekday)?, time)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime_date(text: &str) -> Option<i64> {
    // All but the day has a fixed width without spaces, and the day has one where its first digit would be a zero.
    let (weekday, rest) = (text.get(..3)?, text.get(3..)?);
    let (month, day, time) = (rest.get(1..4)?, rest.get(5..7)?, rest.get(8..16)?);
    let year = rest.get(17..)?;
    let spaces = [0, 4, 7, 16].iter().all(|&at| rest.as_bytes()[at] == b' ');
    let digit = day.strip_prefix(' ');
    let day = digit.map_or_else(|| number(day, 2), |digit| number(digit, 1))?;
    let day = Day { year: number(year, 4)?, month: position(&MONTHS, month)?, of_month: day };
    spaces.then(|| day.at(WEEKDAYS.iter().position(|name| name[..3] == *weekday)?, time))?
}

/// A day of the proleptic Gregorian calendar; months are counted from zero.
#[derive(Clone, Copy)]
struct Day {
    year: i64,
    month: usize,
    of_month: i64,
}

impl Day {
    /// The second of a time on this day, if it exists and is the weekday that the text says.
    fn at(self, weekday: usize, time: &str) -> Option<i64> {
        let exists = (1..=self.days_in_month()).contains(&self.of_month);
        // The first day of 1970 was a Thursday.
        let is_weekday = usize::try_from((self.seconds() / SECONDS_A_DAY + 4).rem_euclid(7)) == Ok(weekday);
        let time = time_of_day(time)?;
        (exists && is_weekday).then(|| self.seconds() + time)
    }

    fn is_leap_year(self) -> bool {
        self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0)
    }

    fn days_in_month(self) -> i64 {
        match self.month {
            1 if self.is_leap_year() => 29,
            1 => 28,
            3 | 5 | 8 | 10 => 30,
            _ => 31,
        }
    }

    /// From the start of 1970 to the start of this day.
    fn seconds(self) -> i64 {
        const BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let leap_days_before = |year: i64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
        let leap_day = i64::from(self.month > 1 && self.is_leap_year());
        let years = (self.year - 1970) * 365 + leap_days_before(self.year) - leap_days_before(1970);
        (years + BEFORE_MONTH[self.month] + leap_day + self.of_month - 1) * SECONDS_A_DAY
    }
}

/// `08:49:37`. A leap second, `23:59:60`, is the second after it.
fn time_of_day(text: &str) -> Option<i64> {
    let [hour, minute, second] = parts(text, ':')?;
    let [hour, minute, second] = [number(hour, 2)?, number(minute, 2)?, number(second, 2)?];
    (hour < 24 && minute < 60 && second <= 60).then_some((hour * 60 + minute) * 60 + second)
}

fn parts<const N: usize>(text: &str, separator: char) -> Option<[&str; N]> {
    let mut rest = text.split(separator);
    let mut found = [""; N];
    for part in &mut found {
        *part = rest.next()?;
    }
    rest.next().is_none().then_some(found)
}

fn position(names: &[&str], name: &str) -> Option<usize> {
    names.iter().position(|known| *known == name)
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const EXAMPLE: i64 = 784_111_777;

    /// Thu, 26 Nov 2026 00:00:00 GMT
    const NOW: u64 = 1_795_651_200;

    fn seconds(text: &str) -> Option<i64> {
        let time = read(text, second(NOW))?;
        let past =
            |error: std::time::SystemTimeError| -i64::try_from(error.duration().as_secs()).expect("a small date");
        Some(time.duration_since(UNIX_EPOCH).map_or_else(past, |since| i64::try_from(since.as_secs()).expect("a date")))
    }

    #[test]
    fn all_three_forms_are_read() {
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE),
            ("Sunday, 06-Nov-94 08:49:37 GMT", EXAMPLE),
            ("Sun Nov  6 08:49:37 1994", EXAMPLE),
            ("Wed Nov 16 08:49:37 1994", EXAMPLE + 10 * SECONDS_A_DAY),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
            ("Fri, 01 Jan 1960 00:00:00 GMT", -315_619_200),
            ("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
            // A leap second.
            ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn two_digits_of_a_year_are_at_most_50_years_ahead() {
        for (text, expected) in [
            ("Thursday, 26-Nov-76 00:00:00 GMT", "Thu, 26 Nov 2076 00:00:00 GMT"),
            ("Friday, 26-Nov-76 00:00:01 GMT", "Fri, 26 Nov 1976 00:00:01 GMT"),
            ("Friday, 01-Jan-27 00:00:00 GMT", "Fri, 01 Jan 2027 00:00:00 GMT"),
            ("Friday, 01-Jan-99 00:00:00 GMT", "Fri, 01 Jan 1999 00:00:00 GMT"),
        ] {
            assert!(seconds(expected).is_some(), "{expected}");
            assert_eq!(seconds(text), seconds(expected), "{text}");
        }
    }

    #[test]
    fn what_is_almost_a_date_is_none() {
        for text in [
            "",
            "0",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 gmt",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun,  06 Nov 1994 08:49:37 GMT",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Wed, 29 Feb 2023 00:00:00 GMT",
            "Wed, 00 Mar 2023 00:00:00 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sun Nov 06 08:49:37 1994 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  6 08:49:37 +994",
            "Sun Nov  6 08:49:3é 1994",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for seconds in [0, 951_782_400, NOW, YEAR_10000 - 1] {
            assert_eq!(date(&http_date(seconds).expect("a date")), Some(second(seconds)));
        }
    }
}
