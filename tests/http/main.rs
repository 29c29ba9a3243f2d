//! The HTTP sidecar against the real binary: the replaced service's contract, the protocol's
//! edges, and the eleven attacks, each while the engine goes on answering.

mod attacks;
mod batches;
mod chunked;
mod direct;
mod experiments;
mod forests;
mod harness;
mod life;
mod limits;
mod models;
#[path = "../engine/ports.rs"]
mod ports;
mod protocol;
mod replay;
mod sidecar;
mod stalls;
