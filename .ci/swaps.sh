# 100,000 swaps among three versions under four clients, with a damaged file in the middle; how many changes a
# second a store takes; and 500 writers of a store killed beside a daemon. Prints the figures.
#   FACTORD_TEST_CHART=docs/swaps.svg .ci/swaps.sh    also draws the distributions of round trips
source "$(dirname "$0")/lib.sh"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo test --release --locked --test engine -- --ignored --test-threads 1 --nocapture \
  swaps:: published:: | tee "$log"
[ "$(grep -c '^figure: ' "$log")" = 5 ] || { echo "not all figures were measured"; exit 1; }
