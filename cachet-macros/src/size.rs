//! Sizes as people write them: `"64 MiB"`.

/// The units, in bytes.
const UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// Reads `"64 MiB"`. On a mistake it says what is wrong and what to write.
pub(crate) fn from_text(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    if number.is_empty() || unit.starts_with(['.', ',', '_']) {
        return Err(format!("`{text}` is no size; write a whole number with a unit, such as \"64 MiB\""));
    }
    if unit.is_empty() {
        return Err(format!("`{number}` has no unit; write \"{number} B\", or {number} without quotes, for bytes"));
    }
    let Some((_, bytes)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("unknown unit `{unit}`; the units are B, KiB, MiB, GiB, kB, MB and GB"));
    };
    number.parse().ok().and_then(|count: u64| count.checked_mul(*bytes)).ok_or_else(too_large).and_then(bounded)
}

/// Reads whole bytes.
pub(crate) fn bounded(bytes: u64) -> Result<u64, String> {
    match bytes {
        0 => Err("a size of zero keeps nothing; write how much, such as \"64 MiB\"".into()),
        // No machine has more, and the sum of two does not overflow.
        _ if bytes > i64::MAX.unsigned_abs() => Err(too_large()),
        _ => Ok(bytes),
    }
}

fn too_large() -> String {
    "a size of more bytes than a machine can count; write a smaller one, such as \"64 MiB\"".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, bytes) in [
            ("1 B", 1),
            ("2 KiB", 2048),
            ("64 MiB", 67_108_864),
            ("3GiB", 3_221_225_472),
            (" 4 kB ", 4000),
            ("5 MB", 5_000_000),
            ("6 GB", 6_000_000_000),
        ] {
            assert_eq!(from_text(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn every_mistake_says_what_to_write() {
        for (text, says) in [
            ("", "is no size"),
            ("64", "\"64 B\""),
            ("MiB", "is no size"),
            ("1.5 GiB", "whole number"),
            ("-1 B", "is no size"),
            ("64 mib", "unknown unit `mib`"),
            ("64 M", "the units are"),
            ("0 B", "keeps nothing"),
            ("99999999999999999999 B", "more bytes"),
            ("18446744073709551615 GiB", "more bytes"),
        ] {
            let message = from_text(text).expect_err(text);
            assert!(message.contains(says), "{text}: {message}");
        }
    }
}
