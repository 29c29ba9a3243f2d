//! Variables of the environment that look like settings and are none.

use super::source;
use std::ffi::OsString;

/// Variables that are no settings of the program: of the clients, and of this project's tests.
const OTHERS: [&str; 7] = [
    "FACTORD_BIN",
    "FACTORD_BINARY",
    "FACTORD_CONDUCT",
    "FACTORD_DAEMON_UID",
    "FACTORD_GOLDEN",
    "FACTORD_QUIET",
    "FACTORD_SHARED",
];
/// How similar a name must be to be suggested, by Jaro and Winkler, apart from the common start.
// 0.9: one letter too many, too few or wrong.
const SIMILAR: f64 = 0.9;
const START: &str = "FACTORD_";

/// A warning for each variable that starts with `FACTORD_` and that nothing reads.
pub fn unknown_variables() -> Vec<String> {
    unknown(std::env::vars_os().map(|(name, _)| name))
}

fn unknown(names: impl Iterator<Item = OsString>) -> Vec<String> {
    let known: Vec<&str> = source::variables().into_iter().chain(OTHERS).collect();
    let mut found: Vec<String> = names
        .map(|name| name.to_string_lossy().escape_debug().to_string())
        .filter(|name| name.starts_with(START) && !known.contains(&name.as_str()))
        .collect();
    found.sort();
    let warning = |name: String| {
        let own = |name: &str| name.strip_prefix(START).unwrap_or_default().to_owned();
        let score = |known: &&str| strsim::jaro_winkler(&own(known), &own(&name));
        let nearest = known.iter().max_by(|a, b| score(a).total_cmp(&score(b)));
        match nearest.filter(|nearest| score(nearest) >= SIMILAR) {
            Some(nearest) => format!("nothing reads {name}: {nearest} may be meant"),
            None => format!("nothing reads {name}: factord serve --help names what is read"),
        }
    };
    found.into_iter().map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_reads_is_told_with_the_name_that_may_be_meant() {
        let names = [
            "FACTORD_SOKET",
            "FACTORD_LISTEN",
            "FACTORD_ZEBRA_CROSSING",
            "FACTORD_CORES",
            "FACTOR_CORE",
            "FACTORD_QUIET",
            "PORTS",
        ];
        assert_eq!(
            unknown(names.into_iter().map(OsString::from)),
            [
                "nothing reads FACTORD_CORES: FACTORD_CORE may be meant",
                "nothing reads FACTORD_SOKET: FACTORD_SOCKET may be meant",
                "nothing reads FACTORD_ZEBRA_CROSSING: factord serve --help names what is read",
            ]
        );
    }

    #[test]
    fn every_setting_has_a_variable_that_is_known() {
        let known = source::variables();
        assert!(known.len() >= 20, "{known:?}");
        for name in ["FACTORD_SOCKET", "FACTORD_OPERATOR_UIDS", "MODEL_DIR", "LOG_LEVEL"] {
            assert!(known.contains(&name), "{name}");
        }
    }
}
