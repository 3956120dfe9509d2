//! Validators: content hashes that an `ETag` is made of (RFC 9110 §8.8).

use std::fmt;

use serde::Serialize;

/// A 128-bit content hash (BLAKE3, truncated).
///
/// It is taken over the value's JSON form, so it changes with field names as well as with values, and it is the same on
/// every node and in every tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Validator([u8; 16]);

impl Validator {
    /// The validator of a value, as the cache computes it for its entries.
    ///
    /// `None` when the value has no JSON form, such as a map whose keys are not text or numbers.
    ///
    /// ```
    /// use cachet_core::Validator;
    ///
    /// assert_eq!(Validator::of("a"), Validator::of(&String::from("a")));
    /// assert_ne!(Validator::of("a"), Validator::of("b"));
    /// ```
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Option<Self> {
        serde_json::to_vec(value).ok().map(|json| Self::of_bytes(&json))
    }

    /// The validator of bytes, such as an encoded response.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let mut validator = [0; 16];
        blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut validator);
        Self(validator)
    }

    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Validator {
    /// Writes 22 characters of the URL-safe alphabet of RFC 4648 §5, fit for an entity tag.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits = u128::from_be_bytes(self.0);
        let mut text = [0; 22];
        for (index, place) in text.iter_mut().enumerate() {
            // The last of the 22 six-bit groups has four bits of padding.
            let group = if index == 21 { bits << 4 } else { bits >> (122 - 6 * index) };
            *place = ALPHABET[usize::try_from(group & 63).expect("six bits")];
        }
        f.write_str(std::str::from_utf8(&text).expect("the alphabet is ASCII"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validator_is_written_in_the_url_safe_alphabet() {
        assert_eq!(Validator([0; 16]).to_string(), "A".repeat(22));
        assert_eq!(Validator([0xFF; 16]).to_string(), format!("{}w", "_".repeat(21)));
        let text = Validator::of("x").expect("text has a JSON form").to_string();
        assert_eq!(text.len(), 22);
    }

    #[test]
    fn a_field_name_makes_a_difference() {
        #[derive(Serialize)]
        struct Old {
            name: u8,
        }
        #[derive(Serialize)]
        struct New {
            title: u8,
        }
        assert_ne!(Validator::of(&Old { name: 1 }), Validator::of(&New { title: 1 }));
    }

    #[test]
    fn a_value_without_a_json_form_has_no_validator() {
        let map = std::collections::HashMap::from([((1, 2), 3)]);
        assert_eq!(Validator::of(&map), None);
    }
}
