//! The command line: its grammar, and the way from a sub-command to its file.

use super::{
    Failure, Globals, audit, bench, check, completions, evaluate, factors, http, import, inspect,
    model, pilot, ping, predict, record, replay, score, serve, simulate, stat, subscribe, train,
};
use crate::{config, exit, log};
use clap::{CommandFactory, Parser, Subcommand};
use factord_core::channel;
use std::ffi::OsString;

/// Answers feature vectors with predictions, through shared memory in nanoseconds and over HTTP.
#[derive(Debug, Parser)]
#[command(
    name = "factord",
    version,
    arg_required_else_help = true,
    after_long_help = after_help(),
    after_help = "Every sub-command explains itself, with examples: factord predict --help",
)]
pub struct Cli {
    /// What all sub-commands share.
    #[command(flatten)]
    pub globals: Globals,
    /// The sub-command.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Parses the arguments of the process.
    ///
    /// # Errors
    ///
    /// clap's own error, which is also how it hands over the text of `--help`.
    pub fn from_arguments(arguments: impl Iterator<Item = OsString>) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(arguments.map(plain_number))
    }

    /// Whether another process of this program started this one, and says what there is to say.
    fn is_child(&self) -> bool {
        match &self.command {
            Command::FloorEcho(_) => true,
            Command::Http(args) => args.is_supervised(),
            Command::Record(args) => args.is_supervised(),
            Command::Pilot(args) => args.is_supervised(),
            _ => false,
        }
    }
}

/// Writes a negative number without its exponent: clap would take `-1e-3` for flags.
fn plain_number(argument: OsString) -> OsString {
    match argument.to_str() {
        Some(text) if text.starts_with('-') => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => number.to_string().into(),
            _ => argument,
        },
        _ => argument,
    }
}

/// The sub-commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon: the engine and, by default, its HTTP sidecar
    Serve(serve::ServeArgs),
    /// Run only the HTTP sidecar, in front of a running daemon
    Http(http::HttpArgs),
    /// Predict one row, or score a CSV file, through shared memory
    Predict(predict::PredictArgs),
    /// Score a feature table with models on all cores, without a daemon
    Score(score::ScoreArgs),
    /// Compare predictions with outcomes: R2, AUC, calibration, by period and symbol
    Evaluate(evaluate::EvaluateArgs),
    /// Measure the round trip through the ring, next to the floor of the same cores
    Ping(ping::PingArgs),
    /// Measure everything that matters on two cores: round trips, batches, channels, swaps
    Bench(bench::BenchArgs),
    /// Show the counters of the running daemon
    Stat(stat::StatArgs),
    /// Print the answers of the running daemon as they are given
    Subscribe(subscribe::SubscribeArgs),
    /// Write every answer of the running daemon to Parquet files
    Record(record::RecordArgs),
    /// Score shadows, and take canaries from step to step, from the running daemon's tap
    Pilot(pilot::PilotArgs),
    /// Prove or show what `factord record` wrote
    Audit(audit::AuditArgs),
    /// Turn trade files into a table of features, one row per window
    Factors(factors::FactorsArgs),
    /// Say what a file is and how it is understood: trades, tables and models of any format
    Inspect(inspect::InspectArgs),
    /// Replay trades through factors and the ring of the running daemon
    Replay(replay::ReplayArgs),
    /// Write simulated trades, for a first walk and for load
    Simulate(simulate::SimulateArgs),
    /// Say whether model files would be served
    Check(check::CheckArgs),
    /// Turn a scikit-learn pickle or an ONNX model into an artifact, without executing it
    Import(import::ImportArgs),
    /// Explain a model, or have the daemon read its models again
    Model(model::ModelArgs),
    /// Fit models to feature tables, test them honestly, and write artifacts and a report
    Train(train::TrainArgs),
    /// The second process of the floor
    #[command(hide = true)]
    FloorEcho(ping::FloorEchoArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Write manual pages into a directory
    Man(completions::ManArgs),
}

/// Runs one sub-command to its end.
///
/// # Errors
///
/// [`Failure`] with the exit code.
pub fn run(cli: &Cli) -> Result<(), Failure> {
    let globals = &cli.globals;
    if !cli.is_child() {
        config::unknown_variables().iter().for_each(|warning| {
            log::say(&format!("factord: warning: {warning}\n"));
        });
    }
    if let Some(uid) = globals.daemon_uid {
        channel::trust_daemon_user(uid);
    }
    match &cli.command {
        Command::Serve(args) => serve::run(args, globals),
        Command::Http(args) => http::run(args, globals),
        Command::Check(args) => check::run(args),
        Command::Import(args) => import::run(args),
        Command::Model(args) => model::run(args, globals),
        Command::Predict(args) => predict::run(args, globals),
        Command::Score(args) => score::run(args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Ping(args) => ping::run(args, globals),
        Command::Bench(args) => bench::run(args, globals),
        Command::FloorEcho(args) => ping::run_floor_echo(args),
        Command::Factors(args) => factors::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Replay(args) => replay::run(args, globals),
        Command::Simulate(args) => simulate::run(args),
        Command::Stat(args) => stat::run(args, globals),
        Command::Subscribe(args) => subscribe::run(args, globals),
        Command::Record(args) => record::run(args, globals),
        Command::Pilot(args) => pilot::run(args, globals),
        Command::Audit(args) => audit::run(args),
        Command::Train(args) => train::run(args, globals),
        Command::Completions(args) => completions::run(args, Cli::command()),
        Command::Man(args) => completions::run_man(args, Cli::command()),
    }
}

fn after_help() -> String {
    format!(
        "Start here:\n  \
         factord serve                               run the daemon, HTTP on 127.0.0.1:5000\n  \
         factord predict regression 0.5 0.2 0.3      one prediction through shared memory\n  \
         factord stat                                counters of the running daemon\n\n\
         A setting comes from the first of: flag, environment, --config FILE, default.\n\n{}",
        exit::table()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_command_says_at_its_own_help_what_it_does() {
        let mut command = Cli::command();
        let said: Vec<String> = command.get_subcommands().map(about).collect();
        command.build();
        let built: Vec<String> = command.get_subcommands().map(about).collect();
        assert_eq!(said, built[..said.len()]);
        // What the flags' own type says of itself is for those who read the source.
        assert!(!said.iter().any(|said| said.starts_with("The flags of")), "{said:?}");
    }

    fn about(command: &clap::Command) -> String {
        command.get_about().map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn the_grammar_holds_no_contradiction() {
        Cli::command().debug_assert();
    }

    #[test]
    fn negative_numbers_with_exponents_are_features() {
        for text in ["-1", "-0.5", "-1e-3", "-2.5E+3", "-1e-300", "-0"] {
            let arguments = ["factord", "predict", "regression", "1", text, "--json"];
            let cli = Cli::from_arguments(arguments.into_iter().map(OsString::from)).unwrap();
            let expected: f64 = text.parse().unwrap();
            let shown = format!("{:?}", cli.command);
            assert!(shown.contains(&format!("[1.0, {expected:?}]")), "{text}: {shown}");
        }
    }

    #[test]
    fn every_sub_command_shows_an_example() {
        let command = Cli::command();
        assert!(command.get_subcommands().count() > 3);
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            let help = sub.clone().render_long_help().to_string();
            let grouped = sub.get_subcommands().next().is_some();
            assert!(grouped || help.contains("Example"), "{} has no example", sub.get_name());
        }
    }
}
