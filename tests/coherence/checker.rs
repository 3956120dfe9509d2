//! The judge: every read against the writes that were acknowledged, with the bounds of the promises.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use cachet_core::Origin;

use super::{
    chaos::{Fault, Kind, Records},
    floors::{Floors, Row, Write, rows, writes},
    history::{Event, Item, Outcome, Time},
    loads,
    source::{LONGEST_LOAD, lifetime},
};

/// How long after a fault everything is as before: connections are back after 2 s at most, and believed 0.6 s later.
pub(crate) const SETTLED: Duration = Duration::from_millis(3200);

/// Something that was promised and is not so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Broken {
    /// A call ended in an error.
    Failed,
    /// A call took too long.
    Slow,
    /// A value was read before it was written.
    Future,
    /// A load gave what had been overwritten before it was called.
    OldLoad,
    /// A node served what it had invalidated itself.
    OwnNode,
    /// The shared tier, or a flight, gave what had been invalidated.
    Shared,
    /// Memory served for longer than Δ what another node had invalidated.
    Memory,
    /// What was committed behind a fence was not seen.
    Fence,
    /// After an outage that every node noticed, a value was believed that a node had still to invalidate.
    Outage,
    /// A value outlived its time.
    TooOld,
    /// An invalidation was kept and not sent.
    NotSent,
    /// A load began beside another one.
    Overlap,
}

#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) kind: Broken,
    pub(crate) at: Time,
    pub(crate) row: u64,
    pub(crate) text: String,
}

/// What was found.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) violations: Vec<Violation>,
    pub(crate) reads: u64,
    pub(crate) by_origin: BTreeMap<&'static str, u64>,
    /// How often each entry was read.
    pub(crate) by_item: BTreeMap<Item, u64>,
    pub(crate) writes: usize,
    pub(crate) by_outcome: BTreeMap<&'static str, u64>,
    /// Reads from memory of what another node had invalidated, within Δ.
    pub(crate) stale: u64,
    /// The same from flights beside a fault.
    pub(crate) stale_flights: u64,
    pub(crate) oldest: Duration,
    pub(crate) slowest: Duration,
    /// How often the machine had no time for a node or the server.
    pub(crate) stalls: usize,
    /// Loads in calm times, when there is one at a time.
    pub(crate) calm_loads: u64,
}

impl Verdict {
    /// How often the entry was read that was read least, and how many entries there are.
    pub(crate) fn least_read(&self) -> (u64, usize) {
        (self.by_item.values().copied().min().unwrap_or_default(), self.by_item.len())
    }
}

pub(crate) struct Checker<'a> {
    records: &'a Records,
    writes: Vec<Write>,
    rows: HashMap<u64, Row>,
    verdict: Verdict,
}

/// One read, as the checker needs it.
#[derive(Clone, Copy)]
struct Read {
    process: usize,
    node: usize,
    item: Item,
    begun: Time,
    ended: Time,
    version: u64,
    origin: Origin,
}

pub(crate) fn nanos(span: Duration) -> Time {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn judge(records: &Records) -> Verdict {
    let writes = writes(records);
    let rows = rows(records, &writes);
    let mut checker = Checker { records, writes, rows, verdict: Verdict::default() };
    for (process, history) in records.histories.iter().enumerate() {
        for event in &history.events {
            checker.take(process, history.node, *event);
        }
    }
    let loads = loads::judge(records, &checker.writes);
    (checker.verdict.calm_loads, checker.verdict.stalls) = (loads.calm, loads.stalls);
    checker.verdict.violations.extend(loads.violations);
    checker.check_sending();
    let mut verdict = checker.verdict;
    verdict.violations.sort_by_key(|violation| violation.at);
    verdict
}

impl Checker<'_> {
    fn take(&mut self, process: usize, node: usize, event: Event) {
        match event {
            Event::Read { item, begun, ended, version, origin } => {
                self.check_read(Read { process, node, item, begun, ended, version, origin });
            }
            Event::Failed { item, begun, ended } => {
                let text = format!("a call on process {process} failed after {:.1} ms", nanos_to_millis(ended - begun));
                self.found(Broken::Failed, item.row, ended, text);
            }
            Event::Returned { outcome, .. } => {
                self.verdict.writes += 1;
                *self.verdict.by_outcome.entry(outcome_name(outcome)).or_default() += 1;
            }
            _ => {}
        }
    }

    fn found(&mut self, kind: Broken, row: u64, at: Time, text: String) {
        self.verdict.violations.push(Violation { kind, at, row, text });
    }

    fn check_read(&mut self, read: Read) {
        self.verdict.reads += 1;
        *self.verdict.by_origin.entry(origin_name(read.origin)).or_default() += 1;
        *self.verdict.by_item.entry(read.item).or_default() += 1;
        self.check_time(read);
        let Some(row) = self.rows.get(&read.item.row) else { return };
        let mut found = Vec::new();
        if row.commit_of(read.version).is_some_and(|(begun, _)| begun > read.ended) {
            found.push((Broken::Future, "it was not written yet".to_owned()));
        }
        let ago = |since: Time| format!("outdated for {:.1} ms", nanos_to_millis(read.begun.saturating_sub(since)));
        let before = |floors: &Floors| floors.since(read.version).filter(|since| *since < read.begun);
        if let Some(since) = before(&row.commits) {
            if read.origin == Origin::Loaded {
                found.push((Broken::OldLoad, ago(since)));
            }
            let slack = self.records.leeway.slack + LONGEST_LOAD + self.records.limits.deadline * 2;
            if since + nanos(lifetime(read.item.function) + slack) < read.begun {
                found.push((Broken::TooOld, ago(since)));
            }
        }
        if let Some(since) = row.own.get(&read.process).and_then(before) {
            found.push((Broken::OwnNode, ago(since)));
        }
        if let Some(since) = before(&row.acknowledged) {
            let kind = if read.origin == Origin::Memory { Broken::Memory } else { Broken::Shared };
            let age = read.begun - since;
            if age >= nanos(self.allowance(read)) {
                found.push((kind, ago(since)));
            } else if read.origin == Origin::Memory {
                self.verdict.stale += 1;
                self.verdict.oldest = self.verdict.oldest.max(Duration::from_nanos(age));
            } else {
                self.verdict.stale_flights += 1;
            }
        }
        let spared = |process| process == read.process && matches!(read.origin, Origin::Memory | Origin::Flight);
        let behind_fence = row.fenced_after(read.version).iter().find(|floor| !spared(floor.process));
        if let Some(since) = behind_fence.map(|floor| floor.at)
            && since + nanos(self.allowance(read)) < read.begun
        {
            found.push((Broken::Fence, ago(since)));
        }
        for floor in row.outages.iter().filter(|floor| floor.version > read.version) {
            let started = self.records.histories[read.process].events.first();
            let has_noticed = matches!(started, Some(Event::Started { at }) if *at < floor.begun);
            let was_frozen = self.was_frozen(read.node, floor.begun, floor.sent);
            let allowance = if read.origin == Origin::Shared { 0 } else { nanos(self.records.limits.bound) };
            if has_noticed && !was_frozen && floor.at + allowance < read.begun && read.origin != Origin::Loaded {
                found.push((Broken::Outage, ago(floor.at)));
            }
        }
        for (kind, text) in found {
            let what = format!(
                "{:?} of row {} gave version {} from {} on node {} (process {}), called at {:.1}, answered at {:.1}: {text}",
                read.item.function,
                read.item.row,
                read.version,
                origin_name(read.origin),
                read.node,
                read.process,
                self.at(read.begun),
                self.at(read.ended),
            );
            self.found(kind, read.item.row, read.begun, what);
        }
    }

    /// For how long what another node has invalidated may be served.
    fn allowance(&self, read: Read) -> Duration {
        match read.origin {
            Origin::Memory => self.records.limits.bound,
            // While the node cannot ask anybody, a flight is as good as memory; else its answer was confirmed.
            Origin::Flight if self.is_disturbed(read) => self.records.limits.bound,
            _ => Duration::ZERO,
        }
    }

    fn is_disturbed(&self, read: Read) -> bool {
        let from = read.begun.saturating_sub(nanos(SETTLED));
        // A command that comes late is as good as an outage.
        !self.records.leeway.is_quiet_at_times()
            || self.records.faults.iter().any(|fault| fault.concerns(read.node) && fault.overlaps(from, read.ended))
    }

    fn check_time(&mut self, read: Read) {
        let took = Duration::from_nanos(read.ended - read.begun);
        if took <= self.verdict.slowest || self.was_frozen(read.node, read.begun, read.ended) {
            return;
        }
        self.verdict.slowest = took;
        if took > self.longest_read() {
            let text = format!("a call on process {} took {} ms", read.process, took.as_millis());
            self.found(Broken::Slow, read.item.row, read.begun, text);
        }
    }

    /// No call takes longer: it may wait for another's load twice, the first time for one that it may not share.
    fn longest_read(&self) -> Duration {
        let limits = self.records.limits;
        Duration::from_secs(2) + self.records.leeway.slack + LONGEST_LOAD * 2 + limits.lease * 2 + limits.deadline * 6
    }

    fn was_frozen(&self, node: usize, begun: Time, ended: Time) -> bool {
        let of_node = |fault: &&Fault| fault.kind == Kind::NodeFreeze && fault.node == Some(node);
        self.records.faults.iter().filter(of_node).any(|fault| fault.overlaps(begun, ended))
    }

    /// What was kept for later is sent once there is calm for long enough.
    fn check_sending(&mut self) {
        let kept: Vec<_> = self
            .writes
            .iter()
            .filter(|write| write.sent.is_none() && self.records.histories[write.process].killed.is_none())
            .filter_map(|write| {
                let (outcome, at) = write.returned?;
                let has_time = self.is_calm_after(at);
                (outcome != Outcome::Refused && has_time).then_some((write.row, write.process, at))
            })
            .collect();
        for (row, process, at) in kept {
            let text = format!("what process {process} was told at {:.1} is kept is not sent", self.at(at));
            self.found(Broken::NotSent, row, at, text);
        }
    }

    fn is_calm_after(&self, at: Time) -> bool {
        let begun = self.records.faults.iter().map(|fault| fault.ended).max().unwrap_or_default().max(at);
        begun + nanos(SETTLED + self.records.leeway.slack) < self.records.ended
    }

    /// Milliseconds since the run began.
    fn at(&self, time: Time) -> f64 {
        nanos_to_millis(time.saturating_sub(self.records.began))
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub(crate) fn nanos_to_millis(time: Time) -> f64 {
    time as f64 / 1e6
}

fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::Memory => "memory",
        Origin::Shared => "shared",
        Origin::Flight => "flight",
        Origin::Loaded => "loaded",
        _ => "elsewhere",
    }
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Queued => "queued",
        Outcome::Untold => "fenced",
        Outcome::Refused => "refused",
    }
}
