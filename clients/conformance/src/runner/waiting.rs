//! Cases about deadlines while nobody takes connections, about room in the ring, about waiting for
//! a daemon, and about whom to trust; and the call `late`.

use super::answers::{MISSING, next};
use super::attach::{names, refusal};
use super::{PLENTY, SLOTS, Suite, exact, id, options, refused, took};
use crate::fault::{During, Fault, ensure};
use crate::golden_rows::GoldenRow;
use factord_client::{AttachError, AttachOptions, Client, IdleStrategy, PredictError};
use std::io::{self, Write};
use std::path::Path;
use std::thread::yield_now;
use std::time::{Duration, Instant};

/// Everything that does not wait is over by then, on a busy machine too.
const SOON: Duration = Duration::from_millis(500);
const LIMIT: Duration = Duration::from_millis(10);
/// The stranger who owns places and listens at sockets.
const STRANGER: u32 = 65534;

/// The engine takes connections from now on, and answers none.
fn silence(suite: &Suite) -> Result<(), Fault> {
    for verb in ["kill", "start", "stop"] {
        suite.conduct(&[verb])?;
    }
    Ok(())
}

/// Each call beside an engine that neither answers nor takes connections.
fn calls_return(client: &mut Client, model: u16, rows: &[GoldenRow]) -> Result<(), Fault> {
    for row in &rows[..20] {
        let start = Instant::now();
        let ticket = client.submit(model, &rows[0].x);
        took(start, Duration::ZERO, SOON).during("submit")?;
        let said = matches!(ticket, Ok(_) | Err(PredictError::NotConnected));
        ensure(said, || format!("submit: {ticket:?}"))?;
        let start = Instant::now();
        let polled = client.poll();
        took(start, Duration::ZERO, SOON).during("poll")?;
        let said = matches!(polled, Ok(None) | Err(PredictError::NotConnected));
        ensure(said, || format!("poll: {polled:?}"))?;
        let start = Instant::now();
        let answer = client.predict(model, &rows[0].x, LIMIT);
        took(start, LIMIT, SOON).during("predict")?;
        ensure(answer.is_err(), || format!("predict: {answer:?}"))?;
        let start = Instant::now();
        let answer = client.predict_local(model, &row.x);
        took(start, Duration::ZERO, SOON).during("predict_local")?;
        // A second after the last heartbeat the models are nobody's.
        if answer != Err(PredictError::NotConnected) {
            exact(row, answer).during("predict_local")?;
        }
    }
    Ok(())
}

pub(super) fn backlog_full(suite: &Suite) -> Result<(), Fault> {
    let mut client = suite.channel()?;
    let model = id(&client, "regression")?;
    let rows = suite.rows("regression")?;
    exact(&rows[0], client.predict(model, &rows[0].x, PLENTY))?;
    silence(suite)?;
    calls_return(&mut client, model, &rows).during("silent")?;
    suite.conduct(&["fill-backlog"])?;
    calls_return(&mut client, model, &rows).during("full")?;
    let start = Instant::now();
    refusal(&options(&suite.socket))?;
    took(start, Duration::ZERO, PLENTY / 2).during("attach")?;
    suite.conduct(&["continue"])?;
    exact(&rows[1], client.predict(model, &rows[1].x, PLENTY)).map(drop)
}

pub(super) fn reaped(suite: &Suite) -> Result<(), Fault> {
    let mut client = suite.channel()?;
    let model = id(&client, "regression")?;
    let rows = suite.rows("regression")?;
    let inputs: Vec<f64> = rows[..SLOTS].iter().flat_map(|row| row.x.clone()).collect();
    let row = &rows[SLOTS];
    suite.conduct(&["stop"])?;
    let limit = Duration::from_millis(50);
    let outcome = client.predict_batch(model, &inputs, &mut [MISSING; SLOTS], limit);
    ensure(outcome == Err(PredictError::Deadline), || format!("predict_batch: {outcome:?}"))?;
    let full = client.submit(model, &row.x);
    ensure(full == Err(PredictError::BackPressure), || format!("submit: {full:?}"))?;
    suite.conduct(&["continue"])?;
    let end = Instant::now() + PLENTY;
    let ticket = loop {
        match client.submit(model, &row.x) {
            Ok(ticket) => break ticket,
            Err(PredictError::BackPressure) => {}
            Err(error) => return Err(error).during("submit"),
        }
        ensure(Instant::now() < end, || "abandoned answers are in the way".to_owned())?;
    };
    let (answered, answer) = next(&mut client)?;
    ensure(answered == ticket, || "another request's answer".to_owned())?;
    exact(row, answer)?;
    let left = client.poll();
    ensure(left == Ok(None), || format!("one too many: {left:?}"))
}

fn unreachable(options: &AttachOptions) -> Result<(), Fault> {
    let error = refusal(options)?;
    ensure(matches!(error, AttachError::Unreachable { .. }), || format!("{error:?}"))
}

pub(super) fn attach_wait(suite: &Suite) -> Result<(), Fault> {
    let options = options(&suite.socket);
    suite.conduct(&["kill"])?;
    unreachable(&options).during("one try")?;
    let wait = Duration::from_millis(300);
    let start = Instant::now();
    unreachable(&AttachOptions { wait, ..options.clone() }).during("a wait")?;
    took(start, wait, PLENTY / 2)?;
    suite.conduct(&["start-after", "300"])?;
    let mut client = Client::attach(&AttachOptions { wait: PLENTY, ..options }).during("attach")?;
    let model = id(&client, "regression")?;
    let row = &suite.rows("regression")?[0];
    exact(row, client.predict(model, &row.x, PLENTY)).map(drop)
}

/// This package forbids itself the unsafe call that forks: the parent's part alone. The child's is
/// in the engine's tests.
pub(super) fn forked(suite: &Suite) -> Result<(), Fault> {
    let mut client = suite.channel()?;
    let model = id(&client, "regression")?;
    for row in suite.rows("regression")? {
        exact(&row, client.predict(model, &row.x, PLENTY))?;
    }
    Ok(())
}

pub(super) fn untrusted(suite: &Suite) -> Result<(), Fault> {
    for place in ["mode", "link", "owner", "peer"] {
        let socket = suite.conduct(&["untrusted", place])?;
        if socket == "-" {
            continue;
        }
        let options = options(socket.as_ref());
        let error = refusal(&options).during(place)?;
        ensure(matches!(error, AttachError::Untrusted { .. }), || format!("{place}: {error:?}"))?;
        let folder = Path::new(&socket).parent().unwrap_or(Path::new("/"));
        names(&error, &[&folder.to_string_lossy(), "FACTORD_DAEMON_UID"]).during(place)?;
        if matches!(place, "owner" | "peer") {
            let told = AttachOptions { daemon_uid: Some(STRANGER), ..options };
            let mut client = Client::attach(&told).during(place)?;
            let row = &suite.rows("image")?[0];
            exact(row, client.predict(0, &row.x, PLENTY)).during(place)?;
        }
    }
    Ok(())
}

/// What calls are measured, and by when each is to end.
const CALLS: [(&str, Duration); 5] = [
    ("predict", LIMIT),
    ("submit", Duration::ZERO),
    ("poll", Duration::ZERO),
    ("local", Duration::ZERO),
    ("idle", LIMIT),
];

fn call(name: &str, client: &mut Client, model: u16) {
    let x = [0.5, 0.25, 0.125];
    // What they say is not asked here, but when.
    match name {
        "predict" => drop(client.predict(model, &x, LIMIT)),
        "submit" => drop(client.submit(model, &x)),
        "poll" => drop(client.poll()),
        "local" => drop(client.predict_local(model, &x)),
        _ => {
            let end = Instant::now() + LIMIT;
            while Instant::now() < end {
                yield_now();
            }
        }
    }
}

/// Says how late each call ends.
pub(super) fn late(suite: &Suite) -> Result<(), Fault> {
    const ROUNDS: usize = 500;
    let options = AttachOptions { idle: IdleStrategy::Yield, ..options(&suite.socket) };
    let mut client = Client::attach(&options).during("attach")?;
    let model = id(&client, "regression")?;
    refused(client.predict(model, &[f64::NAN; 3], PLENTY), PredictError::BadInput)?;
    silence(suite)?;
    suite.conduct(&["fill-backlog"])?;
    let mut late_ns = [(); CALLS.len()].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        for ((name, limit), late_ns) in CALLS.iter().zip(&mut late_ns) {
            let start = Instant::now();
            call(name, &mut client, model);
            late_ns.push(start.elapsed().saturating_sub(*limit).as_nanos());
        }
    }
    for ((name, _), late_ns) in CALLS.iter().zip(&mut late_ns) {
        late_ns.sort_unstable();
        let (p99, worst) = (late_ns[ROUNDS * 99 / 100], late_ns[ROUNDS - 1]);
        writeln!(io::stdout(), "{name} p99_ns {p99} worst_ns {worst}").during("stdout")?;
    }
    Ok(())
}
