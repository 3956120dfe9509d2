//! Histories by hand: for each promise one in which it is broken, and the nearest one in which it is kept.
//!
//! Times are in ms since the run began, which lasts for a minute.

use std::ops::Range;

use cachet_core::Origin;

use super::{
    chaos::{Fault, History, Kind, Leeway, Records},
    checker::{
        Broken::{self, *},
        judge,
    },
    history::{Event, Function, Item, Means, Order, Outcome, Time},
    node::Limits,
};

const MS: Time = 1_000_000;
const BEGAN: Time = 1_000 * MS;
const ENDED: Time = 60_000;

/// Δ, in ms.
const BOUND: Time = 300;

const ITEM: Item = Item { row: 0, function: Function::Kept };

fn at(millis: Time) -> Time {
    BEGAN + millis * MS
}

fn read(origin: Origin, version: u64, span: Range<Time>) -> Event {
    Event::Read { item: ITEM, begun: at(span.start), ended: at(span.end), version, origin }
}

fn loaded(span: Range<Time>) -> Event {
    Event::Loaded { item: ITEM, begun: at(span.start), ended: at(span.end), version: 1 }
}

/// A write of version 2 by these means, committed within that span.
fn written(means: Means, span: Range<Time>) -> Vec<Event> {
    vec![
        Event::Write { number: 0, row: 0, means, at: at(span.start) },
        Event::Committed { number: 0, version: 2, begun: at(span.start), ended: at(span.end) },
    ]
}

/// The same with the moment when the writer was told so.
fn told(outcome: Outcome, means: Means, span: Range<Time>, then: Time) -> Vec<Event> {
    let mut events = written(means, span);
    events.push(Event::Returned { number: 0, outcome, at: at(then) });
    events
}

/// The same with the moment when everything was sent.
fn sent(outcome: Outcome, means: Means, span: Range<Time>, then: Time, sent: Time) -> Vec<Event> {
    let mut events = told(outcome, means, span, then);
    events.push(Event::Sent { number: 0, at: at(sent) });
    events
}

fn fault(kind: Kind, node: Option<usize>, span: Range<Time>) -> Fault {
    Fault { kind, node, begun: at(span.start), ended: at(span.end) }
}

/// What is found in the histories of nodes 0, 1 and so on.
fn found_beside<const N: usize>(faults: Vec<Fault>, nodes: [Vec<Event>; N]) -> Vec<Broken> {
    let histories = nodes.into_iter().enumerate().map(|(node, mut events)| {
        events.insert(0, Event::Started { at: at(0) });
        History { node, killed: None, events }
    });
    let histories = histories.collect();
    let records = Records {
        limits: Limits::SHORT,
        without: None,
        leeway: Leeway::NONE,
        began: BEGAN,
        ended: at(ENDED),
        histories,
        faults,
    };
    let mut kinds: Vec<_> = judge(&records).violations.into_iter().map(|violation| violation.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn found<const N: usize>(nodes: [Vec<Event>; N]) -> Vec<Broken> {
    found_beside(Vec::new(), nodes)
}

/// A write that everybody was told of at 200.
fn acknowledged() -> Vec<Event> {
    sent(Outcome::Done, Means::Keys, 100..110, 200, 200)
}

#[test]
fn a_call_ends_in_a_value() {
    assert_eq!(found([vec![Event::Failed { item: ITEM, begun: at(1), ended: at(2) }]]), [Failed]);
    assert_eq!(found([vec![read(Origin::Loaded, 1, 1..2)]]), []);
}

#[test]
fn a_call_ends_soon_unless_its_node_is_frozen() {
    let slow = || vec![read(Origin::Loaded, 1, 1_000..9_000)];
    assert_eq!(found([slow()]), [Slow]);
    assert_eq!(found([vec![read(Origin::Loaded, 1, 1_000..4_000)]]), []);
    let frozen = |node| vec![fault(Kind::NodeFreeze, Some(node), 2_000..8_000)];
    assert_eq!(found_beside(frozen(0), [slow()]), []);
    assert_eq!(found_beside(frozen(1), [slow()]), [Slow]);
}

#[test]
fn a_value_is_written_before_it_is_read() {
    assert_eq!(found([acknowledged(), vec![read(Origin::Loaded, 2, 80..99)]]), [Future]);
    assert_eq!(found([acknowledged(), vec![read(Origin::Loaded, 2, 80..101)]]), []);
}

#[test]
fn a_load_sees_what_was_committed_before_it() {
    let write = || written(Means::Keys, 100..110);
    assert_eq!(found([write(), vec![read(Origin::Loaded, 1, 111..120)]]), [OldLoad]);
    assert_eq!(found([write(), vec![read(Origin::Loaded, 1, 109..120)]]), []);
}

#[test]
fn a_writer_sees_what_it_has_written_whether_it_was_sent_or_not() {
    let write = |version, begun| {
        let mut events = sent(Outcome::Queued, Means::Keys, 100..110, 200, 900);
        events.push(read(Origin::Memory, version, begun..begun + 1));
        events
    };
    assert_eq!(found([write(1, 201)]), [OwnNode]);
    assert_eq!(found([write(1, 199)]), []);
    assert_eq!(found([write(2, 201)]), []);
}

#[test]
fn an_acknowledged_write_is_seen_by_whoever_asks_the_shared_tier_or_follows() {
    for origin in [Origin::Shared, Origin::Flight] {
        assert_eq!(found([acknowledged(), vec![read(origin, 1, 201..205)]]), [Shared]);
        assert_eq!(found([acknowledged(), vec![read(origin, 1, 199..205)]]), []);
        assert_eq!(found([acknowledged(), vec![read(origin, 2, 201..205)]]), []);
    }
    let kept = || sent(Outcome::Queued, Means::Keys, 100..110, 200, 900);
    assert_eq!(found([kept(), vec![read(Origin::Shared, 1, 800..805)]]), []);
    assert_eq!(found([kept(), vec![read(Origin::Shared, 1, 901..905)]]), [Shared]);
}

#[test]
fn memory_is_outdated_for_less_than_the_bound() {
    let reading = |begun| vec![read(Origin::Memory, 1, begun..begun + 1)];
    assert_eq!(found([acknowledged(), reading(200 + BOUND)]), [Memory]);
    assert_eq!(found([acknowledged(), reading(200 + BOUND - 1)]), []);
}

#[test]
fn a_flight_is_as_good_as_memory_only_beside_a_fault_of_its_node() {
    let reading = |begun| vec![read(Origin::Flight, 1, begun..begun + 1)];
    let beside =
        |node, begun| found_beside(vec![fault(Kind::Hold, Some(node), 50..90)], [acknowledged(), reading(begun)]);
    assert_eq!(beside(1, 210), []);
    assert_eq!(beside(1, 200 + BOUND), [Shared]);
    assert_eq!(beside(0, 210), [Shared]);
}

#[test]
fn an_invalidation_of_everything_counts_for_every_row() {
    let everything = |means| {
        let mut events = written(Means::Keys, 100..110);
        events.push(Event::Write { number: 1, row: 5, means, at: at(150) });
        events.push(Event::Committed { number: 1, version: 2, begun: at(150), ended: at(160) });
        events.push(Event::Returned { number: 1, outcome: Outcome::Done, at: at(200) });
        events.push(Event::Sent { number: 1, at: at(200) });
        events
    };
    let reading = || vec![read(Origin::Shared, 1, 210..220)];
    let kinds = |means| found([everything(means), reading()]);
    assert!(kinds(Means::Everything).contains(&Shared));
    assert!(!kinds(Means::Keys).contains(&Shared));
}

#[test]
fn what_was_committed_behind_a_fence_is_seen_though_its_writer_is_never_heard_of_again() {
    let reading = || vec![read(Origin::Shared, 1, 111..112)];
    let strictly = || written(Means::Strictly, 100..110);
    assert!(found([strictly(), reading()]).contains(&Fence));
    assert!(!found([strictly(), vec![read(Origin::Shared, 1, 109..112)]]).contains(&Fence));
    assert!(!found([strictly(), vec![read(Origin::Memory, 1, 111..112)]]).contains(&Fence), "it is within the bound");
    // It wrote without a fence perhaps.
    assert!(!found([written(Means::Fence, 100..110), reading()]).contains(&Fence));
    // The server forgot the fence.
    let flush = fault(Kind::Flush, None, 105..105);
    assert!(!found_beside(vec![flush], [strictly(), reading()]).contains(&Fence));
}

#[test]
fn after_an_outage_what_others_kept_is_waited_for() {
    // It is sent at 2500, because the node believes the server again 600 ms after that.
    let kept = |then| sent(Outcome::Queued, Means::Keys, 1_600..1_610, 1_700, then);
    let outage = |node| vec![fault(Kind::Freeze, node, 1_000..2_000)];
    let reading = |origin| vec![read(origin, 1, 2_100..2_110)];
    assert_eq!(found_beside(outage(None), [kept(3_100), reading(Origin::Shared)]), [Outage]);
    assert_eq!(found_beside(outage(None), [kept(3_100), reading(Origin::Memory)]), [Outage]);
    assert_eq!(found_beside(outage(None), [kept(3_300), reading(Origin::Shared)]), [], "it was sent too late");
    let short = vec![fault(Kind::Freeze, None, 1_500..1_800)];
    assert_eq!(found_beside(short, [kept(2_800), reading(Origin::Shared)]), [], "not everybody noticed");
    let alone = vec![fault(Kind::Hold, Some(0), 1_000..2_000)];
    assert_eq!(found_beside(alone, [kept(3_100), reading(Origin::Shared)]), [], "nobody else could notice");
}

#[test]
fn no_value_outlives_its_time() {
    let write = || written(Means::Keys, 100..110);
    let reading = |begun| vec![read(Origin::Shared, 1, begun..begun + 1)];
    assert!(found([write(), reading(10_000)]).contains(&TooOld));
    assert!(!found([write(), reading(6_000)]).contains(&TooOld));
}

#[test]
fn what_is_kept_is_sent_once_there_is_calm() {
    let kept = || told(Outcome::Queued, Means::Keys, 100..110, 200);
    assert_eq!(found([kept()]), [NotSent]);
    assert_eq!(found([sent(Outcome::Queued, Means::Keys, 100..110, 200, 900)]), []);
    assert_eq!(found([told(Outcome::Refused, Means::Strictly, 100..110, 200)]), []);
    assert_eq!(found_beside(vec![fault(Kind::Freeze, None, 100..58_000)], [kept()]), []);
}

#[test]
fn in_calm_times_there_is_one_load_at_a_time() {
    // The nodes and the server are seen to be at work all the while, on another row.
    let at_work = |load: Range<Time>| {
        let item = Item { row: 1, ..ITEM };
        let other = |begun, ended| Event::Read { item, begun, ended, version: 1, origin: Origin::Shared };
        let mut events: Vec<_> = (0..200).map(|step| other(at(step * 100), at(step * 100 + 1))).collect();
        events.push(loaded(load));
        events
    };
    let pair = |begun| [at_work(10_000..10_050), at_work(begun..begun + 20)];
    assert_eq!(found(pair(10_040)), [Overlap]);
    assert_eq!(found(pair(10_060)), []);
    let with = |writer: Vec<Event>| {
        let [one, other] = pair(10_040);
        found([one, other, writer])
    };
    assert_eq!(with(sent(Outcome::Done, Means::Tag, 9_970..9_980, 10_020, 10_020)), [], "it was invalidated meanwhile");
    assert_eq!(with(sent(Outcome::Done, Means::Tag, 9_700..9_710, 9_800, 9_800)), [Overlap]);
    let beside = |faults| found_beside(faults, pair(10_040));
    assert_eq!(beside(vec![fault(Kind::Cut, Some(2), 7_000..7_100)]), []);
    assert_eq!(beside(vec![fault(Kind::Cut, Some(2), 6_000..6_100)]), [Overlap]);
    assert_eq!(with(vec![Event::Back { at: at(10_200) }]), [], "a node was without the server");
    assert_eq!(with(vec![Event::Back { at: at(9_700) }]), [Overlap]);
    assert_eq!(found([at_work(10_000..10_700), at_work(10_510..10_530)]), [], "it has waited for long enough");
}

#[test]
fn every_line_of_a_history_is_read_as_it_was_written() {
    let item = Item { row: 7, function: Function::Brief };
    let mut events = sent(Outcome::Untold, Means::Everything, 1..2, 3, 4);
    events.extend([
        read(Origin::Flight, 3, 1..2),
        loaded(1..2),
        Event::Started { at: 1 },
        Event::Back { at: 1 },
        Event::Failed { item, begun: 1, ended: 2 },
        Event::Waiting { item, at: 1 },
        Event::Loading { item, version: 2, at: 1 },
    ]);
    for event in events {
        assert_eq!(Event::parse(&event.to_string()), Some(event));
    }
    for order in [Order::Read(item), Order::Write(3, Means::Tag), Order::Hold, Order::GoOn] {
        assert_eq!(Order::parse(&order.to_string()), Some(order));
    }
    assert_eq!(Event::parse("R k 0 1"), None, "it was cut off");
}
