# Files and requests that real users had, from ../shared/faults and ../shared/ticks, which are read where they lie: what
# each command prints, and the right value where one is stated; then `factord inspect` on every file there is.
source "$(dirname "$0")/lib.sh"
need python3 python3
need curl curl
shared="${FACTORD_SHARED:-$PWD/../shared}"
files="$shared/faults/files"
if [ ! -d "$files" ]; then
  echo "skipped: there is no $files"
  [ "${CI:-}" != true ]
  exit
fi
factord=$(binary)
repository=$PWD
work=$(mktemp -d)
daemon='' second=''
trap 'kill -INT $daemon $second 2>/dev/null || true; wait; rm -rf "$work"' EXIT
export FACTORD_SOCKET="$work/factord.sock"
cd "$files" || exit

rows=0
# row NAME EXPECTED CODE COMMAND...: what the command prints has the text, and it ends with the code.
row() {
  local name=$1 expected=$2 code=$3 found=0
  shift 3
  "$@" >"$work/said" 2>&1 || found=$?
  rows=$((rows + 1))
  printf '%-11s %s\n' "$name" "$(printf '%s ' "$@" | sed "s|$factord|factord|; s|$work|TMP|g")"
  tail -n 2 "$work/said" | cut -c 1-160 | sed 's/^/            /'
  if [ "$found" != "$code" ] || ! grep -qF -- "$expected" "$work/said"; then
    echo "            FAILED: ended with $found, expected $code and: $expected"
    return 1
  fi
}
windows() { "$factord" factors "$@" --out -; }
# proved NAME SUITE TEST: what only a program can meet, as a test of the project shows it.
proved() {
  row "$1" "1 passed" 0 cargo test --release --locked --quiet --manifest-path "$repository/Cargo.toml" --test "$2" \
    -- --exact "$3"
}

for file in 10_plain 10_lz4 10_brotli; do
  row "files 7" ,1040.0,0.5769230769230769, 0 windows $file.parquet
done
for file in 15_scaled_ridge.pkl 15_scaled_ridge.onnx; do
  row "files 8" golden 0 "$factord" import $file --out "$work/${file#*.}.fmodel"
done
PORT=0 "$factord" serve --idle backoff >"$work/ready" 2>"$work/log" &
daemon=$!
timeout 60 bash -c "until grep -q Ctrl-C '$work/ready'; do sleep 0.1; done"
url=$(grep -o 'http://.*' "$work/ready")
post() { curl -s -w ' %{http_code}\n' -H 'Content-Type: application/json' "$@" "$url/predict/regression"; }
row "files 9" "Content-Encoding gzip is not accepted" 0 post -H 'Content-Encoding: gzip' --data-binary @19_body.json.gz
row "files 9" " 415" 0 post -H 'Content-Encoding: gzip' --data-binary @19_body.json.gz
row "files 10" BTCUSDT,1723161600000000000,1723161660000000000,1,0.1,6000.0,1.0, 0 windows BTCUSDT-trades-2024-08-09.zip
row "files 11" '\u{1b}' 0 "$factord" inspect 23_escape_header.csv
row "files 12" ,185050.0,1.0, 0 windows 24_spaces.csv
row "files 12" "1 no aggressor" 0 windows 24_blank_flag.csv
given="ts=timestamp,symbol=symbol,side=side,qty=size,price=price"
row "files 13" "the file is newest first: give --order newest-first" 65 windows 29_newest_first.csv --columns $given
row "files 13" '"trades":4' 0 "$factord" factors 29_newest_first.csv --columns $given --order newest-first --json \
  --out "$work/newest.csv"
row "files 13" "2 of 5 trades (40 %)" 65 windows 29_two_streams.csv
row "files 13" '"trades":5' 0 "$factord" factors 29_two_streams.csv --order any --json --out "$work/streams.csv"
row "files 13" "40 % of trades (2 of 5) were left out" 0 windows 29_two_streams.csv --late take
for file in 11_uint64_time 11_decimal_price 11_bool_maker; do
  row "files 14" ,1040.0,0.5769230769230769, 0 windows $file.parquet
done
for file in 12_labels_int64.pkl 12_labels_int8.pkl 12_labels_uint8.pkl 12_labels_uint64.pkl 13_plain.pkl \
  13_joblib.joblib 13_joblib_compressed.joblib; do
  row "files 15" "" 0 "$factord" import $file --out "$work/${file%.*}.fmodel"
done
row "files 16" '"prediction":0.500053855850386' 0 post -H 'Transfer-Encoding: chunked' --data-binary @17_body.json
row "files 17" ,26042.25,0.2857279996928069, 0 windows 25_side_a.csv
row "files 18" '"ts_ns":1675215000040000000' 0 "$factord" inspect 28_iso.csv --json
row "files 18" '"ts_ns":1675215000040000000' 0 "$factord" inspect 28_kdb.csv --json
row "files 18" "its first line is data" 65 windows 28_headless_iso.csv

core=$(sed -n 's/.*worker  CPU \([0-9]*\),.*/\1/p' "$work/ready")
row "users 8" "which a worker polls: they take turns; pin it elsewhere" 0 taskset -c "$core" "$factord" ping --rounds 2 --no-floor
mkdir "$work/own"
cp "$work/13_plain.fmodel" "$work/own"
PORT=0 "$factord" serve --socket "$work/second.sock" --idle backoff --models "$work/own" \
  >"$work/ready_2" 2>"$work/log_2" &
second=$!
timeout 60 bash -c "until grep -q Ctrl-C '$work/ready_2'; do sleep 0.1; done"
url_2=$(grep -o 'http://.*' "$work/ready_2")
make -s --no-print-directory -C "$repository/clients/cpp" install OUT="$work/cpp" DESTDIR="$work/stage" PREFIX=/p FACTORS=no
row "users 9" "FACTORD_VERSION" 0 grep -r "define FACTORD_VERSION" "$work/stage/p/include"
row "users 9" "factord.hpp" 0 ls "$work/stage/p/include"
proved "users 10" engine deadlines::answers_that_nobody_waits_for_make_room_by_themselves
row "users 11" "[default: 1]" 0 "$factord" train --help
row "users 12" ",vwap,first,last,log_return" 0 windows 10_plain.parquet
row "users 12" ",10.4,10.0,11.0," 0 windows 10_plain.parquet
row "users 12" ",buy_rate_lag1,buy_rate_mean3," 0 windows 10_plain.parquet --lags 1 --means 3
row "users 13" '"start_ns":1772443500000000000' 0 "$factord" simulate --symbols 2 --days 4 --trades 3000 --start 2026-03-02 \
  --out "$work/trades.csv" --json
row "users 13" "simulated, no market data" 0 "$factord" inspect "$work/trades.csv"
row "users 13" "simulated, no market data" 0 "$factord" factors "$work/trades.csv" --out "$work/table.csv" --lags 1 --json
row "users 12" "return:1 from buy_rate, buy_rate_lag1" 0 "$factord" train "$work/table.csv" --out "$work/models" \
  --target return:1 --features buy_rate,buy_rate_lag1
row "users 13" "simulated data: what holds for them says nothing of a market" 0 "$factord" train "$work/table.csv" \
  --out "$work/models" --target return:1 --features buy_rate,large_buy
row "users 13" '"data":"simulated"' 0 "$factord" model show "$work/models/regression.fmodel" --json
row "users 14" "try: factord predict 13_plain 0.5 0.2 0.3 --socket $work/second.sock" 0 cat "$work/ready_2"
proved "users 17" engine versions::several_models_are_asked_about_one_row_at_once
proved "users 17" engine deadlines::a_first_attach_waits_for_a_daemon_as_long_as_it_is_told
row "users 17" "factord_in_flight" 0 grep factord_in_flight "$repository/clients/c/factord.h"
row "users 17" "factord_poll_many" 0 grep factord_poll_many "$repository/clients/c/factord.h"
row "users 17" "factord_factors_push" 0 grep factord_factors_push "$repository/clients/factors-c/factord_factors.h"
row "users 17" "No wake-up wakes a worker that sleeps" 0 grep "No wake-up" "$repository/ARCHITECTURE.md"
row "users 17" "No huge pages" 0 grep "No huge pages" "$repository/ARCHITECTURE.md"
python="${CARGO_TARGET_DIR:-$repository/target}/python/venv/bin/python"
if [ ! -x "$python" ]; then bash "$repository/.ci/python.sh"; fi
row "users 18" "0.1.0" 0 "$python" -c 'import factord; print(factord.__version__)'
row "users 18" "True 1 [" 0 "$python" -c 'import factord, pickle, sys; model = factord.Model.load(sys.argv[1])
print(pickle.loads(pickle.dumps(model)) == model, model.horizon, model.weights)' "$work/models/regression.fmodel"
# tested TEST...: tests of the Python client.
tested() {
  row "users 18" " passed" 0 env FACTORD_BINARY="$factord" "$python" -m pytest -q -p no:cacheprovider \
    --rootdir "$repository/clients/python" "${@/#/$repository/clients/python/tests/}"
}
tested test_train.py::test_a_path_gives_the_bytes_of_the_command_line \
  test_train.py::test_a_model_keeps_everything_through_pickle_files_and_bytes test_sklearn.py
tested test_client.py::test_errors_name_keywords_and_a_client_shows_how_it_stands
row "users 19" '"rows":' 0 "$factord" score "$work/table.csv" --models "$work/models" --out "$work/scored.csv" --json
for text in "IC (Pearson)" "rank IC (Spearman)" "deciles" "95 %"; do
  row "users 19" "$text" 0 "$factord" evaluate "$work/scored.csv"
done
row "users 20" ",1675214700000000000,1675214760000000000,2," 0 windows 10_plain.parquet --session 09:25-11:30,13:00-15:00 \
  --tz Asia/Shanghai
row "users 16" "FACTORD_SOCKET may be meant" 69 env -u FACTORD_SOCKET FACTORD_SOCKIT=x "$factord" --socket /nowhere stat
row "users L" "a window of 60s every 7s" 64 windows 10_plain.parquet --step 7s
row "users L" "Options of all commands:" 0 "$factord" score --help
mkdir "$work/man"
"$factord" man "$work/man" >/dev/null
row "users L" "EXIT STATUS" 0 grep "EXIT STATUS" "$work/man/factord-score.1"
row "users L" "ENVIRONMENT" 0 grep -A 4 ENVIRONMENT "$work/man/factord-score.1"
row "users L" "FILES" 0 grep -A 4 FILES "$work/man/factord-score.1"
"$factord" completions bash >"$work/completions"
row "users L" "noop spin yield backoff" 0 grep -m 1 -A 2 -e '--idle)' "$work/completions"
row "users L" 'core = 1' 0 taskset -c 0,1 "$factord" serve --print-config
row "users L" "slots  local  attached" 0 "$factord" stat --clients
kill -STOP "$second"
row "users L" "it is stopped (kill -CONT goes on), hangs" 75 "$factord" --socket "$work/second.sock" stat
kill -CONT "$second"
printf 'x0,x1,x2\n0.5,0.2,0.3\n' >"$work/rows.csv"
row "users L" "x0,x1,x2,probability,class" 0 "$factord" --socket "$work/second.sock" predict 13_plain \
  --csv "$work/rows.csv" --out -
proved "users L" cli csv::a_model_of_any_width_and_name_scores_a_file
row "users L" "(for 13_plain)" 65 "$factord" --socket "$work/second.sock" predict 13_plain --csv 05_pandas_index.csv --out -
row "users L" "by generation" 0 grep println "$repository/clients/rust/README.md"
row "users L" "java -cp clients/java/target/factord.jar Hello.java" 0 grep "java -cp" "$repository/clients/java/README.md"
row "users L" "import factord.Client;" 0 grep "^import" "$repository/clients/java/README.md"
row "users L" "public String toString" 0 grep toString "$repository/clients/java/src/factord/Predictions.java"
row "users L" '"trained_at":null,"type":"classification"' 0 curl -s "$url_2/info"
proved "users L" models imports::penalised_linear_models_predict_like_any_other
row "users L" "it has regression, classification" 64 "$factord" predict nobody 1 2 3
row "users L" "models() lists those it does" 0 grep -rh "models() lists" "$repository/crates/core/src" \
  "$repository/clients/java/src"
kill -INT "$second"
wait "$second" || true
kill -INT "$daemon"
wait "$daemon" || true

python3 - "$work" "$factord" <<'END'
import json, subprocess, sys

work, factord = sys.argv[1:]
def model(name):
    shown = subprocess.run([factord, "model", "show", f"{work}/{name}.fmodel", "--json"], check=True, capture_output=True)
    shown = json.loads(shown.stdout)
    return [shown["intercept"], *((x["weight"], x.get("scaler")) for x in shown["features"])]
def flat(values):
    for value in values:
        yield from flat(value.values() if isinstance(value, dict) else value) if isinstance(value, (dict, tuple, list)) else [value or 0.0]
for one, others in {"12_labels_int64": ["12_labels_int8", "12_labels_uint8", "12_labels_uint64"],
                    "13_plain": ["13_joblib", "13_joblib_compressed"]}.items():
    for other in others:
        assert model(one) == model(other), (one, other)
pickle, onnx = list(flat(model("pkl"))), list(flat(model("onnx")))
# ONNX holds float32.
assert len(pickle) == len(onnx) and all(abs(a - b) < 1e-6 * (1 + abs(a)) for a, b in zip(pickle, onnx)), (pickle, onnx)
print("models: labels of every width and dumps of joblib are one model; the pickle and the ONNX agree")
END

looked=0
for file in "$files"/* "$shared"/ticks/*; do
  code=0
  "$factord" inspect "$file" >"$work/said" 2>&1 || code=$?
  # The codes of docs/exit-codes.md that an input file can have.
  case $code in 0 | 65) ;; *) echo "$file: inspect ended with $code" && exit 1 ;; esac
  if python3 -c 'import sys; text = open(sys.argv[1], encoding="utf-8").read()
sys.exit(all(letter.isprintable() or letter == "\n" for letter in text))' "$work/said"; then
    echo "$file: inspect prints what is not printable"
    exit 1
  fi
  looked=$((looked + 1))
done
[ "$looked" -gt 30 ]
echo "strangers: $rows rows, $looked files inspected"
