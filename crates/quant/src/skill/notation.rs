//! Figures as text: one notation, whatever their size.

/// A figure with four digits behind the point, or as many as show three digits of a small one, up
/// to twelve; a dash for none.
pub fn figure(value: f64) -> String {
    const PLACES_MAX: usize = 12;
    if !value.is_finite() {
        return "-".to_owned();
    }
    let (mut places, mut scaled) = (4, value.abs() * 1e4);
    // Of 0.001 and more, four digits behind the point are enough.
    while 0.0 < scaled && value.abs() < 1e-3 && scaled < 99.5 && places < PLACES_MAX {
        (places, scaled) = (places + 1, scaled * 10.0);
    }
    format!("{value:.places$}")
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn small_figures_have_three_digits_and_no_exponent() {
        for (value, text) in [
            (0.0, "0.0000"),
            (1.0, "1.0000"),
            (0.0467, "0.0467"),
            (-0.001, "-0.0010"),
            (0.000_999_9, "0.00100"),
            (-2.6e-4, "-0.000260"),
            (1.234_56e-7, "0.000000123"),
            (1.5e-12, "0.000000000002"),
            (1e-300, "0.000000000000"),
            (f64::NAN, "-"),
            (f64::INFINITY, "-"),
        ] {
            assert_eq!(figure(value), text);
        }
    }
}
