//! The plots of the page, as SVG that lies in it. Colours are set by the page's style, which knows light from dark: the
//! plots only name them by their light values.

use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, ChartContext, SeriesLabelPosition};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Rectangle};
use plotters::series::LineSeries;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle};

use super::escape::escaped;
use crate::classify::ranking::RocPoint;
use crate::classify::reliability::CurvePoint;
use crate::evaluate::report::ClassifierReport;

/// As in `style.css`, which gives each a dark counterpart.
pub(super) const INK: RGBColor = RGBColor(0x33, 0x41, 0x55);
pub(super) const BACK: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
pub(super) const GRID: RGBColor = RGBColor(0xD5, 0xDB, 0xE3);
pub(super) const FIRST: RGBColor = RGBColor(0x1D, 0x6F, 0xB8);
pub(super) const SECOND: RGBColor = RGBColor(0xC2, 0x55, 0x1A);

const SIZE: (u32, u32) = (440, 360);

pub(super) type Fault = DrawingAreaErrorKind<std::io::Error>;
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Calibration of the families and of "an attack or not".
pub fn calibration(report: &ClassifierReport) -> String {
    let curves = &report.calibration;
    let names = [
        ("families", curves.families.ece, &curves.families.curve, FIRST),
        ("attack or not", curves.attacks.ece, &curves.attacks.curve, SECOND),
    ];
    figure(
        &format!(
            "Calibration: expected error {:.4} of families, {:.4} of attacks",
            curves.families.ece, curves.attacks.ece
        ),
        SIZE,
        |area| {
            let mut chart = square(area, "confidence", "share right")?;
            diagonal(&mut chart)?;
            for (name, error, points, colour) in names {
                let label = format!("{name} (error {error:.4})");
                series(&mut chart, points.iter().map(|point| (point.confidence, point.right)), colour, &label)?;
                let most = points.iter().map(|point| point.records).max().unwrap_or(1) as f64;
                let dot = |point: &CurvePoint| {
                    let size = 2.0 + 5.0 * (point.records as f64 / most).sqrt();
                    Circle::new((point.confidence, point.right), size as i32, colour.filled())
                };
                chart.draw_series(points.iter().map(dot))?;
            }
            legend(&mut chart, SeriesLabelPosition::UpperLeft)
        },
    )
}

/// How many never-seen attacks are found at how many false alarms.
pub fn novelty(report: &ClassifierReport) -> String {
    let never = &report.never_seen;
    let curves = [
        ("novelty", never.auroc, &never.roc, FIRST),
        ("belief in an attack", never.auroc_attack, &never.roc_attack, SECOND),
    ];
    let area_of = |area: Option<f64>| area.map_or("not defined".to_owned(), |area| format!("{area:.3}"));
    figure(&format!("ROC of attacks of new kinds: area {} by novelty", area_of(never.auroc)), SIZE, |area| {
        let mut chart = square(area, "normal records called an attack", "attacks found")?;
        diagonal(&mut chart)?;
        for (name, area, points, colour) in curves {
            let label = format!("{name} (area {})", area_of(area));
            let points = points.iter().map(|point: &RocPoint| (point.false_alarms, point.found));
            series(&mut chart, points, colour, &label)?;
        }
        legend(&mut chart, SeriesLabelPosition::LowerRight)
    })
}

/// Recall and precision of each family.
pub fn bars(report: &ClassifierReport) -> String {
    let families: Vec<(&String, f64, f64)> =
        report.families.iter().map(|(name, figures)| (name, figures.recall, figures.precision)).collect();
    let count = families.len() as f64;
    figure("Recall and precision of the families", SIZE, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(34)
            .y_label_area_size(42)
            .build_cartesian_2d(0.0..count, 0.0..1.2)?; // room for the legend above the bars
        let name = |x: &f64| families.get(*x as usize).map_or(String::new(), |(name, ..)| (*name).clone());
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(GRID.mix(0.0))
            .bold_line_style(GRID)
            .axis_style(INK)
            .x_labels(0)
            .y_label_formatter(&|share| if *share > 1.0 { String::new() } else { format!("{share:.1}") })
            .label_style(("sans-serif", 15).into_font().color(&INK))
            .draw()?;
        for (kind, colour, from) in [("recall", FIRST, 0.12), ("precision", SECOND, 0.51)] {
            let bar = |(place, (_, recall, precision)): (usize, &(&String, f64, f64))| {
                let left = place as f64 + from;
                let height = if kind == "recall" { *recall } else { *precision };
                Rectangle::new([(left, 0.0), (left + 0.37, height)], colour.filled())
            };
            chart
                .draw_series(families.iter().enumerate().map(bar))?
                .label(kind)
                .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour.filled()));
        }
        names_below(area, &chart, families.len(), name)?;
        legend(&mut chart, SeriesLabelPosition::UpperRight)
    })
}

/// Names under the middles of equal parts of the axis, which plotters itself would put at their edges.
fn names_below(
    area: &Area<'_>,
    chart: &Chart<'_, '_>,
    count: usize,
    name: impl Fn(&f64) -> String,
) -> Result<(), Fault> {
    let middle = Pos::new(HPos::Center, VPos::Top);
    let style = ("sans-serif", 15).into_font().color(&INK).pos(middle);
    for place in 0..count {
        let (x, y) = chart.backend_coord(&(place as f64 + 0.5, 0.0));
        area.draw_text(&name(&(place as f64)), &style, (x, y + 8))?;
    }
    Ok(())
}

/// A plot with its description for who cannot see it.
pub(super) fn figure(title: &str, size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Result<(), Fault>) -> String {
    let mut svg = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&area).and_then(|()| area.present())
    };
    let title = escaped(title);
    match drawn {
        Ok(()) => {
            format!("<figure role=\"img\" aria-label=\"{title}\">\n{svg}<figcaption>{title}</figcaption></figure>\n")
        }
        Err(fault) => format!("<p class=\"note\">{title}: could not be drawn ({})</p>\n", escaped(&fault.to_string())),
    }
}

/// Axes from 0 to 1.
fn square<'a, 'b>(area: &'a Area<'b>, x: &str, y: &str) -> Result<Chart<'a, 'b>, Fault> {
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(42)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    let share = |share: &f64| format!("{share:.1}");
    chart
        .configure_mesh()
        .light_line_style(GRID.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&share)
        .y_label_formatter(&share)
        .x_desc(x)
        .y_desc(y)
        .label_style(("sans-serif", 15).into_font().color(&INK))
        .axis_desc_style(("sans-serif", 16).into_font().color(&INK))
        .draw()?;
    Ok(chart)
}

fn diagonal(chart: &mut Chart<'_, '_>) -> Result<(), Fault> {
    chart.draw_series([PathElement::new([(0.0, 0.0), (1.0, 1.0)], INK.mix(0.4))])?;
    Ok(())
}

pub(super) fn series(
    chart: &mut Chart<'_, '_>,
    points: impl Iterator<Item = (f64, f64)>,
    colour: RGBColor,
    label: &str,
) -> Result<(), Fault> {
    let style = ShapeStyle { color: colour.to_rgba(), filled: false, stroke_width: 2 };
    chart
        .draw_series(LineSeries::new(points, style))?
        .label(label)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
    Ok(())
}

pub(super) fn legend<'a, 'b: 'a>(chart: &mut Chart<'a, 'b>, position: SeriesLabelPosition) -> Result<(), Fault> {
    chart
        .configure_series_labels()
        .position(position)
        .label_font(("sans-serif", 14).into_font().color(&INK))
        // curves that pass behind it must not strike it through
        .background_style(BACK.mix(0.85))
        .margin(8)
        .draw()
}
