//! Durations as people write them: `"1h 30m"`.

use std::time::Duration;

/// The units, from the largest, in milliseconds.
const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// A hundred years. Beyond that the number is a slip, and arithmetic with clocks could overflow.
const LONGEST: u64 = 36_525 * 86_400;

/// Reads `"1h 30m"`. On a mistake it says what is wrong and what to write.
pub(crate) fn from_text(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(r#"an empty duration; write one such as "1h 30m""#.into());
    }
    let (mut millis, mut from) = (0_u64, 0);
    while !rest.is_empty() {
        let (count, unit, after) = next_part(rest)?;
        let index = from + unit_index(&UNITS[from..], unit)?;
        millis = count.checked_mul(UNITS[index].1).and_then(|part| millis.checked_add(part)).ok_or_else(too_long)?;
        from = index + 1;
        rest = after;
    }
    bounded(Duration::from_millis(millis))
}

/// Reads whole seconds.
pub(crate) fn from_seconds(seconds: u64) -> Result<Duration, String> {
    bounded(Duration::from_secs(seconds))
}

/// The unit of `90s`, where one literal holds both.
pub(crate) fn is_unit(suffix: &str) -> bool {
    UNITS.iter().any(|(unit, _)| *unit == suffix)
}

/// What a lifetime of zero means. A deadline has words of its own.
pub(crate) const ZERO: &str = "a duration of zero keeps nothing; write how long, such as \"5m\"";

fn bounded(duration: Duration) -> Result<Duration, String> {
    if duration.is_zero() {
        return Err(ZERO.into());
    }
    if duration.as_secs() > LONGEST { Err(too_long()) } else { Ok(duration) }
}

fn too_long() -> String {
    "a duration of more than a hundred years; write a shorter one, such as \"52w\"".into()
}

/// Splits `30m 5s` into `30`, `m` and `5s`.
fn next_part(text: &str) -> Result<(u64, &str, &str), String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, after) = text.split_at(digits);
    let after = after.trim_start();
    let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
    let (unit, rest) = after.split_at(letters);
    if number.is_empty() {
        return Err(format!("`{text}` has no number; write a duration such as \"1h 30m\""));
    }
    if unit.is_empty() && rest.is_empty() {
        return Err(format!("`{number}` has no unit; write \"{number}s\", or {number} without quotes, for seconds"));
    }
    if unit.is_empty() {
        return Err(format!("`{text}` is no duration; write whole numbers with units, such as \"1h 30m\""));
    }
    Ok((number.parse().map_err(|_| too_long())?, unit, rest.trim_start()))
}

/// The unit among those that may still come: each once, the larger first.
fn unit_index(left: &[(&str, u64)], unit: &str) -> Result<usize, String> {
    if let Some(index) = left.iter().position(|(name, _)| *name == unit) {
        return Ok(index);
    }
    if is_unit(unit) {
        return Err("units go from large to small, each once; write \"1h 30m\"".into());
    }
    Err(format!("unknown unit `{unit}`; the units are w, d, h, m (minutes), s and ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, millis) in [
            ("250ms", 250),
            ("1s", 1000),
            ("5m", 300_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            (" 2 d ", 172_800_000),
            ("1w 1d 1h 1m 1s 1ms", 694_861_001),
        ] {
            assert_eq!(from_text(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn every_mistake_says_what_to_write() {
        for (text, says) in [
            ("", "an empty duration"),
            ("60", "\"60s\""),
            ("m", "no number"),
            ("1.5h", "whole numbers"),
            ("5 min", "unknown unit `min`"),
            ("30m 1h", "from large to small"),
            ("5m 5m", "from large to small"),
            ("0s", "keeps nothing"),
            ("-5m", "no number"),
            ("99999999999999999999s", "hundred years"),
            ("18446744073709551615w", "hundred years"),
            ("200000d", "hundred years"),
            ("5\u{b5}s", "unknown unit"),
        ] {
            let message = from_text(text).expect_err(text);
            assert!(message.contains(says), "{text}: {message}");
        }
        assert!(from_seconds(0).is_err());
    }
}
