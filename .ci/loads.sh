# The tests of the engine that keep all CPUs busy, one after the other and beside no others, whose deadlines they
# would break. `.ci/forests.sh` runs two of them for longer.
source "$(dirname "$0")/lib.sh"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo test --release --locked --test engine -- --ignored --test-threads 1 --nocapture \
  forests:: heavy:: shelves:: | tee "$log"
[ "$(grep -c '^figure: ' "$log")" = 6 ] || { echo "not all figures were measured"; exit 1; }
