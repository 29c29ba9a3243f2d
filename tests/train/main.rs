//! `factord train`: what it fits, how it tests, what it refuses, and that what it writes is served.

mod figures;
mod fits;
mod killed;
mod market;
mod refusals;
mod returns;
mod served;
mod settings;
mod skill;
mod support;
