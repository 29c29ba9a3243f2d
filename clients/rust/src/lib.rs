pub use factord::*;
