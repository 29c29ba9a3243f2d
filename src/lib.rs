//! `factord`: the engine's wiring, the HTTP sidecar and the command line.
//!
//! What a client links is in [`factord_core`] and [`factord_eval`], and for factors in
//! [`factord_factors`]; what a quant runs is in [`factord_quant`]. The floors, from the ground:
//! [`log`], [`sys`]; [`config`], [`measure`], [`http`]; [`control`]; [`daemon`]; [`exit`];
//! [`tool`].

pub mod config;
pub mod control;
pub mod daemon;
pub mod exit;
pub mod http;
pub mod log;
pub mod measure;
pub mod sys;
pub mod tool;
