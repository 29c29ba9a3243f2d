# 200 kills and 50 restarts of the engine under a booted systemd that keeps its descriptors, with four
# clients flat out: no answer is lost, wrong or given twice, and all that was kept goes with the clients.
source "$(dirname "$0")/lib.sh"
cargo build --release --locked --test engine >&2
actor=$(cargo build --release --locked --test engine --message-format=json 2>/dev/null |
  grep -o '"executable":"[^"]*/engine-[^"]*"' | cut -d '"' -f 4)
binds=(--bind-ro="$actor:/opt/actor")
# shellcheck source=.ci/container.sh
source "$(dirname "$0")/container.sh"
inside systemctl start factord.socket factord.service || fail "the units do not start"
stored() { inside systemctl show --property=NFileDescriptorStore --value factord; }
# In KiB: what the engine has resident, and all memory files of this machine.
memory() {
  echo "$(inside cat "/proc/$(pid factord)/status" | awk '/^VmRSS/ { print $2 }') KiB of the engine," \
    "$(awk '/^Shmem:/ { print $2 }' /proc/meminfo) KiB shared"
}
holds() { [ "$(stored)" = "$1" ]; }
eventually 10 holds 3 || fail "$(stored) descriptors are kept before a client came"
memory_before=$(memory)

clients=4
for client in $(seq $clients); do
  mkfifo "$work/end$client"
  inside env FACTORD_TEST_ROLE=pipeline FACTORD_TEST_SOCKET=/run/factord/factord.sock \
    FACTORD_TEST_SEED="$client" /opt/actor --exact roles::an_actor_plays_its_role --nocapture \
    <"$work/end$client" >"$work/tale$client" &
done
exec 5>"$work/end1" 6>"$work/end2" 7>"$work/end3" 8>"$work/end4"
eventually 20 holds $((3 + 3 * clients)) || fail "$(stored) descriptors are kept with $clients clients"

replaced() { [ "$(pid factord)" != "$before" ] && [ "$(pid factord)" != 0 ]; }
for round in $(seq 250); do
  # The unit gives up after 100 starts in ten seconds, which a quick host does.
  sleep "0.1$((RANDOM % 10))"
  before=$(pid factord)
  if [ $((round % 5)) = 0 ]; then
    inside systemctl restart factord || fail "restart $round"
  else
    inside kill -KILL "$before"
    eventually 10 replaced || fail "kill $round"
  fi
done
sleep 1
exec 5>&- 6>&- 7>&- 8>&-
for client in $(seq $clients); do
  grep -q '^tale ' "$work/tale$client" || eventually 30 grep -q '^tale ' "$work/tale$client" ||
    fail "client $client does not end: $(cat "$work/tale$client")"
  # Submitted, exact, wrong, late, odd, unknown, epochs, the longest stall in microseconds.
  read -r _ sent exact wrong late odd unknown epochs longest < <(grep '^tale ' "$work/tale$client")
  echo "client $client: $sent asked, $exact exact, $wrong wrong, $late late, $odd odd," \
    "$epochs engines, longest stall $((longest / 1000)) ms"
  [ "$sent" = "$exact" ] && [ "$wrong$late$odd$unknown" = 0000 ] || fail "client $client"
  [ "$epochs" -gt 50 ] || fail "client $client met $epochs engines"
done
attached=$(inside /opt/factord --socket /run/factord/factord.sock stat --json | grep -o '"attached_total":[0-9]*')
[ "$attached" = "\"attached_total\":$clients" ] || fail "clients attached again: $attached"
eventually 10 holds 3 || fail "$(stored) descriptors are kept after the clients went"
echo "kept: 3 descriptors again, $attached; memory: $(memory); before: $memory_before"
