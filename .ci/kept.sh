# The C client as it was when ABI 2.0 was complete, built from that revision, attaches to today's daemon and
# has its answers: a minor, or a new object, breaks no client.
source "$(dirname "$0")/lib.sh"
need gcc gcc
revision=65d8491
if [ "$(git rev-parse --is-shallow-repository 2>/dev/null)" != false ]; then
  echo "NOT RUN: this copy has no history, which holds the client of $revision"
  exit
fi
factord=$(binary)
out=$(mktemp -d)
daemon=
trap 'kill "$daemon" 2>/dev/null || true; wait; rm -rf "$out"' EXIT
for file in factord.c factord.h factord_abi.h examples/basic.c examples/batch.c; do
  git show "$revision:clients/c/$file" >"$out/$(basename "$file")"
done
export FACTORD_SOCKET=$out/control.sock
mkfifo "$out/ready"
LOG_LEVEL=ERROR "$factord" serve --no-http --idle backoff >"$out/ready" &
daemon=$!
timeout 60 sed '/Ctrl-C/q' "$out/ready"
for example in basic batch; do
  gcc -O2 -I"$out" "$out/$example.c" "$out/factord.c" -o "$out/$example"
  timeout 60 "$out/$example" | tee "$out/$example.out"
done
grep -qx '0.50005385585038598 by generation 1' "$out/basic.out"
grep -qx '10000 rows: mean sell rate 0.500104, 4767 high' "$out/batch.out"
echo "the client of $revision is served"
