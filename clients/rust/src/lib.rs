//! The Rust client of `factord`: predictions through shared memory.
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
//! Pipelined: [`Client::submit`] publishes without waiting, [`Client::poll`] takes the answers in
//! order; [`Client::predict_batch`] keeps the ring full for many rows. When the engine dies the
//! client attaches again by itself and publishes its unanswered requests once more; a caller sees
//! an error only past its own deadline. A [`Client`] is `Send` and not `Sync`: one a thread.
//!
//! The code lives in the `factord` package, which the daemon's own tools use too; this crate takes
//! it without the daemon, so no HTTP and no command-line crate is in its dependency tree.

pub use factord::channel::{AttachError, Refusal, socket_path};
pub use factord::client::{Answer, AttachOptions, Client, ModelRow, PredictError, Prediction};
pub use factord::counters::{Observer, Snapshot};
pub use factord::idle::IdleStrategy;
pub use factord::model::Kind;
