//! `factord model canary`: a candidate that gets a name's requests step by step.

use super::super::{Failure, Globals};
use super::versions::{At, adopted};
use factord_models::store::{GUARDS, Guard, Guards, Hold, Limit, Store};

/// The units of a service time, the longer names first.
const UNITS: [(&str, f64); 4] = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)];

/// The flags of `factord model canary`.
#[derive(Debug, clap::Args)]
pub(super) struct CanaryArgs {
    /// The name
    name: String,
    /// How the candidate's hash begins
    version: String,
    /// The candidate's shares in 1/256, growing; the last one is 256
    #[arg(long, value_name = "WEIGHT,...", required = true, value_delimiter = ',')]
    steps: Vec<u16>,
    /// How long each step is held: so many of the candidate's answers, or seconds, as in 600s
    #[arg(long, value_name = "COUNT|SECONDS", value_parser = hold)]
    hold: Hold,
    /// What stops it: error=SHARE, out-of-range=SHARE, divergence=DIFFERENCE, classes=SHARE,
    /// service-time=TIME, as in 2us; may be repeated
    #[arg(long = "guard", value_name = "GUARD=LIMIT", value_parser = guard)]
    guards: Vec<(Guard, Limit)>,
    #[command(flatten)]
    at: At,
}

fn hold(text: &str) -> Result<Hold, String> {
    let refused =
        |_| "write a number of answers, as in 10000, or of seconds, as in 600s".to_owned();
    match text.strip_suffix('s') {
        Some(seconds) => seconds.parse().map(Hold::Seconds).map_err(refused),
        None => text.parse().map(Hold::Requests).map_err(refused),
    }
}

fn guard(text: &str) -> Result<(Guard, Limit), String> {
    let names = || GUARDS.map(Guard::name).join(", ");
    let refused = || {
        format!(
            "write a guard and its limit, as in error=0.001 or service-time=2us; guards: {}",
            names()
        )
    };
    let (name, limit) = text.split_once('=').ok_or_else(refused)?;
    let guard = GUARDS.into_iter().find(|guard| guard.name() == name).ok_or_else(refused)?;
    let limit = match guard {
        Guard::ServiceTime => nanoseconds(limit),
        _ => limit.parse::<f64>().ok(),
    };
    Ok((guard, Limit::try_from(limit.ok_or_else(refused)?)?))
}

/// A time with its unit.
fn nanoseconds(text: &str) -> Option<f64> {
    let with = |&(unit, ns): &(&str, f64)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * ns);
    UNITS.iter().find_map(with)
}

pub(super) fn canary(args: &CanaryArgs, globals: &Globals) -> Result<(), Failure> {
    let mut guards = Guards::default();
    args.guards.iter().for_each(|&(guard, limit)| guards.set(guard, limit));
    let served = {
        let mut store = Store::open(&args.at.root(globals)?)?;
        let candidate = store.version(&args.name, &args.version)?;
        store.canary(&args.name, candidate, args.steps.clone(), args.hold, guards)?
    };
    adopted(&args.name, &served, globals)
}
