# The test command of the README.
source "$(dirname "$0")/lib.sh"
cargo test --release --locked --workspace
