//! Files that are there whole or not at all, also when their writer is killed.
//!
//! [`WholeFile`] has no name until it is whole; [`write()`] does so with bytes that are at hand;
//! [`write_together`] lets several files appear by one rename; [`scratch`] never has a name.

mod file;
mod nameless;
mod together;

pub use file::{WholeFile, write};
pub use nameless::scratch;
pub use together::{Failed, finish, write_together};
