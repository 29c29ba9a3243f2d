# Lints: warnings are errors, in every target and in the clients.
source "$(dirname "$0")/lib.sh"
cargo clippy --release --locked --workspace --all-targets -- -D warnings
