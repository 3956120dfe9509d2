//! Loads, of which there is one at a time in calm times: a node that needs a value waits for the one that loads it.

use std::{collections::BTreeMap, time::Duration};

use cachet_core::Origin;

use super::{
    chaos::{Fault, History, Records},
    checker::{Broken, SETTLED, Violation, nanos, nanos_to_millis},
    floors::Write,
    history::{Event, Item, Means, Time},
};

/// After that a fence is over that nobody lifts.
const FENCE: Duration = Duration::from_millis(10_500);

/// The lease was taken so shortly before its load began.
const TAKEN: Duration = Duration::from_millis(100);

/// When nothing happened for so long, on a node or between all of them and the server, the machine had no time for it.
const STALLED: Duration = Duration::from_millis(150);

/// What was found.
pub(crate) struct Loads {
    /// How many were judged.
    pub(crate) calm: u64,
    pub(crate) stalls: usize,
    pub(crate) violations: Vec<Violation>,
}

/// From when to when.
type Span = (Time, Time);

/// Judges the loads that nothing disturbed, and that nobody's write had to be told of.
pub(crate) fn judge(records: &Records, writes: &[Write]) -> Loads {
    let stalls = stalls(records);
    let mut found = Loads { calm: 0, stalls: stalls.len(), violations: Vec::new() };
    let outages = outages(records);
    let is_calm = |span| {
        let is_stalled = stalls.iter().any(|stall| overlap((stall.0, settled(stall.1)), span));
        is_calm(records, span) && !is_stalled && !outages.iter().any(|outage| overlap(*outage, span))
    };
    for (item, loads) in by_item(records) {
        for (at, (begun, ended)) in loads.iter().copied().enumerate() {
            let span = (begun.saturating_sub(nanos(TAKEN)), ended);
            // Who has waited for another node's load as long as a lease lasts loads beside it, and beside others.
            let is_long = |load: &Span| load.1 - load.0 > nanos(records.limits.lease / 2) && overlap(*load, span);
            if !is_calm(span) || loads.iter().any(is_long) || is_written(records, writes, item.row, span) {
                continue;
            }
            found.calm += 1;
            if let Some((next, _)) = loads.get(at + 1).filter(|(next, _)| *next < ended) {
                found.violations.push(beside(records, item, (begun, ended), *next));
            }
        }
    }
    found
}

/// The loads of each entry, as they began.
fn by_item(records: &Records) -> BTreeMap<Item, Vec<Span>> {
    let mut loads: BTreeMap<Item, Vec<Span>> = BTreeMap::new();
    for event in records.histories.iter().flat_map(|history| &history.events) {
        if let Event::Loaded { item, begun, ended, .. } = event {
            loads.entry(*item).or_default().push((*begun, *ended));
        }
    }
    for loads in loads.values_mut() {
        loads.sort_unstable();
    }
    loads
}

fn beside(records: &Records, item: Item, load: Span, next: Time) -> Violation {
    let at = |time: Time| nanos_to_millis(time.saturating_sub(records.began));
    let (Item { function, row }, begun, ended, next_begun) = (item, at(load.0), at(load.1), at(next));
    let text = format!(
        "{function:?} of row {row} was loaded from {next_begun:.1} on, beside a load from {begun:.1} to {ended:.1}"
    );
    Violation { kind: Broken::Overlap, at: next, row, text }
}

fn overlap(one: Span, other: Span) -> bool {
    one.0 <= other.1 && other.0 <= one.1
}

fn settled(time: Time) -> Time {
    time.saturating_add(nanos(SETTLED))
}

fn is_calm(records: &Records, span: Span) -> bool {
    // The nodes start as if after a fault.
    let is_begun = settled(records.began) < span.0;
    is_begun
        && records.leeway.is_quiet_at_times()
        && !records.faults.iter().any(|fault| overlap((fault.begun, settled(fault.ended)), span))
}

/// Whether somebody wrote the row, or may have left a fence on it.
fn is_written(records: &Records, writes: &[Write], row: u64, span: Span) -> bool {
    let of_row = |write: &&Write| write.row == row || write.means == Means::Everything;
    writes.iter().filter(of_row).any(|write| overlap((write.at, over(records, write)), span))
}

/// When nothing is left of a write.
fn over(records: &Records, write: &Write) -> Time {
    let History { node, killed, .. } = &records.histories[write.process];
    let sent = write.sent.or(*killed).unwrap_or(records.ended);
    // A fence that nobody was told of is not lifted: the writer died, or the command for it came late.
    let disturbing = |fault: &&Fault| fault.concerns(*node) && fault.overlaps(write.at, sent);
    let late = records.faults.iter().filter(disturbing).map(|fault| fault.ended).max();
    match (write.means, late) {
        (Means::Fence | Means::Strictly, Some(late)) => sent.max(late).saturating_add(nanos(FENCE)),
        _ => sent,
    }
}

/// When nodes did not believe the server: a heartbeat that came late ends trust as a fault does. They tell of the end.
fn outages(records: &Records) -> Vec<Span> {
    let events = records.histories.iter().flat_map(|history| &history.events);
    let back = events.filter_map(|event| if let Event::Back { at } = event { Some(*at) } else { None });
    back.map(|at| (at.saturating_sub(nanos(SETTLED)), at + nanos(TAKEN))).collect()
}

/// When the machine had no time for the nodes or the server. Leases end then without a sign.
fn stalls(records: &Records) -> Vec<Span> {
    let (mut stalls, mut of_server) = (Vec::new(), Vec::new());
    for history in &records.histories {
        let mut answered = Vec::new();
        for event in &history.events {
            if let Event::Read { ended, origin, .. } = event {
                answered.push(*ended);
                // What was loaded was stored before it was given.
                of_server.extend(matches!(origin, Origin::Shared | Origin::Loaded).then_some(*ended));
            }
        }
        stalls.extend(gaps(answered));
    }
    stalls.extend(gaps(of_server));
    stalls
}

fn gaps(mut times: Vec<Time>) -> Vec<Span> {
    times.sort_unstable();
    let pairs = times.windows(2).map(|pair| (pair[0], pair[1]));
    pairs.filter(|(one, next)| next - one > nanos(STALLED)).collect()
}
