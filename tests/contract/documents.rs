//! What the documents say of the layout and of the metrics is what the code does.

use crate::service;
use factord_core::abi::{self, models_region, status_region};
use std::collections::BTreeSet;

/// A number with commas between groups of three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn the_layout_document_has_the_versions_and_sizes_of_the_code() {
    let document = include_str!("../../docs/abi.md");
    let title = format!("# Shared-memory layout, ABI {}.{}\n", abi::ABI_MAJOR, abi::ABI_MINOR);
    assert!(document.starts_with(&title), "the title is not {title}");
    for (region, lines) in [("STATUS", status_region::LINES), ("MODELS", models_region::LINES)] {
        let size = format!("| {} |", grouped(lines * abi::LINE_LEN));
        let row = document.lines().find(|line| line.starts_with(&format!("| {region}, ")));
        let row = row.unwrap_or_else(|| panic!("no row for {region}"));
        assert!(row.contains(&size), "{row} does not say {size}");
    }
    let stride = factord_core::ring::Geometry::new(abi::FEATURE_COUNT_MAX, 1).unwrap();
    let stride = stride.req_lines() * abi::LINE_LEN - abi::RING_HEADER_LINES * abi::LINE_LEN;
    assert!(
        document.contains(&format!("{} for {}", grouped(stride), abi::FEATURE_COUNT_MAX))
            || document.contains(&format!(
                "{} for {}",
                grouped(stride),
                grouped(abi::FEATURE_COUNT_MAX)
            ))
    );
}

#[test]
fn the_metrics_in_the_document_are_those_that_are_served() {
    let document = include_str!("../../docs/http.md");
    let section = document.split("## Metrics").nth(1).expect("a section on metrics");
    let documented: BTreeSet<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .flat_map(|row| row.split(" | ").next().unwrap_or("").split(", "))
        .map(|name| name.trim_matches('`').split('{').next().unwrap_or(""))
        .collect();
    let (_engine, address) = service::start_with_http();
    for path in ["/predict/regression/0.5/0.2/0.3", "/predict/classification/0.5/0.2/0.3"] {
        assert!(service::get(&address, path).starts_with("HTTP/1.1 200"));
    }
    let metrics = service::get(&address, "/metrics");
    let served: BTreeSet<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    assert!(served.len() > 15, "{served:?}");
    assert_eq!(documented, served);
}
