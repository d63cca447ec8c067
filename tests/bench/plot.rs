//! Draws what series of metrics cost against how many there are.

use std::path::Path;

use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, SeriesLabelPosition};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement};
use plotters::series::LineSeries;
use plotters::style::{Color, RGBColor};

use super::series::Cost;

const SIZE: (u32, u32) = (920, 340);
const BACK: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
const INK: RGBColor = RGBColor(0x33, 0x41, 0x55);
const GRID: RGBColor = RGBColor(0xE5, 0xE9, 0xEF);
/// A colour for each detector, in their order.
const COLOURS: [RGBColor; 2] = [RGBColor(0x1D, 0x6F, 0xB8), RGBColor(0xC2, 0x55, 0x1A)];

type Fault = DrawingAreaErrorKind<std::io::Error>;

/// Writes an SVG: beside each other time and memory, each detector a line.
///
/// # Errors
/// When the file cannot be written.
pub fn draw(file: &Path, costs: &[Cost]) -> Result<(), Fault> {
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&BACK)?;
    let halves = area.split_evenly((1, 2));
    panel(&halves[0], costs, "\u{b5}s an event, with its share of the bucket", |cost| cost.nanos / 1e3)?;
    panel(&halves[1], costs, "kB of memory a series", |cost| cost.held / 1e3)?;
    area.present()
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    costs: &[Cost],
    what: &str,
    of: fn(&Cost) -> f64,
) -> Result<(), Fault> {
    // as powers of ten, which is how many series there may be
    let place = |cost: &Cost| f64::from(cost.series).log10();
    let most = costs.iter().map(of).fold(0.0, f64::max);
    let (from, to) = costs.iter().map(place).fold((f64::MAX, 0.0), |(low, high), at| (low.min(at), f64::max(high, at)));
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(52)
        .build_cartesian_2d(from - 0.1..to + 0.1, 0.0..most * 1.3)?;
    chart
        .configure_mesh()
        .light_line_style(BACK)
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_labels(4)
        .x_label_formatter(&|at| if at.fract().abs() < 0.01 { format!("10^{at:.0}") } else { String::new() })
        .x_desc("series")
        .y_desc(what)
        .draw()?;
    for (detector, colour) in costs.chunk_by(|one, other| one.detector == other.detector).zip(COLOURS) {
        let points = || detector.iter().map(|cost| (place(cost), of(cost)));
        chart
            .draw_series(LineSeries::new(points(), colour.stroke_width(2)))?
            .label(detector[0].detector)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        chart.draw_series(points().map(|point| Circle::new(point, 4, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperMiddle)
        .border_style(GRID)
        .background_style(BACK)
        .draw()
}
