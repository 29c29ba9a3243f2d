# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# Sourced by the checks that need a booted systemd: boots the host's /usr as a container with the units
# and the binary. `binds` may hold further options of systemd-nspawn.
need systemd-nspawn systemd-container
need dbus-daemon dbus
[ "$(id -u)" = 0 ] || { echo "booting a systemd takes root"; exit 1; }
factord=$(binary)

work=$(mktemp -d)
chmod 755 "$work"
mkdir "$work/units"
for unit in systemd/*.service systemd/*.socket; do
  sed 's|/usr/bin/factord|/opt/factord|g' "$unit" >"$work/units/$(basename "$unit")"
done
printf 'FACTORD_ALLOW_UIDS=4242\n' >"$work/default"
# Only what is given here is in it beside /usr; firstboot would ask questions.
systemd-nspawn --register=no --keep-unit --quiet --directory=/ --volatile=yes \
  --uuid="$(cat /proc/sys/kernel/random/uuid)" --private-network --capability=CAP_IPC_LOCK \
  --bind-ro="$factord:/opt/factord" --bind-ro="$work/units:/run/systemd/system" \
  --bind-ro="$work/default:/etc/default/factord" \
  --bind-ro="$PWD/systemd/factord.sysusers:/run/sysusers.d/factord.conf" \
  "${binds[@]}" --boot systemd.firstboot=off systemd.unit=sockets.target >"$work/console" 2>&1 &
nspawn=$!
leader=
finish() {
  if [ -n "$leader" ]; then kill -KILL "$leader" 2>/dev/null || true; fi
  kill "$nspawn" 2>/dev/null || true
  wait "$nspawn" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

fail() {
  echo "FAILED: $*"
  tail -n 5 "$work/console"
  if [ -n "$leader" ]; then inside journalctl --no-pager --lines=20 --unit=factord --unit=factord-http; fi
  exit 1
}
# eventually SECONDS COMMAND...: tries every 100 ms.
eventually() {
  local tries=$((10 * $1))
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.1
  done
}
inside() { nsenter --target "$leader" --all "$@"; }
# as UID GID COMMAND...: in the container, as another user.
as() { inside setpriv --reuid="$1" --regid="$2" --clear-groups "${@:3}"; }
restarts() { inside systemctl show --property=NRestarts --value "$1"; }
pid() { inside systemctl show --property=MainPID --value "$1"; }
predict=(/opt/factord --socket /run/factord/factord.sock predict regression 0.5 0.2 0.3)
health() { inside curl --silent --fail --max-time 1 http://127.0.0.1:5000/health; }

up() { leader=$(pgrep -P "$nspawn") && inside systemctl is-active sockets.target; }
eventually 30 up || fail "no systemd came up"
