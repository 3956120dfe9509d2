//! The results of a benchmark: rows that are shown as a table and kept as JSON.

use std::{
    collections::{HashMap, HashSet},
    env, fs,
    hash::Hash,
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was done; a column of the table.
    pub case: String,
    /// What did it; a line of the table.
    pub subject: String,
    /// The figure, in `unit`.
    pub value: f64,
    /// What the figure counts, as in `ns`.
    pub unit: String,
    /// The figure over that of `to`.
    pub ratio: Option<f64>,
    /// What `ratio` compares with.
    pub to: Option<String>,
}

impl Row {
    /// A figure that is compared with nothing.
    pub fn new(case: &str, subject: &str, value: f64, unit: &str) -> Self {
        Self { case: case.to_owned(), subject: subject.to_owned(), value, unit: unit.to_owned(), ratio: None, to: None }
    }

    /// The row, compared with the figure of `to`.
    #[must_use]
    pub fn against(mut self, to: &str, value: f64) -> Self {
        self.ratio = Some(self.value / value);
        self.to = Some(to.to_owned());
        self
    }
}

/// Prints the rows as a table and writes them to `target/bench/<name>.json`.
#[allow(clippy::missing_panics_doc, reason = "a row always has a JSON form")]
pub fn publish(name: &str, rows: &[Row]) {
    println!("\n{name}\n\n{}", table(rows));
    let file = file(name);
    let text = serde_json::to_string_pretty(rows).expect("plain values have a JSON form");
    let made = file.parent().map_or(Ok(()), fs::create_dir_all);
    match made.and_then(|()| fs::write(&file, text + "\n")) {
        Ok(()) => println!("written to {}", file.display()),
        Err(error) => eprintln!("{} cannot be written: {error}", file.display()),
    }
}

/// The rows that the benchmark wrote when it last ran.
///
/// # Errors
///
/// When there is no such file, or it holds something else.
pub fn read(name: &str) -> io::Result<Vec<Row>> {
    Ok(serde_json::from_str(&fs::read_to_string(file(name))?)?)
}

fn file(name: &str) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), Into::into);
    target.join("bench").join(name).with_extension("json")
}

/// A markdown table, aligned: a line for each subject, a column for each case, the ratio in parentheses. Below it is what
/// the ratios compare with.
pub fn table(rows: &[Row]) -> String {
    let columns: Vec<_> = distinct(rows.iter().map(heading));
    let cells: HashMap<_, _> = rows.iter().map(|row| ((&row.subject, heading(row)), cell(row))).collect();
    let mut lines = vec![vec![String::new()]];
    lines[0].extend(columns.iter().cloned());
    for subject in distinct(rows.iter().map(|row| &row.subject)) {
        let figures = columns.iter().map(|column| cells.get(&(subject, column.clone())).cloned());
        lines.push(
            [subject.clone()].into_iter().chain(figures.map(|cell| cell.unwrap_or_else(|| "–".to_owned()))).collect(),
        );
    }
    aligned(&lines) + &legend(rows)
}

/// The case with its unit.
fn heading(Row { case, unit, to, .. }: &Row) -> String {
    format!("{case}, {unit}{}", if to.is_some() { " (×)" } else { "" })
}

/// What the ratios of each column compare with.
fn legend(rows: &[Row]) -> String {
    let compared = distinct(rows.iter().filter_map(|row| row.to.as_ref()));
    let line = |to: &&String| {
        let columns = distinct(rows.iter().filter(|row| row.to.as_ref() == Some(*to)).map(|row| row.case.as_str()));
        let columns = if compared.len() == 1 { String::new() } else { format!(" ({})", columns.join("; ")) };
        format!("\n×: times the figure of {to}{columns}.\n")
    };
    compared.iter().map(line).collect()
}

fn cell(row: &Row) -> String {
    let value = short(row.value);
    row.ratio.map_or_else(|| value.clone(), |ratio| format!("{value} ({})", short(ratio)))
}

/// About three digits.
pub fn short(value: f64) -> String {
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ if value.fract() == 0.0 => 0,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

/// A markdown table of these lines, the first of which is the heading.
pub fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0).max(3);
    let widths: Vec<_> = (0..columns).map(width).collect();
    // The first column is text, the others are figures.
    let whole = |cells: Vec<String>| format!("|{}|\n", cells.join("|"));
    let rule = widths.iter().enumerate().map(|(column, width)| {
        let end = if column == 0 { '-' } else { ':' };
        format!("-{:-<width$}{end}", "")
    });
    let mut texts = lines.iter().map(|line| {
        let cells = line.iter().zip(&widths).enumerate();
        whole(
            cells
                .map(
                    |(column, (cell, width))| {
                        if column == 0 { format!(" {cell:<width$} ") } else { format!(" {cell:>width$} ") }
                    },
                )
                .collect(),
        )
    });
    texts.next().into_iter().chain([whole(rule.collect())]).chain(texts).collect()
}

/// Each item once, in the order of its first appearance.
pub fn distinct<T: Clone + Eq + Hash>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    items.filter(|item| seen.insert(item.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_a_table_with_a_column_for_each_case() {
        let rows = [
            Row::new("hot key", "map", 10.0, "ns").against("map", 10.0),
            Row::new("hot key", "cache", 44.25, "ns").against("map", 10.0),
            Row::new("entry", "cache", 99.5, "B"),
        ];
        let expected = "\
            |       | hot key, ns (×) | entry, B |\n\
            |-------|----------------:|---------:|\n\
            | map   |        10.0 (1) |        – |\n\
            | cache |     44.2 (4.42) |     99.5 |\n\
            \n×: times the figure of map.\n";
        assert_eq!(table(&rows), expected);
    }
}
