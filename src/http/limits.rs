//! Every limit of the HTTP side, in one place; docs/http.md lists them.

use std::time::Duration;

/// Bytes of a request's head, with its request line and the empty line.
pub(crate) const HEAD_LEN_MAX: usize = 8 * 1024;
/// Header lines of a request.
pub(crate) const HEADER_COUNT_MAX: usize = 64;
/// Bytes of a body, but for the batch route.
pub(crate) const BODY_LEN_MAX: usize = 64 * 1024;
/// Bytes of a body of the batch route.
pub(crate) const BATCH_BODY_LEN_MAX: usize = 2 * 1024 * 1024;
/// Bytes of a chunked body's extensions and trailer, lines' ends included.
// 4 KiB: nobody needs any; half a head leaves room for one whole line in what is read at once.
pub(crate) const CHUNK_EXTRA_LEN_MAX: usize = 4 * 1024;
/// Rows of one batch.
pub(crate) const BATCH_ROW_COUNT_MAX: usize = 10_000;
/// Bytes of a reply that the guard carries.
// 1 MiB: the largest reply, 10,000 rows with two outputs in full decimals, is under 300 KiB.
pub(crate) const REPLY_LEN_MAX: usize = 1024 * 1024;

/// Connections that may wait or be served, health and metrics aside.
pub(crate) const CONNECTION_COUNT_MAX: usize = 512;
/// Connections that the system completes before they are accepted.
// 1,024: a storm of that size loses nobody's first packet; with more, whoever comes last would wait
// for seconds even where a thousand are accepted in each.
pub(crate) const CONNECTION_BACKLOG: i32 = 1024;
/// Connections beyond those, kept for /health and /metrics; [`super::connection_limits`] says what
/// few descriptors make of both.
pub(crate) const RESERVED_COUNT_MAX: usize = 64;
/// Batch requests whose bodies and replies are held at once: 32 bodies fill 64 MiB.
pub(crate) const BATCH_COUNT_MAX: usize = 32;
/// Descriptors left to everything but client connections.
// 64: four connections to the handlers with three ends each, their channels, the logs.
pub(crate) const SPARE_DESCRIPTOR_COUNT: usize = 64;
/// Handler threads, and connections to them.
// NB: 4, the threads that tiny_http keeps for connections. It counts a thread as free until it
// wakes, so that of more connections at once one may wait for ever behind those that stay.
pub(crate) const HANDLER_COUNT: usize = 4;
/// Requests that may be with the handlers at once, health and metrics aside.
pub(crate) const PUBLIC_IN_FLIGHT_MAX: usize = HANDLER_COUNT - 1;

/// From the first byte of a head to its last.
pub(crate) const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// The same on a connection that is kept for /health and /metrics.
pub(crate) const RESERVED_HEAD_DEADLINE: Duration = Duration::from_secs(1);
/// From the end of the head to the end of the body.
pub(crate) const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// From the whole request to the whole answer of a handler.
pub(crate) const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
/// The same for /health and /metrics, so that monitoring gets an answer within 2 s.
pub(crate) const MONITOR_ANSWER_DEADLINE: Duration = Duration::from_millis(1800);
/// For the client to take the reply.
pub(crate) const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// A kept-alive connection without a request.
pub(crate) const IDLE_DEADLINE: Duration = Duration::from_secs(30);
/// A quiet connection may be closed for a new one after this long.
pub(crate) const EVICTABLE_AFTER: Duration = Duration::from_secs(1);
/// For a refused client to stop sending, so that it sees the refusal and not a reset.
pub(crate) const LINGER_DEADLINE: Duration = Duration::from_secs(1);
/// Bytes of a refused request that are read and dropped meanwhile.
pub(crate) const LINGER_LEN_MAX: usize = 256 * 1024;
/// Without descriptors, the pause before the next accept.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// For the requests in flight when the sidecar is asked to end.
pub(crate) const STOP_DEADLINE: Duration = Duration::from_secs(1);
/// From that moment to the end of the process, whatever holds it up.
pub(crate) const END_DEADLINE: Duration = Duration::from_millis(1500);
/// For an address that the child of a daemon that has just died still holds.
pub(crate) const BIND_PATIENCE: Duration = Duration::from_secs(1);
/// Between two signs of life for the daemon, which waits for five.
pub(crate) const SIGN_PAUSE: Duration = Duration::from_secs(1);
/// The longest sleep of the guard while somebody waits for its signs of life.
pub(crate) const GUARD_PAUSE: Duration = Duration::from_millis(500);

/// Bytes of a body that the guard looks at itself.
// 1 KiB: three features take 30 to 90; reading a full one takes some 5 us.
pub(crate) const DIRECT_BODY_LEN_MAX: usize = 1024;
/// First and longest rest of the direct way when it could not answer.
// 1 ms: preparing takes less; 256 ms: four attempts a second while the engine is gone.
pub(crate) const DIRECT_PAUSE: std::ops::Range<Duration> =
    Duration::from_millis(1)..Duration::from_millis(256);

/// For the engine's answer to one prediction.
pub(crate) const ENGINE_DEADLINE: Duration = Duration::from_secs(1);
/// For the engine's answer to a whole batch.
pub(crate) const ENGINE_BATCH_DEADLINE: Duration = Duration::from_secs(2);
/// For the engine's answer to a look at its health.
pub(crate) const ENGINE_HEALTH_DEADLINE: Duration = Duration::from_millis(500);
/// Between two attempts to attach to an engine that did not let us.
pub(crate) const ATTACH_PAUSE: Duration = Duration::from_millis(100);
