//! `factord audit compare`: the versions that shared a name's requests, side by side.

use super::super::{Failure, print};
use super::moment;
use crate::exit::Code;
use factord_quant::audit::{
    self, AuditFile, Comparison, Interval, VersionFigures, difference, share_interval,
};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  factord audit compare next-1m /var/lib/factord/audit
  factord audit compare next-1m DIR --from 2026-11-30T09:30 --to 2026-11-30T11:30
  factord audit compare next-1m DIR --generation 7 --json

Intervals are of 95 %: of shares by Wilson, of means by Student, of the difference of means by
Welch. They take answers as independent of each other: where many are about one unit or one minute,
the truth is less certain than they say. Service times are of the one answer in 64 that the worker
times. Files do not know outcomes.";

/// What the files do not have.
const MISSING: &str = "outcomes are not in audit files";

/// The flags of `factord audit compare`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CompareArgs {
    /// The name
    name: String,
    /// Files, or folders of them
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Only answers from this time on: RFC 3339, UTC where it names no zone
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<i64>,
    /// Only answers before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<i64>,
    /// Only answers under this generation: one division of the requests
    #[arg(long, value_name = "GENERATION")]
    generation: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn compare(args: &CompareArgs) -> Result<(), Failure> {
    let mut all = Comparison::default();
    for path in audit::files(&args.files)? {
        AuditFile::open(&path)?.batches(|_, batch| {
            for row in 0..batch.len() {
                let time = batch.unix_ns(row);
                let is_wanted = batch.name(row) == Some(&args.name)
                    && args.from.is_none_or(|from| time >= from)
                    && args.to.is_none_or(|to| time < to)
                    && args.generation.is_none_or(|wanted| wanted == batch.generation(row));
                if is_wanted {
                    all.add(batch, row);
                }
            }
            Ok::<(), Failure>(())
        })?;
    }
    if all.versions.is_empty() {
        let message = format!(
            "no version has answered for {:?} in these files and this time: `factord audit show` \
             prints what there is",
            args.name
        );
        return Err(Failure::new(Code::NoInput, message));
    }
    if args.json { print(format_args!("{}\n", as_json(args, &all))) } else { print(as_text(&all)) }
}

/// The version that the others are compared with: of the lowest generation, and of these the one
/// with the most requests.
fn first(all: &Comparison) -> Option<(&String, &VersionFigures)> {
    all.versions.iter().min_by_key(|(_, figures)| {
        let generation = figures.generations.map_or(0, |[low, _]| low);
        (generation, u64::MAX - figures.count)
    })
}

fn as_json(args: &CompareArgs, all: &Comparison) -> Value {
    let count = all.count();
    let version = |(version, figures): (&String, &VersionFigures)| {
        json!({
            "version": version, "generations": figures.generations,
            "count": figures.count, "share": figures.count as f64 / count as f64,
            "share_interval": share_interval(figures.count, count),
            "refused": figures.refused(),
            "refused_interval": share_interval(figures.refused(), figures.count),
            "mean": figures.mean(), "mean_interval": figures.mean_interval(),
            "timed": figures.timed(),
            "service_ns": {"p50": figures.service_ns(0.5), "p99": figures.service_ns(0.99)},
        })
    };
    let versions: Vec<Value> = all.versions.iter().map(version).collect();
    let mut differences = Vec::new();
    if let Some((base, champion)) = first(all) {
        for (version, figures) in all.versions.iter().filter(|(version, _)| *version != base) {
            let found = difference(champion, figures);
            differences.push(json!({
                "version": version, "from": base,
                "mean_difference": found.map(|(difference, _)| difference),
                "interval": found.map(|(_, interval)| interval),
            }));
        }
    }
    json!({
        "name": args.name, "count": count, "versions": versions, "differences": differences,
        "missing": MISSING,
    })
}

fn as_text(all: &Comparison) -> String {
    let count = all.count();
    let interval = |interval: Option<Interval>| match interval {
        Some([low, high]) => format!("[{low:.6}, {high:.6}]"),
        None => "(too few for an interval)".to_owned(),
    };
    let mut page = String::new();
    for (version, figures) in &all.versions {
        let share = figures.count as f64 / count as f64;
        let [low, high] = figures.generations.unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{version}  generations {low} to {high}");
        let _ = writeln!(
            page,
            "  requests {}, a share of {share:.6} {}",
            figures.count,
            interval(share_interval(figures.count, count))
        );
        let refused = figures.refused();
        let _ = writeln!(
            page,
            "  refused  {refused}, a share of {:.6} {}",
            refused as f64 / figures.count as f64,
            interval(share_interval(refused, figures.count))
        );
        let mean = figures.mean().map_or("(none)".to_owned(), |mean| mean.to_string());
        let _ = writeln!(page, "  mean     {mean} {}", interval(figures.mean_interval()));
        if let [Some(p50), Some(p99)] = [0.5, 0.99].map(|share| figures.service_ns(share)) {
            let timed = figures.timed();
            let _ = writeln!(page, "  service  p50 {p50} ns, p99 {p99} ns, {timed} answers timed");
        }
    }
    if let Some((base, champion)) = first(all) {
        for (version, figures) in all.versions.iter().filter(|(version, _)| *version != base) {
            let _ = match difference(champion, figures) {
                Some((found, within)) => {
                    let within = interval(Some(within));
                    writeln!(page, "{version} minus {base}: {found} {within}")
                }
                None => writeln!(page, "{version} minus {base}: too few for an interval"),
            };
        }
    }
    page + MISSING + "\n"
}
