//! The encoding's bytes, and what must and must not be equal.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{writer::INLINE, *};

fn bytes<T: CacheKey + ?Sized>(value: &T) -> Vec<u8> {
    KeyBuf::bytes().written(|key| value.write_key(key)).as_bytes().to_vec()
}

fn text<T: CacheKey + ?Sized>(value: &T) -> String {
    let key = KeyBuf::text().written(|key| value.write_key(key));
    String::from_utf8(key.as_bytes().to_vec()).expect("the text form is ASCII")
}

#[test]
fn the_bytes_form_is_the_same_on_every_release() {
    assert_eq!(bytes(&42_u64), [42, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes(&-2_i16), [0xFE, 0xFF]);
    assert_eq!(bytes(&true), [1]);
    assert_eq!(bytes("ab"), [2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b']);
    assert_eq!(bytes(&None::<u8>), [0, 0, 0, 0]);
    assert_eq!(bytes(&Some(7_u8)), [1, 0, 0, 0, 7]);
    assert_eq!(bytes(&[1_u8, 2][..]), [2, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(bytes(&(1_u8, 'a')), [1, b'a', 0, 0, 0]);
    assert_eq!(bytes(&()), [0_u8; 0]);
}

#[test]
fn neighbouring_texts_never_run_together() {
    assert_ne!(bytes(&("ab", "c")), bytes(&("a", "bc")));
    assert_ne!(text(&("ab", "c")), text(&("a", "bc")));
    assert_ne!(text(&vec!["a,b"]), text(&vec!["a", "b"]));
    assert_ne!(text(&vec![""]), text(&Vec::<&str>::new()));
}

#[test]
fn the_text_form_escapes_what_a_template_may_use_as_separator() {
    assert_eq!(text("a:b/ü"), "a%3Ab%2F%C3%BC");
    assert_eq!(text(&(-7_i32, "x")), "-7,x");
    assert_eq!(text(&Some('|')), "1,%7C");
}

#[test]
fn the_order_of_an_unordered_collection_makes_no_difference() {
    let map: HashMap<u32, &str> = (0..100).map(|n| (n, "v")).collect();
    let same: HashMap<u32, &str> = (0..100).rev().map(|n| (n, "v")).collect();
    assert_eq!(bytes(&map), bytes(&same));
    let set: HashSet<&str> = ["b", "a"].into();
    assert_eq!(text(&set), "2,a,b");
    let sorted: BTreeMap<&str, u8> = [("b", 2), ("a", 1)].into();
    assert_eq!(text(&sorted), "2,a,1,b,2");
}

#[test]
fn a_key_longer_than_the_buffer_moves_to_the_heap_whole() {
    let long = "x".repeat(INLINE * 3);
    let mut expected = (long.len() as u64).to_le_bytes().to_vec();
    expected.extend_from_slice(long.as_bytes());
    assert_eq!(bytes(long.as_str()), expected);
    assert_eq!(bytes(&(1_u8, long.as_str(), 2_u8))[expected.len() + 1], 2);
}

#[test]
fn keys_that_differ_in_trailing_zeros_alone_are_different() {
    let state = foldhash::fast::RandomState::default();
    for len in 0..INLINE * 2 {
        let key = |zeros: usize| {
            KeyBuf::bytes().written(|key| {
                (0..len).for_each(|_| key.u8(1));
                (0..zeros).for_each(|_| key.u8(0));
            })
        };
        let (one, same, longer) = (key(0), key(0), key(1));
        assert!(one.hashed(&state) == same.hashed(&state), "{len}");
        assert!(one.hashed(&state) == one.hashed(&state).to_key().borrowed(), "{len}");
        assert!(one.hashed(&state) != longer.hashed(&state), "{len}");
    }
}

#[test]
fn a_tail_is_text_when_short_and_printable_and_a_digest_otherwise() {
    let readable = KeyBuf::text().written(|key| {
        42_u64.write_key(key);
        key.literal(":");
        "en".write_key(key);
    });
    assert_eq!(readable.tail(), "42:en");
    let digest = KeyBuf::bytes().written(|key| 42_u64.write_key(key));
    assert!(digest.tail().starts_with('#') && digest.tail().len() == 33);
    assert!(KeyBuf::text().written(|key| "x".repeat(500).write_key(key)).tail().starts_with('#'));
    assert!(KeyBuf::text().tail().starts_with('#'));
}
