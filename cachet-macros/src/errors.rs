//! Collects every mistake of one attribute, so that all are reported at once.

use std::{cell::RefCell, fmt::Display, thread};

use proc_macro2::Span;
use quote::ToTokens;

/// The mistakes found so far.
///
/// It must be [finished](Errors::finish): a collector that is dropped unread would lose the mistakes in silence, so in
/// a debug build that panics.
pub(crate) struct Errors(RefCell<Option<Vec<syn::Error>>>);

impl Errors {
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Some(Vec::new())))
    }

    /// Notes a mistake at one place.
    pub(crate) fn at(&self, place: Span, message: impl Display) {
        self.add(syn::Error::new(place, message));
    }

    /// Notes a mistake that covers all of `tokens`.
    pub(crate) fn over(&self, tokens: impl ToTokens, message: impl Display) {
        self.add(syn::Error::new_spanned(tokens, message));
    }

    pub(crate) fn add(&self, error: syn::Error) {
        if let Some(errors) = self.0.borrow_mut().as_mut() {
            errors.push(error);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().as_ref().is_none_or(Vec::is_empty)
    }

    /// Hands the mistakes out, in the order of their discovery.
    pub(crate) fn finish(self) -> Vec<syn::Error> {
        self.0.borrow_mut().take().unwrap_or_default()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        if cfg!(debug_assertions) && !thread::panicking() {
            assert!(self.0.borrow().is_none(), "the collected errors are read before they are dropped");
        }
    }
}

/// ``; did you mean `ttl`?`` when one of `known` is close to what was written, else nothing.
pub(crate) fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    closest(written, known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// The one of `known` that was probably meant.
pub(crate) fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    known
        .into_iter()
        .map(|name| (distance(&written, name), name))
        .filter(|(distance, name)| {
            let shorter = name.len().min(written.len());
            // Words of one letter are no slips of each other.
            *distance <= 2 * shorter.div_ceil(3) && *distance < 2 * shorter
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Twice how many insertions, deletions and replacements lead from one word to the other. A swap of neighbours counts
/// half as much: it is the likeliest slip.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    for i in 0..=from.len() {
        for j in 0..=to.len() {
            rows[i][j] = if i == 0 || j == 0 { 2 * (i + j) } else { step(&rows, &from, &to, i, j) };
        }
    }
    rows[from.len()][to.len()]
}

fn step(rows: &[Vec<usize>], from: &[char], to: &[char], i: usize, j: usize) -> usize {
    let replaced = rows[i - 1][j - 1] + 2 * usize::from(from[i - 1] != to[j - 1]);
    let least = replaced.min(rows[i - 1][j] + 2).min(rows[i][j - 1] + 2);
    let swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
    if swapped { least.min(rows[i - 2][j - 2] + 1) } else { least }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["ttl", "tier", "tags", "capacity"];

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        for (written, meant) in [("tll", "ttl"), ("teir", "tier"), ("TAGS", "tags"), ("capcity", "capacity")] {
            assert_eq!(closest(written, KNOWN), Some(meant), "{written}");
        }
    }

    #[test]
    fn a_far_word_finds_none() {
        for written in ["", "x", "t", "banana", "expires_after"] {
            assert_eq!(closest(written, KNOWN), None, "{written}");
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "read before they are dropped")]
    fn errors_that_nobody_reads_panic() {
        drop(Errors::new());
    }
}
