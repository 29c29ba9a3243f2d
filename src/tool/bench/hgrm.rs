//! Distributions as `.hgrm` files, which HdrHistogram's own plotters read.

use super::report::Report;
use crate::tool::Failure;
use hdrhistogram::Histogram;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Steps between two halvings of the distance to 100 %.
const TICKS_PER_HALF: u32 = 5;

/// Writes one file a distribution.
pub(super) fn write(folder: &Path, report: &Report) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::creating(folder, &error))?;
    for (name, histogram) in report.distributions() {
        let path = folder.join(format!("{name}.hgrm"));
        fs::write(&path, text(&histogram)).map_err(|error| Failure::creating(&path, &error))?;
    }
    Ok(())
}

/// The percentile output of HdrHistogram, in nanoseconds.
fn text(histogram: &Histogram<u64>) -> String {
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut seen = 0;
    for step in histogram.iter_quantiles(TICKS_PER_HALF) {
        seen += step.count_since_last_iteration();
        let (value, q) = (step.value_iterated_to() as f64, step.quantile_iterated_to());
        // Writing to a string cannot fail.
        let _ = write!(text, "{value:>12.3} {q:>14.12} {seen:>10}");
        let _ = if q < 1.0 { writeln!(text, " {:>14.2}", 1.0 / (1.0 - q)) } else { writeln!(text) };
    }
    let _ = writeln!(
        text,
        "#[Mean    = {:>12.3}, StdDeviation   = {:>12.3}]",
        histogram.mean(),
        histogram.stdev()
    );
    let _ = writeln!(
        text,
        "#[Max     = {:>12.3}, Total count    = {:>12}]",
        histogram.max() as f64,
        histogram.len()
    );
    let buckets = (64 - histogram.high().leading_zeros()).saturating_sub(10);
    let _ = writeln!(text, "#[Buckets = {buckets:>12}, SubBuckets     = {:>12}]", 2048);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_the_table_holds_every_count() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        for value in 1..=1000 {
            histogram.record(value).unwrap();
        }
        let text = text(&histogram);
        let rows: Vec<&str> = text.lines().skip(2).filter(|line| !line.starts_with('#')).collect();
        assert!(rows.len() > 10, "{text}");
        let last: Vec<&str> = rows.last().unwrap().split_whitespace().collect();
        assert_eq!(last, ["1000.000", "1.000000000000", "1000"], "{text}");
        assert!(text.contains("#[Mean    =      500.500"), "{text}");
    }
}
