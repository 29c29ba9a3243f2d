//! The models of an engine as clients see them: the MODELS region ([`shared`]), and an [`image`]
//! for what does not fit there. What a model is, and what it makes of features, is
//! [`factord_eval`]'s.

pub mod image;
pub mod shared;
