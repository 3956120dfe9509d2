//! The tracer's error: what a type complains of is how it says what it wants.

use std::{cell::RefCell, fmt};

use serde::de::{Expected, Unexpected};

/// What a `Deserialize` had against a made-up value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// A field that was not there.
    Missing(&'static str),
    /// A field that was there twice, under two names.
    Duplicate,
    /// A field that is none of these.
    Fields(&'static [&'static str]),
    /// A variant that is none of these.
    Variants(&'static [&'static str]),
    /// Too few or too many elements.
    Length,
    /// Another type or value, by its description.
    Expected(String),
    /// Anything else. The text is the library's own, and may change with it.
    Other,
}

/// More are of no use.
const MAX_COMPLAINTS: usize = 256;

thread_local! {
    /// Every complaint of a pass, those included that the type dropped: an untagged enum tries its variants in turn.
    static HEARD: RefCell<Vec<Complaint>> = const { RefCell::new(Vec::new()) };
}

/// What was complained of since the last call.
pub(super) fn heard() -> Vec<Complaint> {
    HEARD.take()
}

/// Ends a pass.
#[derive(Debug)]
pub(super) struct Rejected;

impl Rejected {
    fn of(complaint: Complaint) -> Self {
        HEARD.with_borrow_mut(|heard| {
            if heard.len() < MAX_COMPLAINTS {
                heard.push(complaint);
            }
        });
        Self
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a made-up value was rejected")
    }
}

impl std::error::Error for Rejected {}

impl serde::de::Error for Rejected {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::of(Complaint::Other)
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::of(Complaint::Expected(expected.to_string()))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::of(Complaint::Expected(expected.to_string()))
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self::of(Complaint::Length)
    }

    fn unknown_variant(_: &str, variants: &'static [&'static str]) -> Self {
        Self::of(Complaint::Variants(variants))
    }

    fn unknown_field(_: &str, fields: &'static [&'static str]) -> Self {
        Self::of(Complaint::Fields(fields))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(Complaint::Missing(field))
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self::of(Complaint::Duplicate)
    }
}
