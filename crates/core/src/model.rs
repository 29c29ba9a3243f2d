//! The models of an engine: the [`cell`] through which the worker gets them, and the region
//! ([`shared`]) in which clients see them. What a model is, and what it makes of features, is
//! [`factord_eval`]'s.

pub mod cell;
pub mod shared;
