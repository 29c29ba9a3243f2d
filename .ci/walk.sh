# README's walk from simulated trades to served predictions: its very commands, in an empty folder.
source "$(dirname "$0")/lib.sh"
readme=$PWD/README.md
PATH="$(dirname "$(binary)"):$PATH"
folder=$(mktemp -d)
daemons=()
leave() {
  for daemon in "${daemons[@]}"; do
    kill -INT "$daemon" 2>/dev/null || true
    wait "$daemon" || true
  done
  rm -r "$folder"
}
trap leave EXIT
# Beside other daemons: neither their socket nor their port. The commands stay what they are.
export FACTORD_SOCKET="$folder/factord.sock" PORT=0
mkdir "$folder/walk"
cd "$folder/walk" || exit

# The fenced block after the mark.
mapfile -t commands < <(awk '/^<!-- walk/ { marked = 1 }
  marked && /^```sh/ { inside = 1; next }
  inside && /^```/ { exit }
  inside' "$readme")
declare -A ran=()
for command in "${commands[@]}"; do
  printf '$ %s\n' "$command"
  read -ra words <<<"$command"
  name=${words[1]}
  ran[$name]=$((${ran[$name]:-0} + 1))
  if [ "$name" != serve ]; then
    bash -euo pipefail -c "$command" 2>&1 | tee "$folder/$name.out"
    continue
  fi
  # It runs in a terminal of its own.
  bash -c "exec $command" >"$folder/serve.out" 2>"$folder/serve.log" &
  daemons+=($!)
  for _ in $(seq 300); do
    if grep -q 'is ready' "$folder/serve.out"; then break; fi
    sleep 0.2
  done
  cat "$folder/serve.out"
  if ! grep -q 'is ready' "$folder/serve.out"; then
    echo "the daemon was not ready within a minute:"
    cat "$folder/serve.log"
    exit 1
  fi
done

fail() {
  echo "$1"
  exit 1
}
for name in simulate factors train serve replay; do
  if [ -z "${ran[$name]:-}" ]; then fail "README's walk has no factord $name"; fi
done
grep -q 'no market data' "$folder/simulate.out" || fail "simulate does not say what it is"
test -s models/report.html || fail "there is no report"
windows=$(($(wc -l <predictions.csv) - 1))
if [ "$windows" -lt 1000 ]; then fail "only $windows windows were predicted"; fi
grep -q " $windows windows" "$folder/replay.out" || fail "the summary counts other windows"
# One answer of each model a window, with the bits of the same models without a daemon.
factord factors today.csv.gz --out today.csv
factord score today.csv --out scored.csv --models models --model regression --model classification
cmp predictions.csv scored.csv || fail "replay and score differ"
echo "$windows windows were answered with the bits of factord score"
