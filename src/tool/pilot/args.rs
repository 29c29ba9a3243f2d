//! The flags of `factord pilot`.

use super::super::supervised::SupervisedArgs;
use super::drift_rules::{ROWS_MIN, Rules, level};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  factord serve --models STORE --tap
  factord pilot --store STORE --log pilot.jsonl
  factord model shadow next-1m 3f5a --models STORE
  factord model canary next-1m 3f5a --steps 13,64,256 --hold 10000 --guard error=0.001 \\
    --models STORE

Shadows are scored on every request for their name, from the daemon's tap, and their divergence from
the champion is told. A canary is taken to its next step when its hold is over and its guards hold;
when one trips, what served before serves again, and the ledger keeps the figure. Guards judge from
100 answers of the candidate on, or from the hold's, if that is shorter; the one on service time
from eight that were timed, as one in 64 is. The engine does not notice the pilot, and what the
pilot missed is counted. What is seen of a step begins anew with the pilot.

Of every version that says how its training rows were spread, features and outputs are watched for
drift, window after window: docs/drift.md. Begin, end and figures of drift are told; what was seen
is kept in STORE/pilot, with a text for Prometheus beside it.";

/// The flags of `factord pilot`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct PilotArgs {
    /// The store that the daemon serves
    #[arg(long, value_name = "DIR")]
    pub(super) store: PathBuf,
    /// Add a JSON object per line to a file: the figures once a second, each step and its reason
    #[arg(long, value_name = "FILE")]
    pub(super) log: Option<PathBuf>,
    /// Requests of a window that is judged for drift; fewer after --drift-seconds
    #[arg(long, value_name = "ROWS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(ROWS_MIN..))]
    pub(super) drift_window: u64,
    /// Judge a window of 200 requests or more after so many seconds, too
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) drift_seconds: u64,
    /// The share of windows without drift that raise an alarm, for all series of an arm together
    #[arg(long, value_name = "SHARE", default_value_t = 0.01, value_parser = level)]
    pub(super) drift_level: f64,
    /// Print these lines instead of text
    #[arg(long, conflicts_with = "supervised")]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) supervised: SupervisedArgs,
}

impl PilotArgs {
    /// Whether a daemon started it.
    pub(in crate::tool) fn is_supervised(&self) -> bool {
        self.supervised.is_supervised()
    }
}

impl PilotArgs {
    /// How drift is judged.
    pub(super) fn rules(&self) -> Rules {
        Rules { rows: self.drift_window, seconds: self.drift_seconds, level: self.drift_level }
    }
}
