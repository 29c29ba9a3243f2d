//! Model artifacts.
