//! Curves as SVG.

use super::screen::number;
use anyhow::{Result, anyhow, ensure};
use plotters::prelude::*;
use std::ops::Range;

/// Width and height, pixels.
const SIZE: (u32, u32) = (900, 560);
/// What of a range is left free at its ends.
const MARGIN: f64 = 1.25;

/// One line of a plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// Its points, positive in both coordinates.
    pub points: Vec<(f64, f64)>,
}

/// What a plot shows.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    /// Above it.
    pub title: &'a str,
    /// Beside the horizontal axis.
    pub x: &'a str,
    /// Beside the vertical axis.
    pub y: &'a str,
}

/// Draws curves with both axes logarithmic.
///
/// # Errors
/// There is nothing to draw.
pub fn svg(labels: Labels<'_>, curves: &[Curve]) -> Result<String> {
    let positive = |value: &f64| value.is_finite() && *value > 0.0;
    let all: Vec<(f64, f64)> = curves.iter().flat_map(|curve| &curve.points).copied().collect();
    ensure!(!all.is_empty() && all.iter().all(|(x, y)| positive(x) && positive(y)), "{}: nothing to draw", labels.title);
    let range = |of: fn(&(f64, f64)) -> f64| {
        let (least, most) = all.iter().map(of).fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value), most.max(value)));
        least / MARGIN..most * MARGIN
    };
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        draw(&area, labels, curves, range(|point| point.0), range(|point| point.1))
            .map_err(|error| anyhow!("{}: {error}", labels.title))?;
    }
    Ok(text)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw(area: &Area<'_>, labels: Labels<'_>, curves: &[Curve], x: Range<f64>, y: Range<f64>) -> Result<(), Box<dyn std::error::Error>> {
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area);
    chart.caption(labels.title, ("sans-serif", 20)).margin(12).x_label_area_size(44).y_label_area_size(64);
    let mut chart = chart.build_cartesian_2d(x.log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .x_desc(labels.x)
        .y_desc(labels.y)
        .x_label_formatter(&|x| number(*x))
        .y_label_formatter(&|y| number(*y))
        .light_line_style(WHITE)
        .draw()?;
    for (index, curve) in curves.iter().enumerate() {
        let colour = Palette99::pick(index).to_rgba();
        let line = LineSeries::new(curve.points.iter().copied(), colour.stroke_width(2));
        let drawn = chart.draw_series(line)?.label(curve.name.as_str());
        drawn.legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(curve.points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK)
        .position(SeriesLabelPosition::UpperLeft)
        .draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_is_a_whole_svg_with_every_curve_in_it() {
        let curve = |name: &str, from: f64| Curve { name: name.to_owned(), points: vec![(1_000.0, from), (20_000.0, from * 9.0)] };
        let labels = Labels { title: "Latency & load", x: "orders a second", y: "ms" };
        let text = svg(labels, &[curve("p50 <4 nodes>", 40.0), curve("p99", 90.0)]).unwrap();
        assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"));
        for shown in ["p50 &lt;4 nodes&gt;", "p99", "Latency &amp; load", "orders a second"] {
            assert!(text.contains(shown), "{shown}");
        }
        assert_eq!(text.matches("<circle").count(), 4);
        let (open, close) = (text.matches("<text").count(), text.matches("</text>").count());
        assert!(open > 0 && open == close);
    }

    #[test]
    fn what_a_logarithmic_axis_cannot_show_is_refused() {
        let labels = Labels { title: "t", x: "x", y: "y" };
        let bad: [Vec<(f64, f64)>; 4] = [vec![], vec![(0.0, 1.0)], vec![(1.0, -1.0)], vec![(f64::NAN, 1.0)]];
        for points in bad {
            assert!(svg(labels, &[Curve { name: "c".into(), points }]).is_err());
        }
    }
}
