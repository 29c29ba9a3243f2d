//! Promises of docs/specification.md that cross the parts: what a service manager, a terminal, an
//! operator or a client of another build relies on.

#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/data.rs"]
mod data;
#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/harness.rs"]
mod harness;
#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/wire.rs"]
mod wire;

mod documents;
mod echo;
#[cfg(target_arch = "x86_64")]
mod environment;
mod local;
mod service;
mod strangers;
mod tools;
