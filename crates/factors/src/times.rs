//! [`larger_unit`]: times that are of another unit than nanoseconds.

/// Units that integers are often given in: the name, how many nanoseconds one is, and the times
/// from 2008 to 2033 in it, which are of 1970 in nanoseconds.
const UNITS: [(&str, i64, i64, i64); 3] = [
    ("seconds", 1_000_000_000, 1_200_000_000, 2_000_000_000),
    ("milliseconds", 1_000_000, 1_200_000_000_000, 2_000_000_000_000),
    ("microseconds", 1_000, 1_200_000_000_000_000, 2_000_000_000_000_000),
];

/// The unit in which all of some times are of our days, where in nanoseconds they would be of the
/// first weeks of 1970, and how many nanoseconds one of it is.
pub fn larger_unit(times: impl Iterator<Item = i64> + Clone) -> Option<(&'static str, i64)> {
    let fits = |&(_, _, from, to): &(&str, i64, i64, i64)| {
        let mut all = times.clone();
        all.all(|time| (from..to).contains(&time))
    };
    times.clone().next()?;
    UNITS.into_iter().find(fits).map(|(name, ns, ..)| (name, ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_our_days_in_a_larger_unit_are_known() {
        let unit = |times: &[i64]| larger_unit(times.iter().copied()).map(|(name, _)| name);
        assert_eq!(unit(&[1_675_214_700, 1_675_214_701]), Some("seconds"));
        assert_eq!(unit(&[1_675_214_700_940]), Some("milliseconds"));
        assert_eq!(unit(&[1_675_214_700_940_000]), Some("microseconds"));
        assert_eq!(unit(&[1_675_214_700_940_000_000]), None);
        assert_eq!(unit(&[1_000_000_000, 1_500_000_000]), None);
        assert_eq!(unit(&[]), None);
    }
}
