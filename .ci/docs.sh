# The documentation builds without a broken link.
source "$(dirname "$0")/lib.sh"
RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --workspace --no-deps
