//! What a run showed, for people to read.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use super::{
    chaos::Records,
    checker::{Verdict, Violation, nanos_to_millis},
    floors::writes,
    history::{Event, Time},
};

/// So much of the history is shown around a violation, in ns.
const BEFORE: Time = 1_500_000_000;
const AFTER: Time = 100_000_000;

/// At most so many lines of it.
const LINES: usize = 60;

/// A run and its verdict.
pub(crate) struct Report<'a> {
    /// Of a run by chance.
    pub(crate) seed: Option<u64>,
    pub(crate) records: &'a Records,
    pub(crate) verdict: &'a Verdict,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, records, verdict } = self;
        let mut faults: BTreeMap<_, u64> = BTreeMap::new();
        for fault in &records.faults {
            *faults.entry(fault.kind).or_default() += 1;
        }
        let took = nanos_to_millis(records.ended - records.began) / 1000.0;
        write!(f, "{took:.1} s")?;
        if let Some(seed) = seed {
            write!(f, ", seed {seed}")?;
        }
        if let Some(rule) = &records.without {
            write!(f, ", without {rule}")?;
        }
        writeln!(f)?;
        let (least, entries) = verdict.least_read();
        writeln!(f, "{} reads {:?}, of each of {entries} entries {least} or more", verdict.reads, verdict.by_origin)?;
        writeln!(f, "{} writes {:?}", verdict.writes, verdict.by_outcome)?;
        writeln!(f, "{} faults {faults:?}", records.faults.len())?;
        writeln!(
            f,
            "{} reads from memory and {} from flights were outdated within the bound, the oldest for {:.1} ms; the slowest \
             read took {} ms; {} loads in calm times, and {} stalls",
            verdict.stale,
            verdict.stale_flights,
            nanos_to_millis(u64::try_from(verdict.oldest.as_nanos()).unwrap_or_default()),
            verdict.slowest.as_millis(),
            verdict.calm_loads,
            verdict.stalls,
        )?;
        let mut by_kind: BTreeMap<_, Vec<&Violation>> = BTreeMap::new();
        for violation in &verdict.violations {
            by_kind.entry(violation.kind).or_default().push(violation);
        }
        for (kind, violations) in by_kind {
            writeln!(f, "VIOLATED {kind:?}: {} times; the first:\n{}", violations.len(), self.excerpt(violations[0]))?;
        }
        Ok(())
    }
}

impl Report<'_> {
    /// A violation with what happened to its row before, times in ms since the run began.
    fn excerpt(&self, violation: &Violation) -> String {
        let mut lines = Vec::new();
        let (from, to) = (violation.at.saturating_sub(BEFORE), violation.at + AFTER);
        for fault in self.records.faults.iter().filter(|fault| fault.overlaps(from.saturating_sub(BEFORE), to)) {
            lines.push((fault.begun, format!("{fault} until {:.1}", self.at(fault.ended))));
        }
        for write in writes(self.records).iter().filter(|write| write.row == violation.row) {
            let process = write.process;
            lines.push((write.at, format!("process {process} writes, {:?}", write.means)));
            if let Some((version, begun, ended)) = write.committed {
                lines.push((
                    ended,
                    format!("process {process} has committed {version}, begun at {:.1}", self.at(begun)),
                ));
            }
            if let Some((outcome, at)) = write.returned {
                lines.push((at, format!("process {process} is told {outcome:?}")));
            }
            if let Some(at) = write.sent {
                lines.push((at, format!("process {process} has sent everything")));
            }
        }
        for (process, history) in self.records.histories.iter().enumerate() {
            for event in &history.events {
                match event {
                    Event::Loaded { item, begun, ended, version } if item.row == violation.row => {
                        let text = format!(
                            "process {process} has loaded {version} ({:?}), begun at {:.1}",
                            item.function,
                            self.at(*begun)
                        );
                        lines.push((*ended, text));
                    }
                    Event::Started { at } => {
                        lines.push((*at, format!("process {process} starts as node {}", history.node)));
                    }
                    _ => {}
                }
            }
        }
        lines.retain(|(at, line)| (from..=to).contains(at) || line.contains(" until "));
        lines.sort();
        let mut text = format!("  {}\n", violation.text);
        for (at, line) in &lines[lines.len().saturating_sub(LINES)..] {
            let _ = writeln!(text, "    {:>9.1} {line}", self.at(*at));
        }
        text
    }

    fn at(&self, time: Time) -> f64 {
        nanos_to_millis(time.saturating_sub(self.records.began))
    }
}
