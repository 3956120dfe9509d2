//! An amount of money: whole cents inside, a number such as `99.99` in JSON.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A price that can be charged: from nothing to a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub(crate) struct Price {
    cents: u32,
}

/// The number is no price.
#[derive(Debug, Error)]
#[error("a price is a number from 0 to {MAX} with at most two decimals, not {0}")]
pub(crate) struct NotAPrice(f64);

const MAX: Price = Price { cents: 100_000_000 };

impl Price {
    pub(crate) fn from_cents(cents: u32) -> Self {
        Self { cents }
    }

    pub(crate) fn cents(self) -> u32 {
        self.cents
    }
}

impl TryFrom<f64> for Price {
    type Error = NotAPrice;

    fn try_from(amount: f64) -> Result<Self, NotAPrice> {
        let cents = (amount * 100.0).round();
        // NaN and the infinities are in no range; 9.99 times 100 is not quite 999, hence the tolerance.
        let fits = (0.0..=f64::from(MAX.cents)).contains(&cents);
        if !fits || (amount * 100.0 - cents).abs() > 1e-6 {
            return Err(NotAPrice(amount));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number within 0 and MAX")]
        let cents = cents as u32;
        Ok(Self { cents })
    }
}

impl From<Price> for f64 {
    fn from(price: Price) -> Self {
        Self::from(price.cents) / 100.0
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.cents / 100, self.cents % 100)
    }
}
