//! `factord serve`: the daemon.

use super::{Failure, Globals, print};
use crate::config::{self, CoreList, Party, ServeConfig, Settings, parse};
use crate::daemon;
use crate::log::LogLevel;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use factord_core::idle::IdleStrategy;
use std::net::SocketAddr;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  factord serve                                  the built-in models, HTTP on 127.0.0.1:5000
  factord serve --models /etc/factord/models     every model of a directory
  factord serve --core 3 --idle spin --no-http only shared memory, on CPU 3
  MODEL_DIR=models PORT=8080 factord serve just as the replaced service was started
  factord serve --print-config                   what would take effect, and why

SIGHUP, or factord model reload, reads the models again; SIGINT and SIGTERM end the daemon.";

/// Cells of a tap whose size was not said.
const DEFAULT_CELLS: &str = "65536";

/// The flags of `factord serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// The address of the HTTP sidecar (FACTORD_LISTEN, PORT; default: 127.0.0.1:5000)
    #[arg(long, value_name = "ADDR:PORT", value_parser = parse::listen)]
    listen: Option<SocketAddr>,
    /// Serve only shared memory (FACTORD_HTTP=false)
    #[arg(long)]
    no_http: bool,
    /// A directory or a store of models (FACTORD_MODELS, MODEL_DIR; default: the two built in)
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// The CPU of the worker, or several separated by commas: one worker each, channels spread over
    /// them (FACTORD_CORE; default: the last one allowed)
    #[arg(
        long,
        value_name = "N[,N...]",
        allow_negative_numbers = true,
        value_parser = parse::cores
    )]
    core: Option<CoreList>,
    /// The CPU of a worker for models that cost more than --max-cost, or several: clients attach to
    /// these with the option `heavy` (FACTORD_HEAVY_CORE; default: none)
    #[arg(
        long,
        value_name = "N[,N...]",
        allow_negative_numbers = true,
        value_parser = parse::cores
    )]
    heavy_core: Option<CoreList>,
    /// The most nanoseconds one evaluation may take on the other workers; costlier models are
    /// refused, or go to --heavy-core (FACTORD_MAX_COST; default: 100000)
    #[arg(long, value_name = "NS", allow_negative_numbers = true, value_parser = parse::max_cost)]
    max_cost: Option<u64>,
    /// Have the service manager keep clients' memory, so that a restart costs no answer: needs
    /// FileDescriptorStoreMax= in the unit (FACTORD_FD_STORE=true)
    #[arg(long)]
    fd_store: bool,
    /// How the worker waits: noop, spin, yield or backoff (FACTORD_IDLE; default: spin, or yield
    /// on a single CPU)
    #[arg(long, value_name = "NAME", value_parser = idle_names())]
    idle: Option<IdleStrategy>,
    /// Copy requests and answers to a tap for `factord subscribe` and `record`: so many cells of 64
    /// bytes a worker, a power of two (FACTORD_TAP; default: off, 65536 for --tap alone)
    #[arg(long, value_name = "CELLS", num_args = 0..=1, require_equals = true,
          default_missing_value = DEFAULT_CELLS, value_parser = parse::tap)]
    tap: Option<usize>,
    /// Whether clients may evaluate in their own processes, which no tap sees: allow or refuse
    /// (FACTORD_AUDIT_LOCAL; default: allow)
    #[arg(long, value_name = "WHETHER", value_parser = parse::audit_local)]
    audit_local: Option<bool>,
    /// Start a recorder beside the engine, as `factord record DIR`: needs --tap and --audit-local
    /// (FACTORD_RECORD; default: none)
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Start a pilot beside the engine, as `factord pilot`: needs --tap and a store of models
    /// (FACTORD_PILOT=true)
    #[arg(long)]
    pilot: bool,
    /// Channels one user may hold (FACTORD_CHANNELS_PER_UID; default: 320)
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true,
          value_parser = parse::channels_per_uid)]
    channels_per_uid: Option<u32>,
    /// Bytes of rings one user may hold (FACTORD_BYTES_PER_UID; default: 67108864)
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true,
          value_parser = parse::bytes_per_uid)]
    bytes_per_uid: Option<u64>,
    /// A user that may attach and evaluate, besides root and the daemon's own; may be repeated
    /// (FACTORD_ALLOW_UIDS)
    #[arg(long = "allow-uid", value_name = "UID", allow_negative_numbers = true,
          value_parser = parse::uid)]
    allow_uids: Vec<u32>,
    /// The mode of the control socket, which decides who can reach the daemon; the daemon still
    /// checks every user (FACTORD_SOCKET_MODE; default: 0666 when other users are named, else 0660)
    #[arg(long, value_name = "MODE", value_parser = parse::socket_mode)]
    socket_mode: Option<u32>,
    /// The group of the control socket, by name or number (FACTORD_SOCKET_GROUP; default: the
    /// daemon's own)
    #[arg(long, value_name = "GROUP", value_parser = parse::group)]
    socket_group: Option<u32>,
    /// A user that may do everything, as root and the daemon's own may; may be repeated
    /// (FACTORD_OPERATOR_UIDS)
    #[arg(long = "operator-uid", value_name = "UID", allow_negative_numbers = true,
          value_parser = parse::uid)]
    operator_uids: Vec<u32>,
    /// Who may attach a channel: users by name or number, and groups behind an @
    /// (FACTORD_MAY_ATTACH)
    #[arg(long, value_name = "WHO[,WHO...]", allow_negative_numbers = true,
          value_delimiter = ',', value_parser = parse::party)]
    may_attach: Vec<Party>,
    /// Who of these may evaluate models in its own process too (FACTORD_MAY_EVALUATE)
    #[arg(long, value_name = "WHO[,WHO...]", allow_negative_numbers = true,
          value_delimiter = ',', value_parser = parse::party)]
    may_evaluate: Vec<Party>,
    /// Who may see who has a channel (FACTORD_MAY_OBSERVE)
    #[arg(long, value_name = "WHO[,WHO...]", allow_negative_numbers = true,
          value_delimiter = ',', value_parser = parse::party)]
    may_observe: Vec<Party>,
    /// Who may read artifacts (FACTORD_MAY_READ)
    #[arg(long, value_name = "WHO[,WHO...]", allow_negative_numbers = true,
          value_delimiter = ',', value_parser = parse::party)]
    may_read: Vec<Party>,
    /// Who may have models read again (FACTORD_MAY_PUBLISH)
    #[arg(long, value_name = "WHO[,WHO...]", allow_negative_numbers = true,
          value_delimiter = ',', value_parser = parse::party)]
    may_publish: Vec<Party>,
    /// The least severe level to log, by Python's names (FACTORD_LOG_LEVEL, LOG_LEVEL; default:
    /// INFO)
    #[arg(long, value_name = "LEVEL", ignore_case = true, value_parser = log_level_names())]
    log_level: Option<LogLevel>,
    /// Print every setting with its value and where it came from, and exit
    #[arg(long)]
    print_config: bool,
    /// With --print-config: as one JSON object
    #[arg(long, requires = "print_config")]
    json: bool,
}

/// The names of idle strategies, which completions offer.
fn idle_names() -> impl TypedValueParser<Value = IdleStrategy> {
    PossibleValuesParser::new(IdleStrategy::ALL.map(IdleStrategy::name))
        .try_map(|name| parse::idle(&name))
}

/// The names of log levels, which completions offer; Python's other names are understood, too.
pub(super) fn log_level_names() -> impl TypedValueParser<Value = LogLevel> {
    let other = |level| match level {
        LogLevel::Debug => Some("NOTSET"),
        LogLevel::Warning => Some("WARN"),
        LogLevel::Critical => Some("FATAL"),
        LogLevel::Info | LogLevel::Error => None,
    };
    let name = |level: LogLevel| PossibleValue::new(level.name()).aliases(other(level));
    PossibleValuesParser::new(LogLevel::ALL.map(name)).try_map(|name| parse::log_level(&name))
}

/// Runs the daemon until it is asked to end.
///
/// # Errors
///
/// [`Failure`] when the configuration is wrong or the daemon cannot run.
pub fn run(args: &ServeArgs, globals: &Globals) -> Result<(), Failure> {
    let named = |parties: &Vec<Party>| (!parties.is_empty()).then(|| parties.clone());
    let flags = Settings {
        socket: globals.socket.clone(),
        listen: args.listen,
        http: args.no_http.then_some(false),
        models: args.models.clone(),
        core: args.core.clone(),
        heavy_core: args.heavy_core.clone(),
        max_cost: args.max_cost,
        fd_store: args.fd_store.then_some(true),
        idle: args.idle,
        tap: args.tap,
        audit_local: args.audit_local,
        record: args.record.clone(),
        pilot: args.pilot.then_some(true),
        channels_per_uid: args.channels_per_uid,
        bytes_per_uid: args.bytes_per_uid,
        allow_uids: (!args.allow_uids.is_empty()).then(|| args.allow_uids.clone()),
        socket_mode: args.socket_mode,
        socket_group: args.socket_group,
        operator_uids: (!args.operator_uids.is_empty()).then(|| args.operator_uids.clone()),
        may_attach: named(&args.may_attach),
        may_evaluate: named(&args.may_evaluate),
        may_observe: named(&args.may_observe),
        may_read: named(&args.may_read),
        may_publish: named(&args.may_publish),
        log_level: args.log_level,
    };
    let (config, effective) = ServeConfig::resolve(flags, &globals.sources()?)?;
    if args.print_config {
        let effective = config::with_chosen(effective, &daemon::chosen(&config));
        return if args.json {
            print(format_args!("{}\n", config::as_json(&effective)))
        } else {
            print(config::as_toml(&effective))
        };
    }
    Ok(daemon::run(&config)?)
}
