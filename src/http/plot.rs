//! The page that compares both models: one static drawing, no script, nothing from elsewhere. Pure.
//!
//! What it says of a model comes from the artifact that is served; only of the built-in ones it
//! knows more.

use super::cards::Card;
use factord_quant::plot::escaped;
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
"#;

/// From this R2 on a model of its inputs' own window says what they say.
// 0.99: as the training's own warning has it.
const IDENTITY_R2: f64 = 0.99;

/// What is drawn.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    /// What the linear model predicts at each point.
    pub(super) predictions: Vec<f64>,
    /// Probability of class 1 at each point.
    pub(super) probabilities: Vec<f64>,
    /// What is known about the linear model.
    pub(super) line: &'a Card,
    /// The same of the classifier.
    pub(super) step: &'a Card,
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

impl Comparison<'_> {
    /// The whole page.
    pub(super) fn page(&self) -> String {
        let mut page = HEAD.to_owned();
        page.push_str(&self.title());
        page.push_str(
            "<svg viewBox=\"0 0 860 456\" role=\"img\" aria-label=\"The linear model's prediction and \
             the classifier's probability at each point\">\n",
        );
        page.push_str(&axes(&name_of(self.line, 0)));
        if let Some(threshold) = self.step.threshold.filter(|cut| (0.0..=1.0).contains(cut)) {
            let y = y_of(threshold);
            page.push_str(&format!(
                "<line class=\"cut\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{RIGHT}\" y=\"{:.1}\" text-anchor=\"end\">label's cut: {}</text>\n",
                y - 6.0,
                short(threshold)
            ));
        }
        page.push_str(&curve("sell", &self.predictions));
        page.push_str(&curve("high", &self.probabilities));
        page.push_str(&self.legend());
        page.push_str("</svg>\n");
        page.push_str(&self.notes());
        page.push_str(&self.table());
        page.push_str("</body></html>\n");
        page
    }

    fn title(&self) -> String {
        let [x, second, third] = [0, 1, 2].map(|index| name_of(self.line, index));
        let mut title = format!(
            "<h1>Two models over {x}</h1>\n<p>{x} {BUY_FIRST} to {BUY_LAST}, {second} {LARGE_BUY}, \
             {third} {LARGE_SELL}; each point is the engine's prediction.</p>\n"
        );
        if self.line.feature_names != self.step.feature_names {
            let names = [0, 1, 2].map(|index| name_of(self.step, index)).join(", ");
            title.push_str(&format!("<p>classification takes {names} in their places.</p>\n"));
        }
        title
    }

    fn legend(&self) -> String {
        let (line, step) = (target_of(self.line), target_of(self.step));
        format!(
            "<line class=\"curve sell\" x1=\"400\" x2=\"428\" y1=\"52\" y2=\"52\"/>\
             <text x=\"436\" y=\"56\">regression: {line}</text>\
             <line class=\"curve high\" x1=\"400\" x2=\"428\" y1=\"76\" y2=\"76\"/>\
             <text x=\"436\" y=\"80\">classification: probability of {step}</text>\n"
        )
    }

    fn notes(&self) -> String {
        let (line, step) = (self.line, self.step);
        let mut notes = vec![about(line, "regression", "R&sup2;", line.figure("r2_score"))];
        notes.push(about(step, "classification", "accuracy", step.figure("accuracy")));
        if let Some(cut) = step.threshold {
            notes.push(format!(
                "Class 1 is an outcome above {}: the cut of its label, not of the probability.",
                short(cut)
            ));
        }
        if self.predictions.iter().any(|value| !(0.0..=1.0).contains(value)) {
            notes.push("Predictions outside 0 to 1 are drawn at the edge.".to_owned());
        }
        let notes = notes.join("</p>\n<p>");
        format!("<p><strong>Read with care.</strong> {notes}</p>\n")
    }

    /// Every tenth point in figures.
    fn table(&self) -> String {
        let mut table = format!(
            "<details><summary>Figures</summary><table><tr><th>{}</th><th>{}</th>\
             <th>probability of {}</th></tr>\n",
            name_of(self.line, 0),
            target_of(self.line),
            target_of(self.step)
        );
        let points = self.predictions.iter().zip(&self.probabilities).enumerate();
        for (index, (value, probability)) in points.step_by(10) {
            let buy = buy_rate(index);
            table.push_str(&format!(
                "<tr><td>{buy:.2}</td><td>{value:.6}</td><td>{probability:.6}</td></tr>\n"
            ));
        }
        table.push_str("</table></details>\n");
        table
    }
}

/// What a model predicts, and how well by its own report.
fn about(card: &Card, name: &str, figure: &str, value: Option<f64>) -> String {
    let value = value.map_or_else(
        || format!("its report holds no {figure}"),
        |value| format!("its report says {figure} {value:.4}"),
    );
    let predicts = format!("{name} predicts {}; {value}.", target_of(card));
    let care = match card.horizon() {
        _ if card.built_in => {
            "In its training data the initiative sell rate is 1 minus the initiative buy rate by \
             construction: that figure is an identity, not a forecast, and says that the answer is \
             known when the input is."
                .to_owned()
        }
        Some(0) if card.figure("r2_score").is_some_and(|r2| r2 >= IDENTITY_R2) => {
            "The outcome is of the same window as the inputs: that figure is close to an identity, \
             not a forecast."
                .to_owned()
        }
        Some(0) => {
            "The outcome is of the same window as the inputs: that is not a forecast.".to_owned()
        }
        Some(1) => "The outcome is of the window after the inputs.".to_owned(),
        Some(windows) => format!("The outcome is {windows} windows after the inputs."),
        None => "The artifact does not say how long after the inputs the outcome is.".to_owned(),
    };
    format!("{predicts} {care}")
}

fn name_of(card: &Card, index: usize) -> String {
    card.feature_names.get(index).map_or_else(|| format!("x{index}"), |name| escaped(name))
}

fn target_of(card: &Card) -> String {
    if card.target.is_empty() { "its target".to_owned() } else { escaped(&card.target) }
}

/// Four significant digits.
fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    // The logarithm of a finite number is small.
    let decimals = (3.0 - value.abs().log10().floor()).clamp(0.0, 300.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn axes(x_name: &str) -> String {
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
        "<text x=\"{middle}\" y=\"446\" text-anchor=\"middle\">{x_name}</text>\n\
         <text transform=\"translate(18 214) rotate(-90)\" text-anchor=\"middle\">prediction, \
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
    use factord_eval::Kind;
    use serde_json::json;

    fn card(target: &str, report: serde_json::Value, threshold: Option<f64>) -> Card {
        let names = ["buy_rate", "large_buy", "large_<sell>"];
        Card {
            sha256: [0; 32],
            kind: Kind::Linear,
            is_classifier: false,
            feature_names: names.map(str::to_owned).to_vec(),
            target: target.to_owned(),
            threshold,
            performance: report,
            trained_at: String::new(),
            built_in: false,
            meanings: Default::default(),
        }
    }

    fn page(line: &Card, step: &Card) -> String {
        let (predictions, probabilities) = (vec![0.5; POINT_COUNT], vec![0.25; POINT_COUNT]);
        Comparison { predictions, probabilities, line, step }.page()
    }

    #[test]
    fn the_page_draws_both_curves_and_says_of_the_models_what_their_artifacts_say() {
        let line = card("sell_rate[+1]", json!({"r2_score": 0.025_612, "horizon": 1}), None);
        let step =
            card("sell_rate[+1]_binary", json!({"accuracy": 0.571_2}), Some(0.555_123_456_789));
        let next = page(&line, &step);
        assert_eq!(next.matches("<polyline").count(), 2);
        assert_eq!(next.matches(",214.0").count(), POINT_COUNT, "one point a prediction");
        for said in [
            "regression predicts sell_rate[+1]; its report says R&sup2; 0.0256. The outcome is of the \
             window after the inputs.",
            "classification predicts sell_rate[+1]_binary; its report says accuracy 0.5712. The \
             artifact does not say how long",
            "an outcome above 0.5551:",
            "large_&lt;sell&gt; 0.3",
        ] {
            assert!(next.contains(said), "{said} in {next}");
        }
        assert!(!next.contains("identity") && !next.contains("0.998"), "{next}");
        assert!(!next.contains("<script") && !next.contains("http"));
        // The same window, by the artifact's own figures; and the built-in model by its hash.
        let line = card("sell_rate", json!({"r2_score": 0.9998, "horizon": 0}), None);
        let step = Card { built_in: true, ..card("s", json!({"accuracy": 0.9}), Some(0.5243)) };
        let own = page(&line, &step);
        assert!(own.contains("R&sup2; 0.9998. The outcome is of the same window as the inputs"));
        assert!(own.contains("0.9000. In its training data the initiative sell rate is 1 minus"));
    }

    #[test]
    fn numbers_are_as_long_as_they_tell_something() {
        for (value, text) in [
            (0.5243, "0.5243"),
            (0.555_123_456_789, "0.5551"),
            (0.000_123_456, "0.0001235"),
            (0.5, "0.5"),
            (12.5, "12.5"),
            (123_456.0, "123456"),
            (-0.25, "-0.25"),
            (0.0, "0"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn rows_run_from_the_first_buy_rate_to_the_last() {
        let rows = rows();
        assert_eq!(rows.len(), POINT_COUNT * 3);
        assert_eq!(rows[..3], [0.3, 0.2, 0.3]);
        assert_eq!(rows[rows.len() - 3..], [0.7, 0.2, 0.3]);
    }
}
