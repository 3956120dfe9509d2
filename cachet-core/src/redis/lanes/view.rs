//! What a node of a Cluster says of the others.

use std::collections::BTreeSet;

use deadpool_redis::redis::Value;

use super::{
    map::Address,
    slots::{SLOTS, address_of},
};

/// Slots that follow each other, and their master.
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) id: String,
    pub(super) address: Address,
}

impl Range {
    /// One line of `CLUSTER SLOTS`: first, last, then the master's host, port and id.
    pub(super) fn of(line: &Value, asked: &str) -> Option<Self> {
        let Value::Array(line) = line else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = &line[..] else { return None };
        let [host, Value::Int(port), Value::BulkString(id), ..] = &master[..] else { return None };
        let host = match host {
            Value::BulkString(host) if !host.is_empty() => String::from_utf8(host.clone()).ok()?,
            _ => asked.to_owned(),
        };
        let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
        let address = (host, u16::try_from(*port).ok()?);
        (first <= last && last < SLOTS).then_some(Self {
            first,
            last,
            id: String::from_utf8(id.clone()).ok()?,
            address,
        })
    }
}

/// A master, and where it is.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::redis) struct Named {
    pub(in crate::redis) id: String,
    pub(super) address: Address,
}

/// The masters that a node names in its answer to `CLUSTER NODES`: those that have slots, and those that it is moving slots
/// to.
///
/// A line has id, address, flags, master, two times, epoch, state of the link, and then slots. The node's own has
/// `[slot->-id]` for each that moves from it, `[slot-<-id]` for each that moves to it.
pub(in crate::redis) fn masters_named(nodes: &str, asked: &str) -> Vec<Named> {
    let slots = |line: &'_ str| line.split(' ').skip(8).map(str::to_owned).collect::<Vec<_>>();
    let leaving =
        nodes.lines().flat_map(slots).filter_map(|slot| Some(slot.strip_suffix(']')?.split_once("->-")?.1.to_owned()));
    let targets: BTreeSet<String> = leaving.collect();
    let named = nodes.lines().filter_map(|line| {
        let (id, rest) = line.split_once(' ')?;
        let has_slots = slots(line).iter().any(|slot| !slot.starts_with('['));
        let address = address_of(rest.split(['@', ' ']).next()?, asked)?;
        (has_slots || targets.contains(id)).then(|| Named { id: id.to_owned(), address })
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masters_have_slots_or_are_about_to() {
        let nodes = "\
07c3 127.0.0.1:30004@31004,host slave e7d1 0 1426238317239 4 connected
e7d1 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-5460 5462 [77->-67ed] [93-<-292f]
292f :30003@31003 master - 0 1426238318243 3 connected 10923-16383
67ed 127.0.0.1:30002@31002 master - 0 1426238316232 2 connected
6ec2 127.0.0.1:30005@31005 master,fail - 0 1426238316232 5 disconnected
";
        let named = [("e7d1", "127.0.0.1", 30001), ("292f", "asked", 30003), ("67ed", "127.0.0.1", 30002)];
        let named = named.map(|(id, host, port)| Named { id: id.into(), address: (host.into(), port) });
        assert_eq!(masters_named(nodes, "asked"), named);
        assert_eq!(masters_named("", "asked"), []);
        assert_eq!(masters_named("one two\n\n:", "asked"), []);
    }
}
