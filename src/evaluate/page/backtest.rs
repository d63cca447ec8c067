//! The page of a backtest: the series with their bands and alarms, what is expected of the time behind them, alarms a day, and what another
//! declaration would have gained and lost.

use plotters::chart::{ChartBuilder, SeriesLabelPosition};
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::style::{Color, IntoFont};

use super::escape::escaped;
use super::plots::{BACK, Chart, FIRST, Fault, GRID, INK, SECOND, figure, legend, series};
use super::{document, section};
use crate::evaluate::backtest::{Alarm, BacktestReport, Bucket, Line, Run};
use crate::event::{EventTime, ReceivedTime};

/// Series that are drawn.
const DRAWN: usize = 6;
/// Points of a series that are drawn; of more, those that stand out in each stretch.
const POINTS: usize = 1_200;
/// Alarms in a table.
const LISTED: usize = 200;
const SIZE: (u32, u32) = (960, 300);

const SERIES: &str = "The line is what was counted, the area what is usual (all but one value in a thousand), dots are alarms. Behind the last \
                      bucket the area goes on: what is expected next.";
const DAYS: &str = "Alarms of all entities by day.";
const GAINED: &str = "Alarms that only the other declaration raises.";
const LOST: &str = "Alarms that only this one raises.";

/// The page.
pub fn backtest(report: &BacktestReport) -> String {
    let run = &report.run;
    let mut sections = vec![format!("<p class=\"note\">{}</p>\n", escaped(&report.data)), summary(run)];
    sections.push(section("Series", SERIES, &drawn(run)));
    sections.push(section("Alarms by day", DAYS, &by_day(run)));
    sections.push(section("Alarms", "The strongest first.", &alarms(&run.alarms)));
    if let (Some(other), Some(comparison)) = (&report.other, &report.comparison) {
        sections.push(summary(other));
        sections.push(section("Series, by the other declaration", SERIES, &drawn(other)));
        sections.push(section(&format!("Gained: {}", comparison.gained.len()), GAINED, &alarms(&comparison.gained)));
        sections.push(section(&format!("Lost: {}", comparison.lost.len()), LOST, &alarms(&comparison.lost)));
    }
    document(&format!("{} over the past", run.metric), &sections.concat())
}

fn summary(run: &Run) -> String {
    format!(
        "<h2>{} ({})</h2>\n<p>{} buckets of {} entities in {:.1} days; {} alarms from severity {} on, {:.2} a day.</p>\n",
        escaped(&run.metric),
        escaped(&run.detector),
        run.buckets,
        run.entities,
        run.days,
        run.alarms.len(),
        run.threshold,
        run.alarms_per_day
    )
}

fn alarms(alarms: &[Alarm]) -> String {
    let mut sorted: Vec<&Alarm> = alarms.iter().collect();
    sorted.sort_by(|one, other| other.score.total_cmp(&one.score).then_with(|| one.start.cmp(&other.start)));
    let row = |alarm: &&Alarm| {
        format!(
            "<tr><td>{}</td><td>{:.1}</td><td>{}</td></tr>\n",
            escaped(&alarm.start[..16]),
            alarm.score,
            escaped(&alarm.reason)
        )
    };
    let rows: String = sorted.iter().take(LISTED).map(row).collect();
    let more = sorted.len().saturating_sub(LISTED);
    let more = if more > 0 { format!("<p class=\"note\">and {more} more</p>\n") } else { String::new() };
    format!("<table>\n<tr><th>from</th><th>severity</th><th>what</th></tr>\n{rows}</table>\n{more}")
}

fn drawn(run: &Run) -> String {
    run.lines.iter().take(DRAWN).map(|line| plot(line, run.threshold)).collect()
}

/// A series with its band.
fn plot(line: &Line, threshold: f64) -> String {
    let buckets = thinned(&line.buckets);
    let name = if line.entity.is_empty() { "all events" } else { &line.entity };
    let time = |at: EventTime| at.micros() as f64;
    let band: Vec<(f64, f64, f64)> = buckets
        .iter()
        .map(|bucket| (time(bucket.start), bucket.lower, bucket.upper))
        .chain(line.forecast.iter().map(|ahead| (time(ahead.start), ahead.lower, ahead.upper)))
        .collect();
    let most = buckets.iter().map(|bucket| bucket.actual).fold(f64::MIN, f64::max);
    let least = buckets.iter().map(|bucket| bucket.actual).fold(f64::MAX, f64::min).min(0.0);
    // a band that is far wider than what was counted would press the line flat
    let top = band.iter().map(|(.., upper)| *upper).fold(most, f64::max).min(3.0 * most.abs().max(1.0));
    let (from, to) = (band.first().map_or(0.0, |first| first.0), band.last().map_or(1.0, |last| last.0));
    let alarms = buckets.iter().filter(|bucket| bucket.score > 0.0 && f64::from(bucket.score) >= threshold);
    figure(&format!("{name}: {} alarms", alarms.clone().count()), SIZE, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(34)
            .y_label_area_size(70)
            .build_cartesian_2d(from..to.max(from + 1.0), least..(top * 1.05).max(least + 1.0))?;
        mesh(&mut chart)?;
        let upper = band.iter().map(|(at, _, upper)| (*at, upper.min(top * 1.05)));
        let lower = band.iter().rev().map(|(at, lower, _)| (*at, lower.clamp(least, top)));
        chart.draw_series([Polygon::new(upper.chain(lower).collect::<Vec<_>>(), FIRST.mix(0.18))])?;
        let counted = buckets.iter().map(|bucket| (time(bucket.start), bucket.actual));
        series(&mut chart, counted, FIRST, "counted")?;
        if let Some(last) = buckets.last().filter(|_| !line.forecast.is_empty()) {
            let here = time(last.start);
            chart.draw_series([PathElement::new([(here, least), (here, top)], INK.mix(0.4))])?;
            series(
                &mut chart,
                line.forecast.iter().map(|ahead| (time(ahead.start), ahead.expected)),
                INK,
                "expected next",
            )?;
        }
        let dot = |bucket: &&Bucket| Circle::new((time(bucket.start), bucket.actual), 5, SECOND.filled());
        chart.draw_series(alarms.map(dot))?.label("alarm").legend(|(x, y)| Circle::new((x + 8, y), 4, SECOND.filled()));
        legend(&mut chart, SeriesLabelPosition::UpperLeft)
    })
}

fn mesh(chart: &mut Chart<'_, '_>) -> Result<(), Fault> {
    let range = chart.x_range();
    let days = (range.end - range.start) > 3.0 * 86_400e6;
    let date = move |micros: &f64| {
        let text = ReceivedTime::from_micros(*micros as i64).as_event_time().to_string();
        if days { text[..10].to_owned() } else { text[5..16].replace('T', " ") }
    };
    chart
        .configure_mesh()
        .light_line_style(GRID.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_labels(8)
        .y_labels(5)
        .x_label_formatter(&date)
        .label_style(("sans-serif", 14).into_font().color(&INK))
        .draw()
}

/// At most [`POINTS`] buckets: of each stretch of more, the one with the highest severity, or else the largest.
fn thinned(buckets: &[Bucket]) -> Vec<&Bucket> {
    let stretch = buckets.len().div_ceil(POINTS).max(1);
    let larger = |one: &&Bucket, other: &&Bucket| {
        one.score.total_cmp(&other.score).then_with(|| one.actual.total_cmp(&other.actual))
    };
    buckets.chunks(stretch).filter_map(|chunk| chunk.iter().max_by(larger)).collect()
}

fn by_day(run: &Run) -> String {
    let most = run.by_day.values().copied().max().unwrap_or(0) as f64;
    let count = run.by_day.len() as f64;
    if run.by_day.is_empty() {
        return "<p class=\"note\">There was no alarm.</p>\n".to_owned();
    }
    let days: Vec<(&String, usize)> = run.by_day.iter().map(|(day, alarms)| (day, *alarms)).collect();
    figure("Alarms by day", (960, 220), |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(34)
            .y_label_area_size(50)
            .build_cartesian_2d(0.0..count, 0.0..most * 1.1)?;
        let name = |at: &f64| days.get(*at as usize).map_or(String::new(), |(day, _)| (*day).clone());
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(BACK.mix(0.0))
            .bold_line_style(GRID)
            .axis_style(INK)
            .x_labels(8)
            .y_labels(4)
            .x_label_formatter(&name)
            .label_style(("sans-serif", 14).into_font().color(&INK))
            .draw()?;
        let bars = days.iter().enumerate().map(|(place, (_, alarms))| {
            Rectangle::new([(place as f64 + 0.1, 0.0), (place as f64 + 0.9, *alarms as f64)], SECOND.filled())
        });
        chart.draw_series(bars)?;
        Ok(())
    })
}
