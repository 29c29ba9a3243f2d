//! The words of the protocol and the rings, without a daemon: whatever bytes a peer writes.

mod images;
mod layout;
mod messages;
mod rings;
mod tables;
