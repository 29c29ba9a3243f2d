//! `factord subscribe`: the answers of a running daemon, as they are given.

use super::{Failure, Globals};
use crate::exit::Code;
use factord_core::abi::status;
use factord_core::client::{Event, Published, Subscriber};
use factord_quant::audit::{fingerprint_text, status_name};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const EXAMPLES: &str = "\
Examples:
  factord subscribe regression               each answer for a name, a line each
  factord subscribe --json | jq .y           all answers, one JSON object per line
  factord subscribe regression --count 1     the next one

The daemon has to be started with --tap, and the right to observe is needed. A subscriber costs the
engine nothing; one that is too slow is told how many answers it missed.";

/// Between two looks that found nothing.
const PAUSE: Duration = Duration::from_micros(100);
/// Between two looks whether the engine lives.
const LIFE_PAUSE: Duration = Duration::from_millis(500);

/// The flags of `factord subscribe`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SubscribeArgs {
    /// The name whose answers are shown (default: all)
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    /// End after so many answers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// Prints answers until there were enough, or the daemon ends.
///
/// # Errors
///
/// [`Failure`] when there is no daemon with a tap, or it ends, or stdout cannot be written to.
pub fn run(args: &SubscribeArgs, globals: &Globals) -> Result<(), Failure> {
    let mut subscriber = Subscriber::attach(globals.socket()?.as_deref(), args.name.as_deref())?;
    let mut out = BufWriter::new(io::stdout().lock());
    let writing = |error| Failure::writing(Path::new("stdout"), &error);
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut life = (subscriber.heartbeat_count(), Instant::now());
    // The event loop.
    while left > 0 {
        let line = match subscriber.poll() {
            Some(Event::Published(answer)) => {
                left -= 1;
                if args.json { format!("{}\n", as_json(&answer)) } else { as_text(&answer) }
            }
            Some(Event::Missed { worker, count, .. }) if args.json => {
                format!("{}\n", json!({"missed": count, "worker": worker}))
            }
            Some(Event::Missed { count, .. }) => format!("missed {count} answers of all names\n"),
            None => {
                out.flush().map_err(writing)?;
                look_after(&subscriber, &mut life)?;
                thread::sleep(PAUSE);
                continue;
            }
        };
        out.write_all(line.as_bytes()).map_err(writing)?;
    }
    out.flush().map_err(writing)
}

/// Looks at times whether the engine is still there.
fn look_after(subscriber: &Subscriber, life: &mut (u64, Instant)) -> Result<(), Failure> {
    if life.1.elapsed() < LIFE_PAUSE {
        return Ok(());
    }
    let beats = subscriber.heartbeat_count();
    let may_be_over = beats == life.0 || subscriber.is_succeeded();
    if may_be_over && !subscriber.is_current() {
        return Err(Failure::new(Code::Unavailable, "the daemon has ended: subscribe again"));
    }
    *life = (beats, Instant::now());
    Ok(())
}

fn as_json(answer: &Published<'_>) -> Value {
    let record = answer.record;
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("unix_ns", json!(answer.unix_ns));
    put("epoch", json!(answer.epoch));
    put("worker", json!(answer.worker));
    put("ordinal", json!(record.ordinal));
    put("name", json!(answer.name));
    put("client", json!(record.client));
    put("key", json!(record.key));
    put("features", json!(record.features));
    // JSON has no NaN: null.
    put("y", json!(record.y));
    put("status", json!(status_name(record.status)));
    put("generation", json!(record.generation));
    put("arm", json!(record.arm));
    put("version", json!(fingerprint_text(answer.fingerprint)));
    Value::Object(object)
}

fn as_text(answer: &Published<'_>) -> String {
    let record = answer.record;
    let name = answer.name.unwrap_or("(no name)");
    let seconds = answer.unix_ns / 1_000_000_000;
    let rest = answer.unix_ns % 1_000_000_000;
    let mut line = format!("{seconds}.{rest:09} {name} ");
    // Writing into a String cannot fail.
    let _ = match record.status {
        status::OK => write!(line, "{}", record.y),
        other => write!(line, "{}", status_name(other)),
    };
    let _ = write!(line, " key {} generation {}", record.key, record.generation);
    let _ = write!(line, " arm {} features", record.arm);
    for feature in &record.features {
        let _ = write!(line, " {feature}");
    }
    line.push('\n');
    line
}
