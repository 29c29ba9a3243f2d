//! The C header, and Java, say what the library does: the same counts, the same layout.

use factord_factors_c::ffi::{COUNT_LEN, LAYOUT, count_names};

const HEADER: &str = include_str!("../factord_factors.h");

/// The names of a structure's fields, in order.
fn fields(of: &str) -> Vec<&'static str> {
    let head = format!("typedef struct {of} {{");
    let (_, rest) = HEADER.split_once(&head).unwrap();
    let (body, _) = rest.split_once('}').unwrap();
    let field = |line: &'static str| line.trim().strip_suffix(';')?.split(' ').next_back();
    body.lines().filter_map(field).collect()
}

#[test]
fn the_header_has_the_counts_of_the_crate() {
    assert_eq!(fields("factord_factors_counts"), count_names());
    assert_eq!(count_names().len(), COUNT_LEN);
}

#[test]
fn the_header_has_the_structures_of_the_library() {
    assert!(HEADER.contains(&format!("#define FACTORD_FACTORS_LAYOUT {LAYOUT}\n")));
    let trade = ["ts_ns", "price", "qty", "side", "buy_id", "sell_id", "bid", "ask"];
    assert_eq!(fields("factord_factors_trade"), trade);
    let row = fields("factord_factors_row");
    let columns: Vec<&str> =
        factord_factors::COLUMNS.iter().map(|column| column.name).skip(1).collect();
    assert_eq!(row[..columns.len()], columns);
    let rest = ["auction", "by_flag", "by_orders", "by_quote", "by_tick", "closed"];
    assert_eq!(row[columns.len()..], rest);
}

#[test]
fn the_java_client_has_the_counts_of_the_crate() {
    let source = include_str!("../../java/src/factord/FactorsNative.java");
    let (_, rest) = source.split_once("String[] COUNTS = {").unwrap();
    let (names, _) = rest.split_once('}').unwrap();
    let names: Vec<&str> = names.split('"').skip(1).step_by(2).collect();
    assert_eq!(names, count_names());
}
