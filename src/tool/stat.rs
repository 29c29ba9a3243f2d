//! `factord stat`: the counters of a running daemon, read from its shared memory.

mod clients;

use super::{Failure, Globals, print};
use crate::exit::Code;
use factord_core::abi::class;
use factord_core::counters::{
    ChannelInfo, ChannelsObserver, Histogram, ModelRow, Observer, Snapshot, WorkerCounters,
};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  factord stat                    once, for people
  factord stat --json | jq .      once, for machines
  factord stat --watch 2          every two seconds, until interrupted
  factord stat --clients          who has a channel, a line each

Reading costs the daemon nothing: it does not even notice.";

/// The quantiles that are shown.
const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999), ("max", 1.0)];

/// The flags of `factord stat`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct StatArgs {
    /// Print again every SECONDS seconds, until interrupted
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    watch: Option<u64>,
    /// Print only who has a channel: name, process, user, class, worker, sizes of its rings,
    /// evaluations in its own process. Requests are counted by worker, not by channel
    #[arg(long)]
    clients: bool,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// Prints the counters.
///
/// # Errors
///
/// [`Failure`] when there is no daemon or stdout cannot be written to.
pub fn run(args: &StatArgs, globals: &Globals) -> Result<(), Failure> {
    let socket = globals.socket()?;
    // The event loop of --watch: it ends by an error, such as a daemon that went away.
    loop {
        // Attached anew each time, so that a daemon that was started again is found.
        // `None` for a user that may not see who else has a channel.
        let channels =
            ChannelsObserver::attach(socket.as_deref())?.map(|observer| observer.channels());
        print(match (args.clients, args.json) {
            (true, json) => {
                let channels = channels.ok_or_else(hidden)?;
                match json {
                    true => format!("{}\n", json!({"clients": clients::as_json(&channels)})),
                    false => clients::as_table(&channels),
                }
            }
            (false, json) => {
                let snapshot = Observer::attach(socket.as_deref())?.snapshot();
                match json {
                    true => format!("{}\n", as_json(&snapshot, channels.as_deref())),
                    false => as_text(&snapshot, channels.as_deref()),
                }
            }
        })?;
        let Some(seconds) = args.watch else { return Ok(()) };
        if !args.json {
            print("\n")?;
        }
        std::thread::sleep(Duration::from_secs(seconds));
    }
}

/// Why no clients are shown.
fn hidden() -> Failure {
    let why = "this user may not see who has a channel: start the daemon with --may-observe";
    Failure::new(Code::Permission, why)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn class_name(code: u64) -> &'static str {
    if code == class::HEAVY { "heavy" } else { "light" }
}

fn as_json(snapshot: &Snapshot, channels: Option<&[ChannelInfo]>) -> Value {
    let model = |row: &ModelRow| {
        json!({
            "id": row.id, "name": row.name, "kind": row.kind.to_string(), "width": row.width,
            "generation": row.generation, "sha256": hex(&row.sha256), "arms": row.arm_count,
            "class": class_name(row.class.into()), "cost_ns": row.cost_ns,
        })
    };
    // `null` when the table cannot be read.
    let models = snapshot.models.as_ref().ok();
    let models: Option<Vec<Value>> = models.map(|rows| rows.iter().map(model).collect());
    json!({
        "version": snapshot.program_version,
        "abi": format!("{}.{}", snapshot.abi.0, snapshot.abi.1),
        "epoch": snapshot.epoch,
        "state": snapshot.state.name(),
        "pid": snapshot.pid,
        "started_unix_ns": snapshot.started_unix_ns,
        "heartbeat_count": snapshot.heartbeat_count,
        "heartbeat_age_ns": snapshot.heartbeat_age_ns,
        "channel_count": snapshot.channel_count,
        "attached_total": snapshot.attached_total,
        "freed_total": snapshot.freed_total,
        "refused_total": snapshot.refused_total,
        "reloads_total": snapshot.reloads_total,
        "reload_failures_total": snapshot.reload_failures_total,
        "local": {
            "ok": snapshot.local.ok,
            "bad_input": snapshot.local.bad_input,
            "unknown_model": snapshot.local.unknown_model,
            "width_mismatch": snapshot.local.width_mismatch,
        },
        "tsc_hz": snapshot.tsc_hz,
        "models": models,
        "clients": channels.map(clients::as_json),
        "workers": snapshot.workers.iter().map(worker_json).collect::<Vec<_>>(),
    })
}

fn worker_json(worker: &WorkerCounters) -> Value {
    json!({
        "core": worker.core,
        "class": class_name(worker.class),
        "idle": worker.idle.name(),
        "sweeps": worker.sweeps,
        "requests": worker.requests,
        "ok": worker.ok,
        "bad_input": worker.bad_input,
        "unknown_model": worker.unknown_model,
        "width_mismatch": worker.width_mismatch,
        "wrong_class": worker.wrong_class,
        "violations": worker.violations,
        "detached": worker.detached,
        "latency_ns": latency_json(&worker.latency),
    })
}

fn latency_json(latency: &Histogram) -> Value {
    let mut object = json!({"samples": latency.count()});
    if latency.count() > 0 {
        for (name, q) in QUANTILES {
            object[name] = json!(latency.percentile(q).round());
        }
    }
    object
}

fn as_text(snapshot: &Snapshot, channels: Option<&[ChannelInfo]>) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<16} {value}");
    };
    line("state", format!("{}, pid {}", snapshot.state.name(), snapshot.pid));
    line("epoch", snapshot.epoch.to_string());
    line(
        "heartbeat",
        format!(
            "{} beats, the last {:.1} ms ago",
            snapshot.heartbeat_count,
            snapshot.heartbeat_age_ns as f64 / 1e6
        ),
    );
    line(
        "channels",
        format!(
            "{} now, {} attached, {} freed, {} refused",
            snapshot.channel_count,
            snapshot.attached_total,
            snapshot.freed_total,
            snapshot.refused_total
        ),
    );
    line(
        "reloads",
        format!("{} adopted, {} refused", snapshot.reloads_total, snapshot.reload_failures_total),
    );
    let local = &snapshot.local;
    line(
        "in clients",
        statuses(local.ok, local.bad_input, local.unknown_model, local.width_mismatch, 0),
    );
    line(
        "version",
        format!("{}, ABI {}.{}", snapshot.program_version, snapshot.abi.0, snapshot.abi.1),
    );
    if let Err(error) = snapshot.models {
        line("models", error.to_string());
    }
    for row in snapshot.models.iter().flatten() {
        line(&format!("model {}", row.id), model_text(row));
    }
    for channel in channels.into_iter().flatten() {
        line(&format!("client {}", channel.client_id), client_text(channel));
    }
    for (index, worker) in snapshot.workers.iter().enumerate() {
        let [place, requests] = worker_texts(worker);
        line(&format!("worker {index}"), place);
        line("  requests", requests);
        line(
            "  violations",
            format!("{}, {} channels detached", worker.violations, worker.detached),
        );
        line("  service time", latency_text(&worker.latency));
    }
    text
}

/// Where a worker runs, and what it answered.
fn worker_texts(worker: &WorkerCounters) -> [String; 2] {
    let core = worker.core.map_or("not pinned".to_owned(), |core| format!("core {core}"));
    let class = class_name(worker.class);
    let place = format!("{core}, {class}, idle {}, {} sweeps", worker.idle, worker.sweeps);
    let requests = statuses(
        worker.ok,
        worker.bad_input,
        worker.unknown_model,
        worker.width_mismatch,
        worker.wrong_class,
    );
    [place, requests]
}

fn client_text(channel: &ChannelInfo) -> String {
    format!(
        "{}, process {} of user {}, {} features, {} slots, worker {}, {} local",
        channel.name,
        channel.pid,
        channel.uid,
        channel.feature_count,
        channel.slot_count,
        channel.worker,
        channel.local
    )
}

fn model_text(row: &ModelRow) -> String {
    format!(
        "{}, {}, {} features, generation {}, sha256 {}, {} ns, {}",
        row.name,
        row.kind,
        row.width,
        row.generation,
        hex(&row.sha256[..6]),
        row.cost_ns,
        class_name(row.class.into())
    )
}

fn statuses(
    ok: u64,
    bad_input: u64,
    unknown_model: u64,
    width_mismatch: u64,
    wrong_class: u64,
) -> String {
    let all = ok + bad_input + unknown_model + width_mismatch + wrong_class;
    let text = format!(
        "{all}: {ok} ok, {bad_input} bad input, {unknown_model} unknown model, {width_mismatch} \
         width mismatch"
    );
    if wrong_class == 0 { text } else { format!("{text}, {wrong_class} wrong class") }
}

fn latency_text(latency: &Histogram) -> String {
    if latency.count() == 0 {
        return "no samples yet".to_owned();
    }
    let quantiles = QUANTILES.map(|(name, q)| format!("{name} {:.0} ns", latency.percentile(q)));
    format!("{} ({} samples)", quantiles.join(", "), latency.count())
}
