//! The factor engine against its definitions.

mod naive;
mod rows;
