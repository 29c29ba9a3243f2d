//! The HTTP sidecar: the replaced service's routes, in a process of its own.
//!
//! A front guard owns the public listener and answers single predictions itself, when it can do so
//! at once; tiny_http serves everything else, unmodified, behind it on a Unix socket that nobody
//! else can reach. Guard and handlers predict as ordinary clients of the engine's shared memory.
//! It may never touch another client's ring, nor run on the worker's core: whatever happens here,
//! the engine's worker does not notice. [`run`] is the whole interface;
//! docs/http.md lists routes, limits and metrics.

mod backend;
mod batch_request;
mod cards;
mod connection_limits;
mod direct;
mod features;
mod guard;
mod handler;
mod life;
mod limits;
mod method;
mod metrics;
mod plot;
mod routes;
mod views;
mod wire;

use crate::log;
use crate::sys::{hidden, process};
use cards::Cards;
use connection_limits::ConnectionLimits;
use direct::Direct;
use factord_core::channel;
use factord_core::counters::Observer;
use factord_core::sys::{sched, socket};
use guard::{Guard, Parts};
use handler::Shared;
use life::Pulse;
use limits::{BIND_PATIENCE, CONNECTION_BACKLOG, HANDLER_COUNT};
use metrics::Metrics;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};
use thiserror::Error;

/// What the sidecar needs to know.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// The public address; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The engine's control socket; `None` looks for it by the rule of
    /// [`factord_core::channel::socket_path`].
    pub socket: Option<PathBuf>,
    /// A child of `factord serve`: ends with its standard input, ignores signals, and says that it
    /// is ready in one line of JSON.
    pub supervised: bool,
}

/// Why the sidecar cannot serve.
#[derive(Debug, Error)]
pub enum HttpError {
    /// The public address is not to be had.
    #[error("cannot listen on {listen}: {source}; choose another with --listen")]
    Listen {
        /// The address asked for.
        listen: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// The system refused something that serving needs.
    #[error("cannot serve http: {0}")]
    Io(#[from] io::Error),
    /// The server behind the guard did not start.
    #[error("cannot serve http: {0}")]
    Server(String),
    /// The server behind the guard ended by itself.
    #[error("the http server ended by itself")]
    ServerEnded,
}

/// Serves HTTP until SIGTERM, SIGINT or, when supervised, the end of standard input. The process
/// is meant to end after it: handler threads are not waited for.
///
/// # Errors
///
/// [`HttpError`] when it cannot start, or the server behind the guard ends by itself.
pub fn run(config: &HttpConfig) -> Result<(), HttpError> {
    if config.supervised {
        // One that is stopped would not see the end of its standard input, and keep the port.
        process::die_with_parent()?;
    }
    let (stop, stopper) = UnixStream::pair()?;
    life::watch_signals(config.supervised, stopper.try_clone()?)?;
    let socket = channel::socket_path(config.socket.as_deref());
    leave_hot_cores(&socket);
    let listen_error = |source| HttpError::Listen { listen: config.listen, source };
    let listener = bind(config).map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;

    let (hidden_listener, hidden_address) = hidden::listen()?;
    let server = tiny_http::Server::from_listener(hidden_listener, None)
        .map_err(|error| HttpError::Server(error.to_string()))?;
    let metrics = Arc::new(Metrics::new());
    let cards = Arc::new(Cards::new(socket.clone()));
    let shared = Arc::new(Shared { socket, cards, metrics: Arc::clone(&metrics) });
    let ended = spawn_handlers(Arc::new(server), &shared, stopper)?;

    let direct = Direct::start(&shared)?;
    let pulse = Pulse::start(config.supervised)?;
    let mut guard = Guard::new(Parts {
        listener,
        address: hidden_address,
        stop,
        supervised: config.supervised,
        limits: connection_limits(),
        metrics,
        direct,
        pulse,
    })?;
    announce(address, config.supervised);
    if let Some(warning) = exposed(address) {
        tracing::warn!("{warning}");
    }
    guard.run()?;
    if ended.get().is_some() { Err(HttpError::ServerEnded) } else { Ok(()) }
}

/// Takes the public address. A child of a daemon that was started again at once may meet the last
/// one's child, which is about to end.
fn bind(config: &HttpConfig) -> io::Result<TcpListener> {
    let end = Instant::now() + BIND_PATIENCE;
    loop {
        match TcpListener::bind(config.listen) {
            Err(error)
                if error.kind() == ErrorKind::AddrInUse
                    && config.supervised
                    && Instant::now() < end =>
            {
                thread::sleep(Duration::from_millis(10));
            }
            listener => {
                let listener = listener?;
                // The library's 128 overflow in a storm of connects, and whoever is left out
                // comes again only after a second.
                socket::listen_again(&listener, CONNECTION_BACKLOG)?;
                return Ok(listener);
            }
        }
    }
}

/// What to say of an address that other machines may reach.
fn exposed(address: SocketAddr) -> Option<String> {
    (!address.ip().to_canonical().is_loopback()).then(|| {
        format!(
            "http on {address} may be reached by other machines: it asks nobody who they are and \
             encrypts nothing; let a proxy in front do both, or listen on 127.0.0.1"
        )
    })
}

/// Starts the handlers. When one finds the server ended, it says so and stops the guard.
fn spawn_handlers(
    server: Arc<tiny_http::Server>,
    shared: &Arc<Shared>,
    stopper: UnixStream,
) -> io::Result<Arc<OnceLock<()>>> {
    let ended = Arc::new(OnceLock::new());
    let stopper = Arc::new(stopper);
    for index in 0..HANDLER_COUNT {
        let (server, shared) = (Arc::clone(&server), Arc::clone(shared));
        let (ended, stopper) = (Arc::clone(&ended), Arc::clone(&stopper));
        thread::Builder::new().name(format!("http-{index}")).spawn(move || {
            handler::run(&server, &shared);
            ended.get_or_init(|| ());
            // A guard that is gone already does not need to be stopped.
            let _ = (&*stopper).write(&[0]);
        })?;
    }
    Ok(ended)
}

/// Leaves the cores of the engine's workers, if the engine is there and another core is allowed.
fn leave_hot_cores(socket: &Path) {
    let Ok(observer) = Observer::attach(Some(socket)) else { return };
    let hot: Vec<usize> =
        observer.snapshot().workers.iter().filter_map(|worker| worker.core).collect();
    let Ok(allowed) = sched::allowed_cpus() else { return };
    let rest: Vec<usize> = allowed.into_iter().filter(|cpu| !hot.contains(cpu)).collect();
    if !rest.is_empty() {
        // Refused, the system's scheduler decides, as without this.
        let _ = sched::allow_cpus(&rest);
    }
}

/// The connections that the limit of descriptors allows.
fn connection_limits() -> ConnectionLimits {
    // 1,024: the usual soft limit, should the real one not be known.
    let limit = sched::raise_descriptor_limit().unwrap_or(1024);
    ConnectionLimits::within(usize::try_from(limit).unwrap_or(usize::MAX))
}

fn announce(address: SocketAddr, supervised: bool) {
    if !supervised && let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::warn!("the service manager was not notified: {error}");
    }
    let line = if supervised {
        format!("{{\"ready\":\"http://{address}\"}}\n")
    } else {
        format!("http: http://{address}\n")
    };
    log::announce(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_reach_is_told() {
        for text in ["0.0.0.0:5000", "[::]:5000", "192.0.2.1:80", "[2001:db8::1]:80"] {
            let warning = exposed(text.parse().unwrap()).expect(text);
            assert!(warning.contains(text) && warning.contains("asks nobody"), "{warning}");
        }
        for text in ["127.0.0.1:5000", "127.9.9.9:1", "[::1]:5000", "[::ffff:127.0.0.1]:80"] {
            assert_eq!(exposed(text.parse().unwrap()), None, "{text}");
        }
    }
}
