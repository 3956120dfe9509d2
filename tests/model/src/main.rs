//! Runs cases in larger bounds: `scripts/model [CASE [BOUND=NUMBER …]]`.

use std::process::ExitCode;

use cachet_model::{Case, Target};

const USAGE: &str = "\
usage: scripts/model [CASE [BOUND=NUMBER ...]]
Without a case, all run as in the tests. The bounds: calls, writes, ticks, timeouts, expiries, evictions, breaks, crashes,
outages, restarts (how often each may happen), delta (in ticks), memory, stale, tags (0 or 1).
The cases:";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let cases = match arguments.split_first() {
        None => Some(Case::all()),
        Some((name, bounds)) => Case::named(name).and_then(|case| within(case, bounds)).map(|case| vec![case]),
    };
    let Some(cases) = cases else {
        let names: Vec<_> = Case::all().iter().map(|case| case.name).collect();
        eprintln!("{USAGE} {}", names.join(", "));
        return ExitCode::FAILURE;
    };
    let mut all_as_expected = true;
    for case in cases {
        let report = case.check();
        println!("{}: {report}", case.name);
        all_as_expected &= report.broken.is_some() == case.fails;
    }
    if all_as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The case within other bounds; `None` for a bound that does not exist.
fn within(mut case: Case, bounds: &[String]) -> Option<Case> {
    for bound in bounds {
        let (name, number) = bound.split_once('=')?;
        let number: u8 = number.parse().ok()?;
        let all = &mut case.protocol.bounds;
        let budget = &mut all.budget;
        match name {
            "calls" => budget.calls = number,
            // A row has no more versions than the model has room for.
            "writes" if number <= 4 => budget.writes = number,
            "ticks" if number <= 200 => budget.ticks = number,
            "timeouts" => budget.timeouts = number,
            "expiries" => budget.expiries = number,
            "evictions" => budget.evictions = number,
            "breaks" => budget.breaks = number,
            "crashes" => budget.crashes = number,
            "outages" => budget.outages = number,
            "restarts" => budget.restarts = number,
            "delta" if number <= 20 => all.delta = number,
            "memory" => all.memory = number > 0,
            "stale" => all.stale = number > 0,
            "tags" => all.target = if number > 0 { Target::Tag } else { Target::Entry },
            _ => return None,
        }
    }
    Some(case)
}
