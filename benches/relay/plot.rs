//! Plots as SVG: bars side by side, or lines over a logarithmic axis.

use crate::rounds::Setup;
use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 360.0;
/// Around the axes: left, right, above, below.
const LEFT: f64 = 130.0;
const RIGHT: f64 = 20.0;
const ABOVE: f64 = 44.0;
const BELOW: f64 = 96.0;
const COLOURS: [&str; 5] = ["#1b6ca8", "#d1495b", "#4f8a4c", "#8d6a9f", "#c98a1b"];

/// What a plot says of itself.
pub struct Plot {
    pub title: &'static str,
    pub unit: &'static str,
}

/// A line: its name, and its points.
pub type Line = (String, Vec<(f64, f64)>);

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A round number at or above `most`, and a step that divides it into four or five.
fn scale(most: f64) -> (f64, f64) {
    let power = 10_f64.powf(most.max(1e-9).log10().floor());
    let step = [0.2, 0.5, 1.0, 2.0].into_iter().map(|part| part * power).find(|step| step * 5.0 >= most);
    let step = step.unwrap_or(2.0 * power);
    ((most / step).ceil().max(1.0) * step, step)
}

fn told(value: f64) -> String {
    if value >= 1_000.0 {
        format!("{:.0} k", value / 1_000.0)
    } else {
        format!("{value:.4}").trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// The frame, the title and the upright axis from 0 to `most`; and where a value lies on it.
fn frame(plot: &Plot, most: f64) -> (String, impl Fn(f64) -> f64) {
    let (top, step) = scale(most);
    let (floor, height) = (HEIGHT - BELOW, HEIGHT - BELOW - ABOVE);
    let y = move |value: f64| floor - height * value / top;
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' font-family='sans-serif' font-size='12'>\n\
         <rect width='100%' height='100%' fill='white'/>\n\
         <text x='{LEFT}' y='20' font-size='15'>{}</text>\n<text x='{LEFT}' y='36' fill='#555'>{}</text>\n",
        escaped(plot.title),
        escaped(plot.unit)
    );
    let mut at = 0.0;
    while at <= top * 1.001 {
        let _ = writeln!(
            svg,
            "<line x1='{LEFT}' x2='{}' y1='{y:.1}' y2='{y:.1}' stroke='#ddd'/><text x='{}' y='{:.1}' text-anchor='end'>{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y(at) + 4.0,
            told(at),
            y = y(at)
        );
        at += step;
    }
    (svg, y)
}

fn write(setup: &Setup, name: &str, mut svg: String) -> anyhow::Result<()> {
    svg.push_str("</svg>\n");
    std::fs::create_dir_all(&setup.out)?;
    let path = setup.out.join(format!("{name}.svg"));
    std::fs::write(&path, svg)?;
    eprintln!("plot: {}", path.display());
    Ok(())
}

/// A bar for each value, its name below.
pub fn bars(setup: &Setup, name: &str, plot: &Plot, values: &[(String, f64)]) -> anyhow::Result<()> {
    let most = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let (mut svg, y) = frame(plot, most);
    let pitch = (WIDTH - LEFT - RIGHT) / values.len().max(1) as f64;
    for (at, (label, value)) in values.iter().enumerate() {
        let (x, top, width) = (LEFT + pitch * (at as f64 + 0.15), y(*value), pitch * 0.7);
        let middle = x + width / 2.0;
        let _ = writeln!(
            svg,
            "<rect x='{x:.1}' y='{top:.1}' width='{width:.1}' height='{:.1}' fill='{}'/>\
             <text x='{middle:.1}' y='{:.1}' text-anchor='middle'>{}</text>\
             <text transform='translate({middle:.1},{:.1}) rotate(-28)' text-anchor='end'>{}</text>",
            y(0.0) - top,
            COLOURS[0],
            top - 4.0,
            told((*value * 100.0).round() / 100.0),
            y(0.0) + 16.0,
            escaped(label)
        );
    }
    write(setup, name, svg)
}

/// Lines over a logarithmic axis.
pub fn lines(setup: &Setup, name: &str, plot: &Plot, lines: &[Line]) -> anyhow::Result<()> {
    let points = || lines.iter().flat_map(|(_, points)| points.iter().copied());
    let most = points().map(|(_, value)| value).fold(0.0, f64::max);
    let (least_x, most_x) = points().fold((f64::MAX, 1.0_f64), |(a, b), (x, _)| (a.min(x), b.max(x)));
    let (mut svg, y) = frame(plot, most);
    let span = (most_x / least_x).log10().max(0.1);
    let x = |value: f64| LEFT + 20.0 + (WIDTH - LEFT - RIGHT - 40.0) * (value / least_x).log10() / span;
    let mut marks: Vec<f64> = points().map(|(x, _)| x).collect();
    marks.sort_unstable_by(f64::total_cmp);
    marks.dedup();
    for mark in marks {
        let _ = writeln!(
            svg,
            "<text x='{:.1}' y='{:.1}' text-anchor='middle'>{mark}</text>",
            x(mark),
            y(0.0) + 18.0
        );
    }
    for (at, ((label, points), colour)) in lines.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let path: Vec<String> =
            points.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
        let _ = writeln!(
            svg,
            "<polyline points='{}' fill='none' stroke='{colour}' stroke-width='2'/>\
             <text x='{:.1}' y='{:.1}' fill='{colour}'>{}</text>",
            path.join(" "),
            LEFT + 180.0 * at as f64,
            HEIGHT - 24.0,
            escaped(label)
        );
    }
    write(setup, name, svg)
}
