//! One chart as inline SVG, coloured by the page's style sheet.

use super::escaped;
use std::fmt::Write;

// The drawing's box in SVG units; the margins hold the labels.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 728.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 258.0;

/// Digits of a label behind the point, at most.
const PLACES_MAX: f64 = 12.0;

/// One axis: its range, whether it is logarithmic, and its labelled places.
#[derive(Clone, Debug)]
pub struct Axis {
    low: f64,
    high: f64,
    log: bool,
    ticks: Vec<(f64, String)>,
    title: String,
}

impl Axis {
    /// A linear axis from 0 that holds every value.
    pub fn from_zero(values: impl Iterator<Item = f64>, title: &str) -> Axis {
        let most = values.filter(|value| value.is_finite()).fold(0.0, f64::max).max(1e-9);
        // 1, 2 or 5 times a power of ten, at most six times.
        let power = 10f64.powf((most / 6.0).log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = steps.into_iter().find(|step| most / step <= 6.0).unwrap_or(power * 10.0);
        let count = (most / step).ceil();
        let ticks = (0..=count as u32).map(|index| f64::from(index) * step);
        let ticks = ticks.map(|value| (value, label(value))).collect();
        Axis { low: 0.0, high: count * step, log: false, ticks, title: title.to_owned() }
    }

    /// A logarithmic axis that holds every positive value.
    pub fn logarithmic(values: impl Iterator<Item = f64>, title: &str) -> Axis {
        let range = values.filter(|value| value.is_finite() && *value > 0.0);
        let (low, high) =
            range.fold((f64::MAX, 0.0f64), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low > high { (1.0, 10.0) } else { (low / 1.2, high * 1.2) };
        // Few decades get finer labels.
        let factors: &[f64] = if high / low < 100.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let ticks = decades.flat_map(|d| factors.iter().map(move |factor| factor * 10f64.powi(d)));
        let ticks = ticks.filter(|value| (low..=high).contains(value));
        Axis {
            low,
            high,
            log: true,
            ticks: ticks.map(|v| (v, label(v))).collect(),
            title: title.to_owned(),
        }
    }

    /// A linear axis between two values, which it holds, with round labels.
    pub fn between(low: f64, high: f64, title: &str) -> Axis {
        let (low, high) = if low < high { (low, high) } else { (low - 0.5, low + 0.5) };
        let power = 10f64.powf(((high - low) / 6.0).log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step =
            steps.into_iter().find(|step| (high - low) / step <= 6.0).unwrap_or(10.0 * power);
        let (first, last) = ((low / step).ceil(), (high / step).floor());
        // At most eight, by the choice of the step.
        let count = (last - first).clamp(0.0, 8.0) as u32;
        let ticks = (0..=count).map(|index| (first + f64::from(index)) * step);
        let ticks = ticks.map(|value| (value, label(value))).collect();
        Axis { low, high, log: false, ticks, title: title.to_owned() }
    }

    /// An axis with given places, the first and last of which are its ends.
    pub fn of(ticks: Vec<(f64, String)>, title: &str) -> Axis {
        let low = ticks.first().map_or(0.0, |tick| tick.0);
        let high = ticks.last().map_or(1.0, |tick| tick.0);
        Axis { low, high, log: false, ticks, title: title.to_owned() }
    }

    /// Where the axis begins and ends.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Where a value lies, 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let scale = |value: f64| if self.log { value.max(self.low).ln() } else { value };
        let (low, high) = (scale(self.low), scale(self.high));
        if high > low { ((scale(value) - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
    }
}

/// A number with a unit prefix where it is long.
pub fn label(value: f64) -> String {
    // Two digits behind the point would leave nothing of these: they show two of their own.
    if value != 0.0 && value.abs() < 0.1 {
        let places = (1.0 - value.abs().log10().floor()).clamp(4.0, PLACES_MAX) as usize;
        let text = format!("{value:.places$}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let (value, unit) = match value.abs() {
        v if v >= 1e9 => (value / 1e9, " G"),
        v if v >= 1e6 => (value / 1e6, " M"),
        v if v >= 1e3 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{unit}")
}

/// A number of nanoseconds, exact while it is short.
pub fn long(ns: f64) -> String {
    match ns {
        ns if ns >= 1e5 => label(ns),
        ns if ns.fract() == 0.0 => format!("{ns:.0}"),
        ns => format!("{ns:.1}"),
    }
}

/// A chart under construction.
#[derive(Debug)]
pub struct Chart {
    x: Axis,
    y: Axis,
    body: String,
}

impl Chart {
    /// Draws the axes.
    pub fn new(x: Axis, y: Axis, caption: &str) -> Chart {
        let mut chart = Chart { x, y, body: String::new() };
        // Writing to a string cannot fail.
        let _ = chart.axes(caption);
        chart
    }

    fn axes(&mut self, caption: &str) -> std::fmt::Result {
        let body = &mut self.body;
        write!(
            body,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><title>{}</title>",
            escaped(caption)
        )?;
        for (value, text) in &self.y.ticks {
            let y = BOTTOM - self.y.place(*value) * (BOTTOM - TOP);
            write!(
                body,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                escaped(text)
            )?;
        }
        for (value, text) in &self.x.ticks {
            let x = LEFT + self.x.place(*value) * (RIGHT - LEFT);
            write!(
                body,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                BOTTOM + 18.0
            )?;
        }
        let middle = (LEFT + RIGHT) / 2.0;
        write!(
            body,
            "<text x=\"{middle}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text x=\"14\" y=\"{:.1}\" text-anchor=\"middle\" \
             transform=\"rotate(-90 14 {:.1})\">{}</text>",
            BOTTOM + 37.0,
            escaped(&self.x.title),
            (TOP + BOTTOM) / 2.0,
            (TOP + BOTTOM) / 2.0,
            escaped(&self.y.title)
        )
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let x = LEFT + self.x.place(x) * (RIGHT - LEFT);
        (x, BOTTOM - self.y.place(y) * (BOTTOM - TOP))
    }

    /// Adds a line through points.
    pub fn line(&mut self, class: &str, points: impl Iterator<Item = (f64, f64)>) {
        let places = points.map(|point| self.at(point));
        let text = places.map(|(x, y)| format!("{x:.1},{y:.1} ")).collect::<String>();
        let _ = write!(self.body, "<polyline class=\"line {class}\" points=\"{}\"/>", text.trim());
    }

    /// Adds a dot at each point.
    pub fn dots(&mut self, class: &str, points: impl Iterator<Item = (f64, f64)>) {
        // One path of round caps: a tenth of the size of as many circles.
        let places = points.map(|point| self.at(point));
        let path = places.map(|(x, y)| format!("M{x:.1} {y:.1}h0")).collect::<String>();
        let _ = write!(self.body, "<path class=\"dots {class}\" d=\"{path}\"/>");
    }

    /// Adds a bar from the bottom, with its value above.
    pub fn bar(&mut self, class: &str, point: (f64, f64), text: &str) {
        let (x, y) = self.at(point);
        // 72: four bars and their gaps fill the width.
        let (left, height) = (x - 36.0, BOTTOM - y);
        let _ = write!(
            self.body,
            "<rect class=\"bar {class}\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"72\" \
             height=\"{height:.1}\" rx=\"3\"/><text class=\"value\" x=\"{x:.1}\" y=\"{:.1}\" \
             text-anchor=\"middle\">{text}</text>",
            y - 6.0
        );
    }

    /// Adds a straight piece, such as a whisker, between two points.
    pub fn segment(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (self.at(from), self.at(to));
        let _ = write!(
            self.body,
            "<line class=\"line {class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    /// Fills the box between two points, as strongly as `share` says, 0 to 1.
    pub fn cell(&mut self, class: &str, from: (f64, f64), to: (f64, f64), share: f64) {
        let ((x1, y1), (x2, y2)) = (self.at(from), self.at(to));
        let _ = write!(
            self.body,
            "<rect class=\"cell {class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" \
             height=\"{:.1}\" fill-opacity=\"{share:.3}\"/>",
            x1.min(x2),
            y1.min(y2),
            (x2 - x1).abs(),
            (y2 - y1).abs()
        );
    }

    /// The share of the width that words take at the left edge, at most a half.
    pub fn share_of_words(text: &str) -> f64 {
        // 10: a wide letter of the largest type on a page.
        (text.chars().count() as f64 * 10.0 / (RIGHT - LEFT)).min(0.5)
    }

    /// Writes words at a height, from the left edge on.
    pub fn words(&mut self, height: f64, text: &str) {
        let (_, y) = self.at((0.0, height));
        let _ = write!(
            self.body,
            "<text class=\"value\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LEFT + 6.0,
            y + 5.0,
            escaped(text)
        );
    }

    /// Ends the drawing.
    pub fn finish(mut self) -> String {
        self.body.push_str("</svg>\n");
        self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_from_zero_holds_its_largest_value() {
        for most in [0.0007, 3.0, 99.9, 100.0, 12_345.0, 98e6] {
            let axis = Axis::from_zero([1.0, most].into_iter().filter(|&v| v <= most), "");
            assert!(axis.high >= most && axis.place(most) > 0.5, "{most}: {axis:?}");
            assert!((2..=8).contains(&axis.ticks.len()), "{most}: {axis:?}");
        }
    }

    #[test]
    fn a_logarithmic_axis_has_a_label_in_every_decade() {
        let axis = Axis::logarithmic([80.0, 20e6].into_iter(), "");
        let labels: Vec<&str> = axis.ticks.iter().map(|tick| tick.1.as_str()).collect();
        assert_eq!(labels, ["100", "1 k", "10 k", "100 k", "1 M", "10 M"]);
        assert!(Axis::logarithmic([0.0].into_iter(), "").place(5.0) > 0.0);
    }

    #[test]
    fn an_axis_between_two_values_has_labels_and_never_more_than_nine() {
        for (low, high) in [(0.0, 1.0), (-3.2e-9, 5e-9), (0.31, 0.33), (7.0, 7.0), (-1e6, 2.5e7)] {
            let axis = Axis::between(low, high, "");
            assert!((2..=9).contains(&axis.ticks.len()), "{low} {high}: {axis:?}");
            assert!(axis.low <= low && axis.high >= high, "{low} {high}: {axis:?}");
        }
    }

    #[test]
    fn labels_have_no_exponent_and_small_ones_two_digits() {
        for (value, text) in [
            (0.0, "0"),
            (0.25, "0.25"),
            (0.05, "0.05"),
            (-0.0123, "-0.0123"),
            (2e-5, "0.00002"),
            (-1.5e-7, "-0.00000015"),
            (1e-15, "0"),
            (2.5e4, "25 k"),
        ] {
            assert_eq!(label(value), text);
        }
    }
}
