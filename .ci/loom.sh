# Every interleaving of the protocols that share memory, by loom; in a target folder of its own,
# since the flag rebuilds everything.
source "$(dirname "$0")/lib.sh"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/loom"
log=$(mktemp)
trap 'rm "$log"' EXIT
# The tests have `loom` in their path.
RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 \
  cargo test --release --locked --package factord-core --lib loom 2>&1 | tee "$log"
# A check that ran on nothing fails.
grep -Eq '^test result: ok. [1-9]' "$log"
