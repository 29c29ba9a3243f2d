//! The Rust client of `factord`: predictions through shared memory.
//!
//! A [`Client`] is a channel to the daemon. After [`Client::attach`] a call makes no system call,
//! takes no lock and allocates nothing while the engine answers. There are five ways to ask.
//!
//! # One row, waiting
//!
//! [`Client::predict`] publishes a request and waits for its answer, at most until a deadline.
//!
//! ```no_run
//! use factord_client::{AttachOptions, Client};
//! use std::time::Duration;
//!
//! let mut client = Client::attach(&AttachOptions::default())?;
//! let model = client.model("regression").ok_or("not served")?.id;
//! let answer = client.predict(model, &[0.5, 0.2, 0.3], Duration::from_millis(10))?;
//! println!("{} by generation {}", answer.y, answer.generation);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Never waiting
//!
//! [`Client::submit`] publishes and returns a ticket; [`Client::poll`] takes the next answer when
//! it is there. Answers come in the order of submission. The ring's slots limit the number of
//! requests in flight; one more is [`PredictError::BackPressure`] and changes nothing.
//!
//! ```no_run
//! # use factord_client::{AttachOptions, Client};
//! # let mut client = Client::attach(&AttachOptions::default())?;
//! # let model = client.model("regression").ok_or("not served")?.id;
//! let ticket = client.submit(model, &[0.5, 0.2, 0.3])?;
//! // ... the work of a market-data handler ...
//! if let Some((answered, answer)) = client.poll()? {
//!     assert_eq!(answered, ticket);
//!     println!("{}", answer?.y);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Client::poll_many`] takes all that are there at once.
//!
//! # Many rows
//!
//! [`Client::predict_batch`] keeps the ring full, and a ring of many slots makes it fast. A bad row
//! affects only its own entry.
//!
//! ```no_run
//! # use factord_client::{AttachOptions, Client, PredictError};
//! # use std::time::Duration;
//! let mut client = Client::attach(&AttachOptions { slot_count: 256, ..Default::default() })?;
//! # let model = client.model("regression").ok_or("not served")?.id;
//! let rows = [0.5, 0.2, 0.3, /* the second row */ 0.4, f64::NAN, 0.1];
//! let mut answers = [Err(PredictError::Deadline); 2];
//! client.predict_batch(model, &rows, &mut answers, Duration::from_secs(1))?;
//! assert!(answers[0].is_ok());
//! assert_eq!(answers[1], Err(PredictError::BadInput));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Several models
//!
//! [`Client::predict_each`] asks several models about one row, whose requests travel together.
//!
//! ```no_run
//! # use factord_client::{AttachOptions, Client, PredictError};
//! # use std::time::Duration;
//! # let mut client = Client::attach(&AttachOptions::default())?;
//! let number = |name| client.number(name).ok_or("not served");
//! let models = [number("regression")?, number("classification")?];
//! let mut answers = [Err(PredictError::Deadline); 2];
//! client.predict_each(&models, &[0.5, 0.2, 0.3], Duration::from_millis(10), &mut answers)?;
//! println!("{} {}", answers[0]?.y, answers[1]?.y);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # In this process
//!
//! [`Client::predict_local`] evaluates the daemon's active model here: the same bits, and no cache
//! line moves. Swaps of the model are seen at once. Parameters of more than eight features come as
//! a file of their own; [`Client::fetch`] waits for it. A second after the engine's last heartbeat
//! local calls answer no more.
//!
//! ```no_run
//! # use factord_client::{AttachOptions, Client};
//! # use std::time::Duration;
//! # let mut client = Client::attach(&AttachOptions::default())?;
//! # let model = client.model("regression").ok_or("not served")?.id;
//! let x = [0.5, 0.2, 0.3];
//! let ring = client.predict(model, &x, Duration::from_millis(10))?;
//! let local = client.predict_local(model, &x)?;
//! assert_eq!(local.y.to_bits(), ring.y.to_bits());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which version answers
//!
//! A name can be served by several versions: a deployment divides its requests among them. A unit
//! key (of a symbol, an order, a strategy) keeps all requests of one unit with one version:
//! [`Client::predict_keyed`] and its like take one. Each answer names the artifact that gave it, by
//! [`Prediction::fingerprint`]. A number that is pinned to an artifact accepts its answers alone:
//!
//! ```no_run
//! # use factord_client::{AttachOptions, Client, PredictError};
//! # use std::time::Duration;
//! # let mut client = Client::attach(&AttachOptions::default())?;
//! # let deadline = Duration::from_millis(10);
//! let row = client.model("regression").ok_or("not served")?;
//! let answer = client.predict_keyed(row.id, 4711, &[0.5, 0.2, 0.3], deadline)?;
//! assert_eq!(answer.fingerprint, row.fingerprint());
//! let pinned = client.pin("regression", &row.sha256)?;
//! if client.predict(pinned, &[0.5, 0.2, 0.3], deadline) == Err(PredictError::OtherVersion) {
//!     println!("somebody has deployed another one");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # From trades
//!
//! [`factors`] makes the three features out of trades, with the code of `factord factors` and
//! `factord replay`. [`Factors`](factors::Factors) take the trades of one symbol and give a row
//! whenever a window closes, or on demand; a [`Book`](factors::Book) does so for many symbols. They
//! need no daemon, and allocate nothing for a trade once they are warm.
//!
//! ```
//! use factord_client::factors::{Factors, Settings, Side, Trade, Window};
//!
//! let settings = Settings { window: Window::time(1_000_000_000), ..Settings::default() };
//! let mut factors = Factors::new(&settings)?;
//! let mut rows = Vec::new();
//! factors.push(&Trade::new(0, 10.0, 300.0, Side::Buy), &mut |row| rows.push(*row));
//! factors.push(&Trade::new(500_000_000, 10.0, 100.0, Side::Sell), &mut |row| rows.push(*row));
//! assert_eq!(factors.now().buy_rate, 0.75);
//! // A trade of the next second closes the window; its triple is what a model takes:
//! // `client.predict(model, &rows[0].features(), deadline)`.
//! factors.push(&Trade::new(1_000_000_000, 10.0, 100.0, Side::Sell), &mut |row| rows.push(*row));
//! assert_eq!(rows[0].features(), [0.75, 0.0, 0.0]);
//! # Ok::<(), factord_client::factors::SettingsError>(())
//! ```
//!
//! A model is only right on windows like those it was trained on. Its artifact states their
//! settings where it knows them, and [`Settings::require`](factors::Settings::require) compares;
//! the crate `factord-models`, without its features, reads artifacts.
//!
//! ```
//! use factord_client::factors::Settings;
//! use factord_models::file::Artifact;
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/regression.fmodel");
//! let model = Artifact::load(path.as_ref())?;
//! Settings::default().require(model.settings())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When the engine dies
//!
//! The client reattaches by itself and republishes its unanswered requests; a caller sees an error
//! only after its own deadline, and [`Prediction::epoch`] tells the engines apart.
//!
//! # Threads
//!
//! A [`Client`] is `Send` but not `Sync`: a ring has one producer and one consumer, so each thread
//! has its own client, or hands it on.
//!
//! ```no_run
//! # use factord_client::{AttachOptions, Client};
//! let client = Client::attach(&AttachOptions::default())?;
//! std::thread::spawn(move || client.epoch());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```compile_fail,E0277
//! # use factord_client::{AttachOptions, Client};
//! let client = Client::attach(&AttachOptions::default())?;
//! std::thread::scope(|scope| scope.spawn(|| client.epoch()).join());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The code lives in `factord-core`, `factord-eval` and `factord-factors`, which the daemon uses
//! too; no HTTP and no command-line crate is in this crate's dependency tree.

#![warn(missing_docs)]

pub use factord_core::channel::{AttachError, Refusal, socket_path};
pub use factord_core::client::{
    Answer, AttachOptions, Client, Kind, ModelRow, PinError, PredictError, Prediction,
};
pub use factord_core::counters::{Observer, Snapshot};
pub use factord_core::idle::IdleStrategy;
pub use factord_core::region::OpenError;
pub use factord_factors as factors;

const fn is_send<T: Send>() {}

// A client moves between threads; that two share one is what the last example cannot do.
const _: () = is_send::<Client>();
