//! Turns what the benchmarks wrote into the tables and plots of `benches/README.md`.
//!
//! A table stands between `<!-- generated: name -->` and `<!-- end -->`; the text around it is written by hand. A
//! benchmark that has not run leaves its table and its plots as they are.

mod plot;

use std::{error::Error, fs, path::Path};

use cachet_benches::result::{Row, aligned, distinct, read, short, table};

use crate::plot::Bars;

const BENCHMARKS: [&str; 8] = ["hit", "hit_ratio", "capacity", "memory", "flight", "redis", "http", "compile-cost"];

fn main() -> Result<(), Box<dyn Error>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (readme, plots) = (directory.join("README.md"), directory.join("plots"));
    fs::create_dir_all(&plots)?;
    let mut text = fs::read_to_string(&readme)?;
    for name in BENCHMARKS {
        let rows = match read(name) {
            Ok(rows) => rows,
            Err(error) => {
                eprintln!("{name} is left as it is: {error}");
                continue;
            }
        };
        text = with_block(&text, name, &table(&rows))?;
        match name {
            "hit" => {
                text = with_block(&text, "hit-against-cachet", &against_cachet(&rows))?;
                bars_of_hits(&rows, &plots)?;
            }
            "hit_ratio" => {
                let cases = distinct(rows.iter().map(|row| row.case.clone()));
                let bars = Bars { rows: &rows, cases: &cases, value: |row| Some(row.value), log: false };
                bars.draw(&plots.join("hit_ratio.svg"), "Hits, % of 1 000 000 requests (more is better)")?;
            }
            "capacity" => plot::lines(&rows, &plots.join("capacity.svg"))?,
            _ => {}
        }
    }
    fs::write(readme, text)?;
    Ok(())
}

fn bars_of_hits(rows: &[Row], plots: &Path) -> Result<(), Box<dyn Error>> {
    let times: Vec<Row> = rows.iter().filter(|row| row.unit == "ns").cloned().collect();
    let cases = distinct(times.iter().map(|row| row.case.clone()));
    let (two, one): (Vec<_>, Vec<_>) = cases.into_iter().partition(|case| case.ends_with("two threads"));
    let cost = Bars { rows: &times, cases: &one, value: |row| Some(row.value), log: true };
    cost.draw(&plots.join("hit.svg"), "Time of a hit, ns, logarithmic (less is better)")?;
    let scaling = Bars { rows: &times, cases: &two, value: |row| row.ratio, log: false };
    scaling.draw(&plots.join("threads.svg"), "Time of a hit with two threads over that with one (less is better)")
}

/// How many times cachet's time each peer takes, for the same arguments.
fn against_cachet(rows: &[Row]) -> String {
    let heading = |row: &Row| format!("{}, {}", row.case, row.unit);
    let columns = distinct(rows.iter().map(heading));
    let find = |subject: &str, column: &String| {
        rows.iter().find(|row| row.subject == subject && heading(row) == *column).map(|row| row.value)
    };
    let subjects = distinct(rows.iter().map(|row| row.subject.as_str()));
    let mut lines = vec![[String::new()].into_iter().chain(columns.iter().cloned()).collect()];
    for &peer in subjects.iter().filter(|subject| !subject.starts_with("cachet")) {
        let same_arguments =
            |subject: &&&str| subject.strip_prefix("cachet async, ").is_some_and(|arguments| peer.ends_with(arguments));
        let Some(&cachet) = subjects.iter().find(same_arguments) else { continue };
        let ratio = |column| Some(short(find(peer, column)? / find(cachet, column)?) + " ×");
        let ratios = columns.iter().map(|column| ratio(column).unwrap_or_else(|| "–".to_owned()));
        lines.push([peer.to_owned()].into_iter().chain(ratios).collect::<Vec<_>>());
    }
    aligned(&lines)
}

/// The text with another content in the block of this name.
fn with_block(text: &str, name: &str, content: &str) -> Result<String, String> {
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = text.split_once(&begin).ok_or_else(|| format!("README.md has no block for {name}"))?;
    let (_, after) = rest.split_once("<!-- end -->").ok_or_else(|| format!("the block for {name} has no end"))?;
    Ok(format!("{before}{begin}\n{content}\n<!-- end -->{after}"))
}
