//! Running a case.

use std::{
    fmt, thread,
    time::{Duration, Instant},
};

use stateright::{Checker, Model};

use crate::{cases::Case, rules::Protocol, step::Step};

/// What a search found.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many different states were reached.
    pub states: usize,
    /// The longest way to one.
    pub depth: usize,
    /// How long it took.
    pub time: Duration,
    /// A promise that was broken, and the way there.
    pub broken: Option<(&'static str, Vec<Step>)>,
}

impl Case {
    /// Searches until everything was seen, or a promise that is to break was seen to.
    ///
    /// A naive protocol is searched breadth-first, which gives the shortest history; the real one depth-first, which
    /// needs less memory.
    pub fn check(&self) -> Report {
        let began = Instant::now();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let search = self.protocol.clone().checker().threads(threads);
        if self.fails { report(began, &search.spawn_bfs().join()) } else { report(began, &search.spawn_dfs().join()) }
    }
}

fn report(began: Instant, search: &impl Checker<Protocol>) -> Report {
    let broken = search.discoveries().into_iter().next().map(|(promise, way)| (promise, way.into_actions()));
    Report { states: search.unique_state_count(), depth: search.max_depth(), time: began.elapsed(), broken }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (states, depth, seconds) = (self.states, self.depth, self.time.as_secs_f64());
        write!(f, "{states} states, depth {depth}, {seconds:.1} s")?;
        let Some((promise, way)) = &self.broken else { return f.write_str(": holds") };
        write!(f, ": broken: {promise}")?;
        way.iter().try_for_each(|step| write!(f, "\n    {step:?}"))
    }
}
