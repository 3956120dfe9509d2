//! Plots as SVG files, on a background of their own so that they are read on a dark page too.

use std::{error::Error, path::Path};

use cachet_benches::result::{Row, distinct, short};
use plotters::{
    coord::ranged1d::{AsRangedCoord, Ranged, SegmentValue, ValueFormatter},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(36, 41, 47);
const GRID: RGBColor = RGBColor(225, 228, 232);
const CACHET: RGBColor = RGBColor(9, 105, 218);
const CACHET_ON_MINI_MOKA: RGBColor = RGBColor(84, 174, 255);
const PEER: RGBColor = RGBColor(175, 184, 193);

/// Of peers in a plot of lines: hues that are told apart by those who see few colours, too.
const PEERS: [RGBColor; 7] = [
    RGBColor(110, 119, 129),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(213, 94, 0),
    RGBColor(150, 110, 30),
    RGBColor(130, 80, 223),
];

type Drawn = Result<(), Box<dyn Error>>;

/// Horizontal bars, a panel for each case.
pub(crate) struct Bars<'a> {
    pub(crate) rows: &'a [Row],
    pub(crate) cases: &'a [String],
    pub(crate) value: fn(&Row) -> Option<f64>,
    pub(crate) log: bool,
}

impl Bars<'_> {
    pub(crate) fn draw(&self, file: &Path, axis: &str) -> Drawn {
        let subjects = distinct(self.rows.iter().map(|row| row.subject.as_str())).len();
        let panel = u32::try_from(subjects * 24 + 80)?;
        let height = panel * u32::try_from(self.cases.len())?;
        let root = SVGBackend::new(file, (820, height)).into_drawing_area();
        root.fill(&WHITE)?;
        for (area, case) in root.split_evenly((self.cases.len(), 1)).iter().zip(self.cases) {
            self.panel(area, case, axis)?;
        }
        Ok(root.present()?)
    }

    fn panel(&self, area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>, case: &str, axis: &str) -> Drawn {
        let bars: Vec<(String, f64)> = (self.rows.iter())
            .filter(|row| row.case == case)
            .filter_map(|row| Some((plain(&row.subject), (self.value)(row)?)))
            .collect();
        let most = bars.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        if self.log {
            panel(area, case, axis, &bars, 1.0, (1.0..most * 2.0).log_scale())
        } else {
            panel(area, case, axis, &bars, 0.0, 0.0..most * 1.12)
        }
    }
}

fn panel<X>(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    case: &str,
    axis: &str,
    bars: &[(String, f64)],
    from: f64,
    values: X,
) -> Drawn
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    // The first bar is on top.
    let lines = (0..bars.len()).rev();
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .margin_right(20)
        .caption(case, (FONT, 17).into_font().style(FontStyle::Bold).color(&INK))
        .x_label_area_size(38)
        .y_label_area_size(330)
        .build_cartesian_2d(values, (0..bars.len() - 1).into_segmented())?;
    let name = |line: &SegmentValue<usize>| match line {
        SegmentValue::CenterOf(at) => bars.iter().rev().nth(*at).map_or_else(String::new, |(name, _)| name.clone()),
        _ => String::new(),
    };
    (chart.configure_mesh())
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .y_labels(bars.len())
        .y_label_formatter(&name)
        .x_label_formatter(&|value| tick(*value))
        .x_desc(axis)
        .label_style((FONT, 13).into_font().color(&INK))
        .axis_desc_style((FONT, 13).into_font().color(&INK))
        .draw()?;
    chart.draw_series(bars.iter().zip(lines.clone()).map(|((name, value), line)| {
        let colour = if name.starts_with("cachet") { CACHET } else { PEER };
        let corners = [(from, SegmentValue::Exact(line)), (*value, SegmentValue::Exact(line + 1))];
        let mut bar = Rectangle::new(corners, colour.filled());
        bar.set_margin(4, 4, 0, 0);
        bar
    }))?;
    let style = (FONT, 13).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    chart.draw_series(bars.iter().zip(lines).map(|((_, value), line)| {
        EmptyElement::at((*value, SegmentValue::CenterOf(line))) + Text::new(short(*value), (5, 0), style.clone())
    }))?;
    Ok(())
}

/// A line for each subject over a number of entries, both axes logarithmic. A case is as in "10 000 entries".
pub(crate) fn lines(rows: &[Row], file: &Path) -> Drawn {
    let points: Vec<(String, f64, f64)> =
        rows.iter().filter_map(|row| Some((plain(&row.subject), entries(&row.case)?, row.value))).collect();
    let bounds = |of: fn(&(String, f64, f64)) -> f64| {
        points.iter().map(of).fold((f64::INFINITY, 0.0_f64), |(least, most), at| (least.min(at), most.max(at)))
    };
    let ((fewest, most), (least, longest)) = (bounds(|point| point.1), bounds(|point| point.2));
    let root = SVGBackend::new(file, (820, 520)).into_drawing_area();
    root.fill(&WHITE)?;
    let (plot, legend) = root.split_horizontally(560);
    let mut chart = ChartBuilder::on(&plot)
        .margin(14)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d((fewest..most * 1.05).log_scale(), (least * 0.8..longest * 1.2).log_scale())?;
    (chart.configure_mesh())
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .x_label_formatter(&|value| tick(*value))
        .y_label_formatter(&|value| tick(*value))
        .x_desc("entries")
        .y_desc("time of a hit, ns (both axes logarithmic)")
        .label_style((FONT, 13).into_font().color(&INK))
        .axis_desc_style((FONT, 13).into_font().color(&INK))
        .draw()?;
    let mut peers = PEERS.iter().cycle();
    let mut subjects: Vec<_> = distinct(points.iter().map(|point| point.0.clone()))
        .into_iter()
        .map(|subject| {
            let of_subject: Vec<_> =
                points.iter().filter(|point| point.0 == subject).map(|point| (point.1, point.2)).collect();
            let (colour, width) = match subject.as_str() {
                ours if ours.starts_with("cachet") && ours.contains("mini-moka") => (CACHET_ON_MINI_MOKA, 3),
                ours if ours.starts_with("cachet") => (CACHET, 3),
                _ => (*peers.next().unwrap_or(&PEER), 2),
            };
            (subject, of_subject, colour.stroke_width(width))
        })
        .collect();
    // In the legend's order they end on the right.
    let end = |points: &[(f64, f64)]| points.last().map_or(0.0, |point| point.1);
    subjects.sort_by(|one, other| end(&other.1).total_cmp(&end(&one.1)));
    for (at, (subject, of_subject, style)) in subjects.into_iter().enumerate() {
        chart.draw_series(LineSeries::new(of_subject.iter().copied(), style).point_size(3))?;
        let y = 40 + i32::try_from(at)? * 26;
        legend.draw(&PathElement::new([(0, y), (22, y)], style))?;
        let text = (FONT, 13).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        legend.draw(&Text::new(subject, (28, y), text))?;
    }
    Ok(root.present()?)
}

/// The number in a case, as in "10 000 entries".
fn entries(case: &str) -> Option<f64> {
    case.strip_suffix(" entries")?.replace(' ', "").parse().ok()
}

/// A number on an axis, its thousands apart.
fn tick(value: f64) -> String {
    let digits = format!("{value:.2}");
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let mut text = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { text } else { text + "." + fraction }
}

/// A subject's name without its markdown.
fn plain(subject: &str) -> String {
    subject.replace('`', "")
}
