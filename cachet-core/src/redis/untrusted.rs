//! Bytes as whatever a server may answer, for fuzzers.

use bytes::Bytes;
use deadpool_redis::redis::{Value, parse_redis_value};

use super::{backplane, class_of, lanes, lease, read, start};
use crate::tier::{Fault, Read};

/// Reads bytes as what an entry's key holds: what a reader is given where the server's life and the tags fit.
pub(crate) fn read_entry(bytes: &[u8]) -> Read {
    let bytes = Bytes::copy_from_slice(bytes);
    start::read_untrusted(bytes.clone());
    read::read_untrusted(bytes)
}

/// An entry as a fill writes it.
#[cfg(test)]
pub(crate) fn written(stored: &crate::tier::StoredEntry) -> Vec<u8> {
    super::layout::write(stored.id, &stored.tags, &stored.entry)
}

/// Reads bytes as a reply to every command, and as a message of the backplane. Says who made something of them.
pub(crate) fn read_reply(bytes: &[u8]) -> Vec<&'static str> {
    let mut readers = lanes::read_untrusted_text(&String::from_utf8_lossy(bytes));
    if backplane::read_untrusted(bytes) {
        readers.push("message");
    }
    if let Ok(value) = parse_redis_value(bytes) {
        readers.extend(read_value(&value));
    }
    readers
}

fn read_value(value: &Value) -> Vec<&'static str> {
    let reply = value.clone().extract_error();
    let mut readers = lanes::read_untrusted(&reply);
    readers.extend(lease::read_untrusted(value));
    readers.extend(read::read_untrusted_replies(value));
    if reply.is_err_and(|error| class_of(&error) != Fault::Reply) {
        readers.push("class");
    }
    readers
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};

    use super::*;

    const ID: &str = "8371445e0123456789a0192f3c4d00ab";

    fn bulk(bytes: impl AsRef<[u8]>) -> Vec<u8> {
        let bytes = bytes.as_ref();
        [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
    }

    fn array(parts: &[Vec<u8>]) -> Vec<u8> {
        [format!("*{}\r\n", parts.len()).into_bytes(), parts.concat()].concat()
    }

    /// Lines as a server writes them, whole or with something else in a place.
    fn text() -> impl Strategy<Value = String> {
        let slots = prop_oneof!["0-5460", r"\[93-<-a\]", r"\[93->-07c3\]", r"\[93->-\]", r"\[", ".{0,9}"];
        let address = prop_oneof![r"127\.0\.0\.1:7000", ":7000", r"\?:1", "[a-z]{1,4}:[0-9]{1,6}", ".{0,9}"];
        let nodes = (address.clone(), slots.clone(), slots).prop_map(|(address, one, other)| {
            format!(
                "07c3 {address}@17000,host master - 0 1 2 connected {one} {other}\nab {address}@1 slave 07c3 0 1 2 up\n"
            )
        });
        let replication = prop_oneof!["[0-9a-f]{40}", "[0-9a-f]{0,8}"];
        let replication = replication.prop_map(|id| format!("role:master\r\nmaster_replid:{id}\r\n"));
        let message = ("[CFX]", "[0-9a-f]{30,34}", ".{0,9}").prop_map(|(kind, node, key)| kind + &node + &key);
        prop_oneof![nodes, replication, message, address]
    }

    fn leaf() -> impl Strategy<Value = Vec<u8>> {
        let number = prop_oneof![any::<i64>(), -3..5_i64, 0..20_000_i64].prop_map(|n| format!(":{n}\r\n").into_bytes());
        let known = prop_oneof![Just(bulk(ID)), Just(bulk([7; 16])), Just(bulk("127.0.0.1")), Just(bulk(""))];
        let text = text().prop_map(bulk);
        let words = prop_oneof!["MOVED", "ASK", "NOPERM", "OOM", "LOADING", "WRONGTYPE", "[A-Z]{1,9}"];
        let error = (words, text_of_error()).prop_map(|(word, rest)| format!("-{word} {rest}\r\n").into_bytes());
        let other = "(\\$-1|_|\\+OK|#t|,1\\.5)\r\n".prop_map(String::into_bytes);
        let any = any::<Vec<u8>>().prop_map(bulk);
        prop_oneof![number, known, text, error, any, other]
    }

    fn text_of_error() -> impl Strategy<Value = String> {
        prop_oneof![r"[0-9]{1,6} 127\.0\.0\.1:[0-9]{1,5}", "[0-9]{1,6} :[0-9]{1,6}", "[^\r\n]{0,20}"]
    }

    /// What scripts and `CLUSTER SLOTS` answer, with anything in each place.
    fn reply() -> impl Strategy<Value = Vec<u8>> {
        let lease = prop::collection::vec(leaf(), 0..3).prop_flat_map(|rest| {
            (0..4_i64).prop_map(move |kind| array(&[&[format!(":{kind}\r\n").into_bytes()], &rest[..]].concat()))
        });
        let range = (0..17_000_u32, 0..17_000_u32, leaf(), 0..70_000_u32).prop_map(|(first, last, host, port)| {
            let number = |n: u32| format!(":{n}\r\n").into_bytes();
            array(&[number(first), number(last), array(&[host, number(port), bulk(ID)])])
        });
        let nested =
            leaf().prop_recursive(4, 24, 5, |inner| prop::collection::vec(inner, 0..5).prop_map(|parts| array(&parts)));
        let refresh = Just(array(&[b":1\r\n".to_vec(), bulk(ID), bulk([7; 16])]));
        prop_oneof![lease, refresh, range, nested, text().prop_map(String::into_bytes)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_reply_makes_a_reader_panic(mut reply in reply(), cut in 0..200_usize, at: prop::sample::Index, byte: u8) {
            read_reply(&reply);
            if !reply.is_empty() {
                let at = at.index(reply.len());
                reply[at] = byte;
                read_reply(&reply);
            }
            reply.truncate(cut);
            read_reply(&reply);
        }
    }

    #[test]
    fn replies_that_are_made_up_reach_every_reader() {
        let (mut runner, reply, mut reached) = (TestRunner::deterministic(), reply(), BTreeSet::new());
        for _ in 0..3000 {
            let reply = reply.new_tree(&mut runner).expect("nothing is rejected").current();
            reached.extend(read_reply(&reply));
        }
        let all = [
            "address",
            "class",
            "fenced",
            "filled",
            "granted",
            "held",
            "incarnation",
            "masters",
            "message",
            "range",
            "redirection",
            "refreshes",
            "value",
            "version",
        ];
        assert_eq!(reached, BTreeSet::from(all));
    }
}
