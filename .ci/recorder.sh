# The recorder on a machine of its own: a million answers a second for a minute, and flat out; then 100 of
# it killed, whose files pyarrow, DuckDB and `factord audit verify` read whole. Prints the figures.
#   FACTORD_TEST_RATE=100000 FACTORD_TEST_SECONDS=10 .ci/recorder.sh    on a smaller machine
source "$(dirname "$0")/lib.sh"
need python3 python3
python3 -c 'import ensurepip, venv' 2>/dev/null || need no-such-command python3-venv
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo test --release --locked --test engine -- --exact --test-threads 1 --nocapture \
  --ignored recording::a_million_answers_a_second_for_a_minute_are_recorded | tee "$work/load"
mkdir "$work/kept"
FACTORD_TEST_KEEP="$work/kept" cargo test --release --locked --test engine -- --exact --nocapture \
  recorded::a_recorder_that_is_killed_leaves_whole_files_and_the_next_one_counts_the_gap | tee -a "$work/load"
verified=$("$(binary)" audit verify "$work/kept/audit" --store "$work/kept/store")
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'duckdb>=1.4' 'pyarrow>=14'
read=$("$work/venv/bin/python" .ci/recorder_read.py "$work/kept/audit")

# All of it once more, a figure a line.
grep '^figure: ' "$work/load"
printf 'figure: audit verify of what the killed ones left: %s\nfigure: %s\n' "$verified" "$read"
[ "$(grep -c '^figure: ' "$work/load")" = 3 ] || { echo "not all figures were measured"; exit 1; }
