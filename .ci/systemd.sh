# The units: no mistake in them, and as little exposure as they claim.
source "$(dirname "$0")/lib.sh"
need systemd-analyze systemd
factord=$(binary)
units=$(mktemp -d)
trap 'rm -r "$units"' EXIT
for unit in systemd/*.service systemd/*.socket; do
  # Verified as installed, but with the binary that was built.
  sed "s|/usr/bin/factord|$factord|g" "$unit" >"$units/$(basename "$unit")"
done
systemd-analyze verify --man=no "$units"/*.service "$units"/*.socket
for unit in systemd/*.service; do
  # 20: an exposure of at most 2.0 on systemd's scale of 10.
  systemd-analyze security --offline=yes --threshold=20 "$unit" | tail -n 1
done
