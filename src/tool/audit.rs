//! `factord audit`: what `factord record` wrote, proved or shown.

mod compare;

use super::{Failure, print};
use crate::exit::Code;
use chrono::DateTime;
use factord_quant::audit::{self, AuditFile, Batch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

const VERIFY_EXAMPLES: &str = "\
Examples:
  factord audit verify /var/lib/factord/audit --store STORE
  factord audit verify day=2026-11-30/host=a/0000000001.parquet --store STORE

Every answer is given again, from the row's features, by the version of the store that the row
names, and has to have the same bits; the version has to be the one that the ledger names for the
row's generation; every answer that a file should hold has to be there; and each file has to name
the hash of the one before it.";

const SHOW_EXAMPLES: &str = "\
Examples:
  factord audit show /var/lib/factord/audit --key 600519
  factord audit show DIR --name regression --from 2026-11-30T09:30 --to 2026-11-30T09:31 --json";

/// The sub-commands of `factord audit`.
#[derive(Debug, clap::Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, clap::Subcommand)]
enum AuditCommand {
    /// Give every answer again, and look for those that are missing
    Verify(VerifyArgs),
    /// Compare the versions that shared a name's requests: shares and means with their intervals
    Compare(compare::CompareArgs),
    /// Print rows: which version answered, and what it saw
    Show(ShowArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = VERIFY_EXAMPLES)]
struct VerifyArgs {
    /// Files, or folders of them
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The store of the versions that answered
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct ShowArgs {
    /// Files, or folders of them
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Only answers for this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only answers for this unit key
    #[arg(long, value_name = "KEY")]
    key: Option<u64>,
    /// Only answers from this time on: RFC 3339, UTC where it names no zone
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<i64>,
    /// Only answers before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<i64>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// Runs one of the sub-commands.
///
/// # Errors
///
/// [`Failure`] when files cannot be read, or do not prove what they say.
pub fn run(args: &AuditArgs) -> Result<(), Failure> {
    match &args.command {
        AuditCommand::Verify(args) => verify(args),
        AuditCommand::Compare(args) => compare::compare(args),
        AuditCommand::Show(args) => show(args),
    }
}

fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let files = audit::files(&args.files)?;
    let bar = bar();
    let report = audit::verify(&files, &args.store, &|rows| bar.inc(rows));
    bar.finish_and_clear();
    let report = report?;
    if args.json {
        let finding = |finding: &audit::Finding| json!({"file": finding.path, "row": finding.row, "what": finding.what});
        let findings: Vec<_> = report.findings.iter().map(finding).collect();
        print(format_args!(
            "{}\n",
            json!({
                "files": files.len(), "rows": report.rows, "scored": report.scored,
                "dropped": report.dropped, "finding_count": report.finding_count,
                "findings": findings,
            })
        ))?;
    } else {
        for finding in &report.findings {
            let row = finding.row.map_or(String::new(), |row| format!(" row {row}"));
            print(format_args!("{}{row}: {}\n", finding.path.display(), finding.what))?;
        }
        print(format_args!(
            "{} files, {} rows: {} answers given again, {} counted as dropped, {} findings\n",
            files.len(),
            report.rows,
            report.scored,
            report.dropped,
            report.finding_count
        ))?;
    }
    if report.finding_count > 0 {
        let message =
            format!("{} findings: the files do not prove what they say", report.finding_count);
        return Err(Failure::new(Code::Data, message));
    }
    Ok(())
}

/// Tells of rows that were verified, which shows only on a terminal.
fn bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{spinner} {human_pos} rows verified, {elapsed}");
    ProgressBar::new_spinner().with_style(style.expect("the template is a constant that parses"))
}

/// Reads a moment as nanoseconds since 1970.
fn moment(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no time, such as 2026-11-30T09:31:07.123");
    // Where no zone is named it is UTC, and seconds may be left out.
    let candidates = [text.to_owned(), format!("{text}Z"), format!("{text}:00Z")];
    let parsed = candidates.iter().find_map(|text| DateTime::parse_from_rfc3339(text).ok());
    parsed.and_then(|moment| moment.timestamp_nanos_opt()).ok_or_else(wrong)
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let writing = |error| Failure::writing(Path::new("stdout"), &error);
    for path in audit::files(&args.files)? {
        AuditFile::open(&path)?.batches(|_, batch| {
            for row in (0..batch.len()).filter(|&row| is_wanted(args, batch, row)) {
                let line = if args.json { as_json(batch, row) } else { as_text(batch, row) };
                writeln!(out, "{line}").map_err(writing)?;
            }
            Ok::<(), Failure>(())
        })?;
    }
    out.flush().map_err(writing)
}

fn is_wanted(args: &ShowArgs, batch: &Batch, row: usize) -> bool {
    let time = batch.unix_ns(row);
    args.key.is_none_or(|key| key == batch.key(row))
        && args.from.is_none_or(|from| time >= from)
        && args.to.is_none_or(|to| time < to)
        && args.name.as_deref().is_none_or(|name| batch.name(row) == Some(name))
}

fn time(batch: &Batch, row: usize) -> String {
    DateTime::from_timestamp_nanos(batch.unix_ns(row)).format("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()
}

fn as_json(batch: &Batch, row: usize) -> String {
    let (epoch, worker) = batch.feed(row);
    json!({
        "time": time(batch, row), "name": batch.name(row), "key": batch.key(row),
        "features": batch.features(row), "y": batch.y(row), "status": batch.status(row),
        "version": batch.version(row), "generation": batch.generation(row),
        "arm": batch.arm(row), "client": batch.client(row),
        "service_ns": batch.service_ns(row),
        "epoch": epoch, "worker": worker, "ordinal": batch.ordinal(row),
    })
    .to_string()
}

fn as_text(batch: &Batch, row: usize) -> String {
    let name = batch.name(row).unwrap_or("(no name)");
    let answer = match batch.status(row) {
        "ok" => batch.y(row).to_string(),
        other => other.to_owned(),
    };
    let version = batch.version(row).unwrap_or("(none)");
    let client = batch.client(row).unwrap_or("(unknown)");
    let features: Vec<String> = batch.features(row).iter().map(f64::to_string).collect();
    format!(
        "{} {name} key {} {answer} version {version} generation {} arm {} client {client} \
         features {}",
        time(batch, row),
        batch.key(row),
        batch.generation(row),
        batch.arm(row),
        features.join(" ")
    )
}
