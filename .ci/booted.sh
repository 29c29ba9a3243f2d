# The units under a booted systemd: users let in and refused, storms without a bite of the watchdog,
# bites where something stands still, reload and stop; a store, a recorder and a pilot beside it. The host's /usr is booted as a container.
source "$(dirname "$0")/lib.sh"
binds=(--bind-ro="$PWD/models:/opt/models")
# shellcheck source=.ci/container.sh
source "$(dirname "$0")/container.sh"
inside systemctl start factord.socket factord.service factord-http.service || fail "the units do not start"
group=$(inside getent group factord | cut -d : -f 3)
eventually 10 health || fail "the sidecar is not healthy"

[ "$(inside "${predict[@]}")" = 0.500053855850386 ] || fail "root is not answered"
[ "$(as 4242 "$group" "${predict[@]}")" = 0.500053855850386 ] || fail "an allowed user is not answered"
if as 4343 "$group" "${predict[@]}" 2>"$work/stranger"; then fail "a stranger is answered"; fi
grep -q '4343' "$work/stranger" || fail "the refusal does not name the user: $(cat "$work/stranger")"
# A client of another PID namespace: this one.
root=/proc/$leader/root
outside=$("$factord" --socket "$root"/run/factord/factord.sock "${predict[@]:3}") ||
  fail "a client of another PID namespace is not answered"
[ "$outside" = 0.500053855850386 ] || fail "another PID namespace is answered $outside"
echo "users: root, an allowed one and another PID namespace answered, a stranger refused by name"

seconds=12
# storm UID STORM...: the interpreter need not be inside, the storm starts here and goes there.
storm() {
  nsenter --target "$leader" --pid --ipc --net python3 tests/booted/storm.py \
    "$root" /run/factord/factord.sock $seconds "$1" "$group" "${@:2}" &
  storms+=($!)
}
# What an allowed user and a stranger did to the watchdog when each of these kept the engine busy.
storm 4242 greetings greetings greetings greetings reloads
storm 4343 silence silence silence
answered=0 slowest=0
while kill -0 "${storms[0]}" 2>/dev/null || kill -0 "${storms[1]}" 2>/dev/null; do
  start=$(date +%s%N)
  inside "${predict[@]}" >/dev/null || fail "a client of root is not answered during the storms"
  took=$((($(date +%s%N) - start) / 1000000))
  slowest=$((took > slowest ? took : slowest)) answered=$((answered + 1))
done
for storm in "${storms[@]}"; do wait "$storm" || fail "a storm broke off"; done
[ "$(restarts factord)" = 0 ] || fail "the engine was restarted $(restarts factord) times during the storms"
[ "$answered" -gt 0 ] || fail "nobody asked during the storms"
[ "$slowest" -le 1500 ] || fail "a client needed $slowest ms during the storms"
echo "storms: $seconds s of two users, $answered clients of root answered, the slowest process took $slowest ms, 0 restarts"

inside systemctl reload factord || fail "reload"
for unit in factord factord-http; do
  before=$(pid $unit)
  inside kill -STOP "$before"
  replaced() { [ "$(pid $unit)" != "$before" ] && [ "$(pid $unit)" != 0 ]; }
  eventually 20 replaced || fail "$unit stands still and is not replaced"
  echo "watchdog: $unit stood still and was replaced"
done
eventually 10 inside "${predict[@]}" || fail "no answer after the watchdog's bite"
eventually 10 health || fail "the sidecar is not healthy after the watchdog's bite"

start=$(date +%s%N)
inside systemctl stop factord-http.service factord.service
took=$((($(date +%s%N) - start) / 1000000))
[ "$took" -le 2500 ] || fail "stopping took $took ms"
echo "stop: $took ms"

# A store that its user has made: the engine changes it when it is asked, and all that was answered until
# the end is in the recorder's files.
store=/var/lib/factord/store
printf '%s\n' FACTORD_ALLOW_UIDS=4242 FACTORD_TAP=65536 FACTORD_AUDIT_LOCAL=refuse FACTORD_MODELS=$store >"$work/default"
as "$(inside id -u factord)" "$group" /opt/factord model publish /opt/models/regression.fmodel \
  --promote --models $store >/dev/null || fail "no store is made"
inside systemctl start factord.socket factord-record.service factord.service factord-pilot.service ||
  fail "the units with a store do not start"
recording() { inside journalctl --no-pager --unit=factord-record | grep -q 'recording epoch'; }
eventually 10 recording || fail "nothing is recorded"
asked=20
for _ in $(seq $asked); do inside "${predict[@]}" >/dev/null || fail "no answer from a store"; done
inside /opt/factord --socket /run/factord/factord.sock model pin regression >/dev/null ||
  fail "the engine does not change its store"
inside systemctl stop factord-record.service factord-pilot.service factord.service
for unit in factord factord-pilot; do
  [ "$(restarts $unit)" = 0 ] || fail "$unit was started $(restarts $unit) times again"
done
verified=$(inside /opt/factord audit verify /var/lib/factord/audit --store $store) || fail "the files: $verified"
grep -q "\b$asked rows" <<<"$verified" || fail "not $asked rows: $verified"
inside grep -q '"pin"' $store/ledger || fail "the ledger does not tell of the pin"
echo "store: $asked answers asked before all was stopped, all in the files; changed at the control socket"
