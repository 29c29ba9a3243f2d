# The metrics of a running daemon, by Prometheus's own checker.
source "$(dirname "$0")/lib.sh"
need promtool prometheus
need curl curl
factord=$(binary)
folder=$(mktemp -d)
"$factord" serve --listen 127.0.0.1:0 --socket "$folder/factord.sock" >"$folder/out" 2>"$folder/log" &
daemon=$!
trap 'kill "$daemon" 2>/dev/null; wait "$daemon" || true; rm -r "$folder"' EXIT
url=
for _ in $(seq 100); do
  url=$(grep -o 'http://[0-9.:]*' "$folder/out" | head -n 1 || true)
  if [ -n "$url" ]; then break; fi
  sleep 0.1
done
if [ -z "$url" ]; then
  echo "the daemon was not ready within 10 s:"
  cat "$folder/out" "$folder/log"
  exit 1
fi
curl -sSf "$url/predict/regression/0.5/0.2/0.3" >/dev/null
curl -sSf "$url/metrics" >"$folder/metrics"
echo "$(grep -vc '^#' "$folder/metrics") samples"
grep -q '^factord_' "$folder/metrics"
promtool check metrics <"$folder/metrics"
