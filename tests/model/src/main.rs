//! Runs cases: `scripts/model [CASE [BOUND=NUMBER …]]`.
use cachet_model::Case;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut ok = true;
    for case in Case::all() {
        if arguments.first().is_some_and(|name| {
            *name != case.name && !(name == "naive" && case.fails) && !(name == "real" && !case.fails)
        }) {
            continue;
        }
        let report = case.check();
        println!(
            "{}: {report}{}",
            case.name,
            if report.broken.is_some() == case.fails { "" } else { "\n   UNEXPECTED" }
        );
        ok &= report.broken.is_some() == case.fails;
    }
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
