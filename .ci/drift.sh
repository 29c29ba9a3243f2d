# Drift as a pilot sees it, on simulated order flow with long memory: what share of the windows raises an alarm
# that is none, and that another stock under the same model raises one. With ../shared, on real trades too.
source "$(dirname "$0")/lib.sh"
need python3 python3
factord=$(binary)
out=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$out"' EXIT
export FACTORD_SOCKET=$out/control.sock LOG_LEVEL=ERROR
days=${DRIFT_DAYS:-600}

# table TRADES FLAGS...: the windows of a file of trades.
table() { "$factord" factors "$1" --out "${1%.*}.csv" "${@:2}" >&2; }
# watched NAME WINDOW: serves the model that was trained on NAME.csv, and watches for drift.
watched() {
  "$factord" train "$out/$1.csv" --out "$out/$1-models" --store "$out/$1-store" --publish --name spread --only linear \
    --folds 0 >"$out/train.log" 2>&1 || { cat "$out/train.log"; exit 1; }
  mkfifo "$out/$1-ready" "$out/$1-watching"
  "$factord" serve --no-http --idle backoff --models "$out/$1-store" --tap=65536 >"$out/$1-ready" &
  pids+=($!)
  timeout 60 sed '/Ctrl-C/q' "$out/$1-ready" >/dev/null
  "$factord" pilot --store "$out/$1-store" --json --drift-window "$2" >"$out/$1.jsonl" &
  pids+=($!)
  sleep 1
}
# asked FILE: has the model answer each row.
asked() { timeout 300 "$factord" predict spread --csv "$1" --out "$out/scored.csv" >/dev/null; }
# told NAME: windows, those called drift, alarms so far, and how much shares vary.
told() {
  python3 - "$out/$1.jsonl" <<'PY'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1]) if line.endswith("}\n")]
arm = [line for line in lines if line["event"] in ("look", "end")][-1]["drift"]["spread"][0]
alarms = [line for line in lines if line["event"] == "drift" and line["drift"]]
vary = ", ".join("%s %.1f" % (s["series"], s.get("inflation") or 1) for s in arm["series"])
print(arm["windows"], arm["drifted"], len(alarms), vary)
PY
}
ended() { kill "${pids[@]}" && wait "${pids[@]}" || true; pids=(); }

"$factord" simulate --out "$out/flow.parquet" --symbols 4 --days "$days" --trades 5000 --seed 7 >&2
table "$out/flow.parquet"
rows=$(($(wc -l <"$out/flow.csv") - 1))
head -n $((rows / 2)) "$out/flow.csv" >"$out/first.csv"
{ head -n 1 "$out/flow.csv"; tail -n $((rows / 2)) "$out/flow.csv"; } >"$out/second.csv"
watched first 1000
asked "$out/second.csv"
sleep 2
read -r windows drifted alarms vary < <(told first)
echo "figure: simulated flow, the half that was not trained on, windows of 1,000 rows: $windows windows," \
  "$drifted called drift, $alarms alarms; shares vary $vary times as those of independent rows"
[ "$windows" -ge 30 ] && [ "$drifted" -le $((windows / 20 + 1)) ] ||
  { echo "more alarms than were meant"; exit 1; }
ended

ticks=../shared/ticks
[ -d "$ticks" ] || { echo "NOT RUN: a day of one stock and then of another: $ticks is not there"; exit; }
for stock in 600519.SH 000001.SZ; do
  "$factord" factors "$ticks/${stock}_20230201.csv.gz" --window 5s --out "$out/$stock.csv" >/dev/null 2>"$out/log" ||
    { cat "$out/log"; exit 1; }
done
half=$((($(wc -l <"$out/600519.SH.csv") - 1) / 2))
head -n $((half + 1)) "$out/600519.SH.csv" >"$out/own.csv"
{ head -n 1 "$out/own.csv"; tail -n "$half" "$out/600519.SH.csv"; } >"$out/later.csv"
watched own 200
asked "$out/later.csv"
sleep 2
read -r windows drifted alarms vary < <(told own)
asked "$out/000001.SZ.csv"
sleep 2
read -r all_windows all_drifted all_alarms vary < <(told own)
echo "figure: a model of one stock's morning: its afternoon, $windows windows of 200 rows, $drifted called drift;" \
  "another stock, $((all_windows - windows)) windows, $((all_drifted - drifted)) called drift," \
  "$((all_alarms - alarms)) alarms"
[ "$all_alarms" -gt "$alarms" ] || { echo "another stock is not noticed"; exit 1; }
ended
