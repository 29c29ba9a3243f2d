# Instructions a request, counted by callgrind: more than 3 % above the committed baseline fails, and so does
# far less than it.
# `.ci/callgrind.sh --update` writes the baseline anew; the commit that does so says why.
source "$(dirname "$0")/lib.sh"
need valgrind valgrind

baseline=benches/callgrind.baseline
count=10240
cases=(ring-linear ring-logistic ring-linear-many ring-logistic-many
  eval-linear eval-logistic eval-wide)

cargo build --release --locked --bench callgrind >&2
program=$(cargo build --release --locked --bench callgrind --message-format=json 2>/dev/null |
  grep -o '"executable":"[^"]*/callgrind-[^"]*"' | cut -d '"' -f 4)

out=$(mktemp)
trap 'rm "$out"' EXIT
measured=
for case in "${cases[@]}"; do
  # Collected is what the marked functions and the worker's service execute, and nothing else.
  timeout 900 valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
    --toggle-collect='callgrind::counted_*' --toggle-collect='factord_core::worker::Worker::serve*' \
    "$program" "$case" "$count" >"$out" 2>&1 || { cat "$out"; exit 1; }
  collected=$(sed -n 's/.*Collected : \([0-9]*\)$/\1/p' "$out")
  measured+=$(awk -v c="$case" -v i="$collected" -v n="$count" \
    'BEGIN { printf "%s %.2f", c, i / n }')$'\n'
done

if [ "${1:-}" = --update ]; then
  printf '# Instructions a request, by .ci/callgrind.sh --update (%s, AVX2 %s).\n%s' \
    "$(rustc --version | cut -d ' ' -f 1,2)" "$(grep -cm 1 avx2 /proc/cpuinfo || true)" \
    "$measured" >"$baseline"
  cat "$baseline"
  exit
fi

grep -v '^#' "$baseline" | awk -v measured="$measured" '
  BEGIN {
    count = split(measured, lines, "\n")
    for (i = 1; i <= count; i++) { split(lines[i], word, " "); now[word[1]] = word[2] }
    printf "%-20s %10s %10s %8s\n", "instructions", "baseline", "now", "change"
  }
  {
    if (!(now[$1] > 0)) { printf "%-20s was not measured\n", $1; bad++; next }
    change = 100 * (now[$1] / $2 - 1)
    more = (change > 3)
    # Far less is a function that is collected no longer, until the baseline says otherwise.
    less = (change < -20)
    printf "%-20s %10.2f %10.2f %+7.2f %%%s\n", $1, $2, now[$1], change,
      (more ? "  MORE" : less ? "  LESS" : "")
    bad += more + less
    seen++
  }
  END {
    # A check that ran on nothing fails.
    if (!seen) { print "the baseline names no case"; exit 1 }
    if (bad) {
      print "over 3 %: make it less, or update the baseline and say why;"
      print "under -20 %: see that all is collected, and update the baseline"
      exit 1
    }
  }'
