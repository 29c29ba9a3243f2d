# Forests of ten megabytes for longer than a test may take: 200 swaps under four clients that evaluate in
# their own processes, and a narrow lane beside a heavy one. Prints the figures.
source "$(dirname "$0")/lib.sh"
export FACTORD_TEST_SWAPS=${FACTORD_TEST_SWAPS:-200} FACTORD_TEST_ROUND_TRIPS=${FACTORD_TEST_ROUND_TRIPS:-20000}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo test --release --locked --test engine -- --ignored --test-threads 1 --nocapture \
  forests::an_image_of_ten_megabytes heavy:: | tee "$log"
[ "$(grep -c '^figure: ' "$log")" = 5 ] || { echo "not all figures were measured"; exit 1; }
