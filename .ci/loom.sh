# Every interleaving of the protocols that share memory, by loom; in a target folder of its own,
# since the flag rebuilds everything.
# Loom tries all there are, so that sources that passed pass again: those of `.ci/loom.passed` are not tried
# again. `.ci/loom.sh --update` tries them, and writes that file.
source "$(dirname "$0")/lib.sh"
mapfile -t judged < <(cd crates && LC_ALL=C find core/Cargo.toml core/src/{lib,sync,abi,ring,tap,row,model}.rs \
  core/src/{abi,ring,tap,model} eval/src -type f | LC_ALL=C sort | sed 's|^|crates/|')
judged=(.ci/loom.passed "${judged[@]}")
if [ "${1:-}" != --update ] && unchanged "${judged[@]}"; then
  echo "what loom tries is what passed before"
  exit
fi
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/loom"
log=$(mktemp)
trap 'rm "$log"' EXIT
# The tests have `loom` in their path.
RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 \
  cargo test --release --locked --package factord-core --lib loom 2>&1 | tee "$log"
# A check that ran on nothing fails.
grep -Eq '^test result: ok. [1-9]' "$log"
if [ "${1:-}" = --update ]; then
  keep "${judged[@]}"
fi
