# Formatting, by rustfmt.toml.
source "$(dirname "$0")/lib.sh"
cargo fmt --all --check
