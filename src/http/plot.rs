//! The page that compares both models: one static drawing, no script, nothing from elsewhere. Pure.

use std::fmt::Write;

/// Points of each curve: buy rates 0.300, 0.305, .. 0.700.
pub(super) const POINT_COUNT: usize = 81;
/// The other two features, held still.
pub(super) const LARGE_BUY: f64 = 0.2;
/// See [`LARGE_BUY`].
pub(super) const LARGE_SELL: f64 = 0.3;

const BUY_FIRST: f64 = 0.3;
const BUY_LAST: f64 = 0.7;
// The drawing's box in SVG units.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 824.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 404.0;

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Model comparison</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root{color-scheme:light dark;--ink:#1f2937;--soft:#6b7280;--grid:#e5e7eb;--page:#ffffff;
--sell:#1d4ed8;--high:#c2410c}
@media (prefers-color-scheme:dark){:root{--ink:#e5e7eb;--soft:#9ca3af;--grid:#374151;
--page:#111827;--sell:#60a5fa;--high:#fb923c}}
body{margin:2rem auto;max-width:56rem;padding:0 1rem;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.4rem;margin:0}p{color:var(--soft);margin:.4rem 0}
svg{width:100%;height:auto;margin-top:.5rem}
text{fill:var(--soft);font:13px system-ui,sans-serif}
.grid{stroke:var(--grid)}.cut{stroke:var(--soft);stroke-dasharray:5 5}
.curve{fill:none;stroke-width:2.5;stroke-linejoin:round}
.sell{stroke:var(--sell)}.high{stroke:var(--high)}
table{border-collapse:collapse;margin:.5rem 0}td,th{padding:.15rem .9rem;text-align:right;
border-bottom:1px solid var(--grid);font-variant-numeric:tabular-nums}
</style></head><body>
<h1>Two models over the initiative buy rate</h1>
<p>Buy rate 0.3 to 0.7, large buy 0.2, large sell 0.3; each point is the engine's prediction.</p>
"#;

const NOTE: &str = "<p><strong>Read with care:</strong> in the training data the initiative sell \
rate is 1 minus the initiative buy rate by construction. The straight line is that identity, not a \
forecast: its R&sup2; of 0.998 says that the answer is known when the input is. The classifier \
redraws the same identity as a step near the label's cut.</p>\n";

/// What is drawn.
#[derive(Debug)]
pub(super) struct Comparison {
    /// Predicted sell rate at each point.
    pub(super) sell_rates: Vec<f64>,
    /// Probability of a high sell rate at each point.
    pub(super) probabilities: Vec<f64>,
    /// The sell rate above which the label says high.
    pub(super) threshold: Option<f64>,
}

/// The features of every point, row after row.
pub(super) fn rows() -> Vec<f64> {
    (0..POINT_COUNT).flat_map(|index| [buy_rate(index), LARGE_BUY, LARGE_SELL]).collect()
}

// Indexes are small: exact in a double.
#[allow(clippy::cast_precision_loss)]
fn buy_rate(index: usize) -> f64 {
    BUY_FIRST + (BUY_LAST - BUY_FIRST) * index as f64 / (POINT_COUNT - 1) as f64
}

fn x_of(buy: f64) -> f64 {
    LEFT + (buy - BUY_FIRST) / (BUY_LAST - BUY_FIRST) * (RIGHT - LEFT)
}

fn y_of(value: f64) -> f64 {
    BOTTOM - value.clamp(0.0, 1.0) * (BOTTOM - TOP)
}

impl Comparison {
    /// The whole page.
    pub(super) fn page(&self) -> String {
        let mut page = HEAD.to_owned();
        page.push_str(
            "<svg viewBox=\"0 0 860 456\" role=\"img\" aria-label=\"Predicted sell rate falls in a \
             straight line; the probability of a high sell rate falls in a step\">\n",
        );
        page.push_str(&axes());
        if let Some(threshold) = self.threshold {
            let y = y_of(threshold);
            page.push_str(&format!(
                "<line class=\"cut\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{RIGHT}\" y=\"{:.1}\" text-anchor=\"end\">label's cut: sell rate \
                 {threshold}</text>\n",
                y - 6.0
            ));
        }
        page.push_str(&curve("sell", &self.sell_rates));
        page.push_str(&curve("high", &self.probabilities));
        page.push_str(LEGEND);
        page.push_str("</svg>\n");
        page.push_str(NOTE);
        page.push_str(&self.table());
        page.push_str("</body></html>\n");
        page
    }

    /// Every tenth point in figures.
    fn table(&self) -> String {
        let mut table = "<details><summary>Figures</summary><table><tr><th>buy rate</th>\
            <th>predicted sell rate</th><th>probability of a high sell rate</th></tr>\n"
            .to_owned();
        let points = self.sell_rates.iter().zip(&self.probabilities).enumerate();
        for (index, (sell, high)) in points.step_by(10) {
            let buy = buy_rate(index);
            table.push_str(&format!(
                "<tr><td>{buy:.2}</td><td>{sell:.6}</td><td>{high:.6}</td></tr>\n"
            ));
        }
        table.push_str("</table></details>\n");
        table
    }
}

const LEGEND: &str = "<line class=\"curve sell\" x1=\"500\" x2=\"528\" y1=\"52\" y2=\"52\"/>\
<text x=\"536\" y=\"56\">predicted sell rate (regression)</text>\
<line class=\"curve high\" x1=\"500\" x2=\"528\" y1=\"76\" y2=\"76\"/>\
<text x=\"536\" y=\"80\">probability of a high sell rate (classification)</text>\n";

fn axes() -> String {
    let mut axes = String::new();
    for step in 0..=5_u32 {
        let value = f64::from(step) / 5.0;
        let y = y_of(value);
        axes.push_str(&format!(
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.1}</text>\n",
            LEFT - 8.0,
            y + 4.0
        ));
    }
    for step in 0..=8_u32 {
        let buy = BUY_FIRST + f64::from(step) * 0.05;
        axes.push_str(&format!(
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{buy:.2}</text>\n",
            x_of(buy),
            BOTTOM + 20.0
        ));
    }
    let middle = (LEFT + RIGHT) / 2.0;
    axes.push_str(&format!(
        "<text x=\"{middle}\" y=\"446\" text-anchor=\"middle\">initiative buy rate</text>\n\
         <text transform=\"translate(18 214) rotate(-90)\" text-anchor=\"middle\">sell rate, \
         probability</text>\n"
    ));
    axes
}

fn curve(class: &str, values: &[f64]) -> String {
    let points = values.iter().enumerate().fold(String::new(), |mut points, (index, value)| {
        let (x, y) = (x_of(buy_rate(index)), y_of(*value));
        // Writing to a string cannot fail.
        let _ = write!(points, "{x:.1},{y:.1} ");
        points
    });
    format!("<polyline class=\"curve {class}\" points=\"{}\"/>\n", points.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_draws_both_curves_and_says_what_the_line_is() {
        let comparison = Comparison {
            sell_rates: vec![0.5; POINT_COUNT],
            probabilities: vec![0.25; POINT_COUNT],
            threshold: Some(0.5243),
        };
        let page = comparison.page();
        assert_eq!(page.matches("<polyline").count(), 2);
        assert_eq!(page.matches(",214.0").count(), POINT_COUNT, "one point a prediction");
        assert!(page.contains("identity") && page.contains("0.5243"));
        assert!(!page.contains("<script") && !page.contains("http"));
    }

    #[test]
    fn rows_run_from_the_first_buy_rate_to_the_last() {
        let rows = rows();
        assert_eq!(rows.len(), POINT_COUNT * 3);
        assert_eq!(rows[..3], [0.3, 0.2, 0.3]);
        assert_eq!(rows[rows.len() - 3..], [0.7, 0.2, 0.3]);
    }
}
