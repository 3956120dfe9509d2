//! What no read may fall below: versions of rows, each from a time on.

use std::{collections::HashMap, time::Duration};

use super::{
    chaos::Records,
    checker::nanos,
    history::{Event, Means, Outcome, Time},
};

/// So much earlier than the grace ends a node must have sent what it kept for the others to be sure of it.
const MARGIN: Duration = Duration::from_millis(50);

/// A write, as far as it is known.
pub(crate) struct Write {
    pub(crate) process: usize,
    pub(crate) row: u64,
    pub(crate) means: Means,
    pub(crate) at: Time,
    /// The version, and between which moments it was committed.
    pub(crate) committed: Option<(u64, Time, Time)>,
    pub(crate) returned: Option<(Outcome, Time)>,
    pub(crate) sent: Option<Time>,
}

/// Versions, and since when each is the least that may be read; both grow.
#[derive(Default)]
pub(crate) struct Floors(Vec<(Time, u64)>);

/// A version that was committed behind a fence.
pub(crate) struct Fenced {
    pub(crate) at: Time,
    pub(crate) version: u64,
    pub(crate) process: usize,
}

/// A version whose invalidation was kept during an outage that every node noticed.
pub(crate) struct Outage {
    /// When it began.
    pub(crate) begun: Time,
    /// Since when whoever noticed it may read nothing older from the shared tier.
    pub(crate) at: Time,
    pub(crate) version: u64,
    pub(crate) sent: Time,
}

/// All that is known of a row.
#[derive(Default)]
pub(crate) struct Row {
    /// Every version and between which moments it was committed.
    versions: HashMap<u64, (Time, Time)>,
    pub(crate) commits: Floors,
    /// What holds for every node: acknowledged, and sent.
    pub(crate) acknowledged: Floors,
    /// What holds for the process that wrote, whether it could be sent or not.
    pub(crate) own: HashMap<usize, Floors>,
    fenced: Vec<Fenced>,
    pub(crate) outages: Vec<Outage>,
}

impl Floors {
    fn of(mut floors: Vec<(Time, u64)>) -> Self {
        floors.sort_unstable();
        let mut highest = 0;
        floors.retain(|(_, version)| {
            let is_higher = *version > highest;
            highest = highest.max(*version);
            is_higher
        });
        Self(floors)
    }

    /// Since when the version is outdated.
    pub(crate) fn since(&self, version: u64) -> Option<Time> {
        let at = self.0.partition_point(|(_, floor)| *floor <= version);
        self.0.get(at).map(|(time, _)| *time)
    }

    /// The highest version at a time.
    fn at(&self, time: Time) -> Option<u64> {
        self.0.iter().rev().find(|(since, _)| *since <= time).map(|(_, version)| *version)
    }
}

impl Row {
    /// What was committed behind a fence after the version.
    pub(crate) fn fenced_after(&self, version: u64) -> &[Fenced] {
        let at = self.fenced.partition_point(|floor| floor.version <= version);
        &self.fenced[at..]
    }

    pub(crate) fn commit_of(&self, version: u64) -> Option<(Time, Time)> {
        self.versions.get(&version).copied()
    }
}

/// The writes of all processes.
pub(crate) fn writes(records: &Records) -> Vec<Write> {
    let mut writes = Vec::new();
    for (process, history) in records.histories.iter().enumerate() {
        let mut numbered: HashMap<u64, Write> = HashMap::new();
        for event in &history.events {
            match *event {
                Event::Write { number, row, means, at } => {
                    let write = Write { process, row, means, at, committed: None, returned: None, sent: None };
                    numbered.insert(number, write);
                }
                Event::Committed { number, version, begun, ended } => {
                    numbered.entry(number).and_modify(|write| write.committed = Some((version, begun, ended)));
                }
                Event::Returned { number, outcome, at } => {
                    numbered.entry(number).and_modify(|write| write.returned = Some((outcome, at)));
                }
                Event::Sent { number, at } => {
                    numbered.entry(number).and_modify(|write| write.sent = Some(at));
                }
                _ => {}
            }
        }
        writes.extend(numbered.into_values());
    }
    writes
}

/// Each row with what no read of it may fall below.
pub(crate) fn rows(records: &Records, writes: &[Write]) -> HashMap<u64, Row> {
    let mut rows: HashMap<u64, Row> = HashMap::new();
    let mut commits: HashMap<u64, Vec<(Time, u64)>> = HashMap::new();
    for write in writes {
        if let Some((version, begun, ended)) = write.committed {
            rows.entry(write.row).or_default().versions.insert(version, (begun, ended));
            commits.entry(write.row).or_default().push((ended, version));
        }
    }
    for (row, commits) in commits {
        rows.entry(row).or_default().commits = Floors::of(commits);
    }
    for (number, row) in &mut rows {
        row.judge_by(*number, records, writes);
    }
    rows
}

impl Row {
    fn judge_by(&mut self, number: u64, records: &Records, writes: &[Write]) {
        let (mut acknowledged, mut own) = (Vec::new(), HashMap::<usize, Vec<_>>::new());
        for write in writes.iter().filter(|write| write.row == number || write.means == Means::Everything) {
            let Some((_, _, committed)) = write.committed else { continue };
            let Some(version) = self.commits.at(committed) else { continue };
            if let Some((outcome, at)) = write.returned {
                own.entry(write.process).or_default().push((at, version));
                acknowledged.extend((outcome == Outcome::Done).then_some((at, version)));
                self.outages.extend(kept_in_outage(records, write, at, version));
            }
            acknowledged.extend(write.sent.map(|at| (at, version)));
            if write.means == Means::Strictly && !loses_fence(records, write.at, committed) {
                self.fenced.push(Fenced { at: committed, version, process: write.process });
            }
        }
        self.fenced.sort_unstable_by_key(|floor| floor.version);
        self.acknowledged = Floors::of(acknowledged);
        self.own = own.into_iter().map(|(process, floors)| (process, Floors::of(floors))).collect();
    }
}

/// Whether the server may have forgotten the fence before the commit. Of several servers, whoever takes another one's place
/// may never have heard of it, and may do so without any fault of ours.
fn loses_fence(records: &Records, begun: Time, ended: Time) -> bool {
    records.leeway.several || records.faults.iter().any(|fault| fault.loses_data() && fault.overlaps(begun, ended))
}

/// The outage in which a write was acknowledged, if that was long enough for every node to notice, and if what was kept was
/// sent in time.
fn kept_in_outage(records: &Records, write: &Write, at: Time, version: u64) -> Option<Outage> {
    if records.leeway.several {
        // What happens to one of them need not be noticed by every node.
        return None;
    }
    let (limits, noticed) = (records.limits, nanos(records.limits.bound));
    // A node says that it has sent everything once it believes the server again, which is so much later.
    let believed_after = if records.without.as_deref() == Some("grace") { Duration::ZERO } else { limits.grace };
    let sent = write.sent?.saturating_sub(nanos(believed_after));
    let outage = records.faults.iter().find(|fault| {
        let is_long = fault.ended - fault.begun >= noticed + 100_000_000;
        fault.stops_everything() && is_long && fault.begun <= at && at <= fault.ended
    })?;
    let is_kept = write.sent? > outage.ended.saturating_sub(50_000_000);
    let in_time = sent <= outage.ended + nanos(limits.grace.saturating_sub(MARGIN));
    (is_kept && in_time).then_some(Outage { begun: outage.begun, at: at.max(outage.begun + noticed), version, sent })
}
