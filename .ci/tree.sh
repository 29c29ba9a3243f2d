# The client's dependency tree stays light: nothing of the daemon is in it.
source "$(dirname "$0")/lib.sh"
tree=$(cargo tree --locked --package factord-client --edges normal --prefix none |
  awk '{ print $1 }' | sort -u)
echo "$tree" | tr '\n' ' '
echo
[ "$(echo "$tree" | wc -l)" -gt 3 ]
for crate in tiny_http httparse clap csv toml tracing indicatif serde serde_json bincode \
  prometheus-client sd-notify signal-hook core_affinity quanta; do
  if echo "$tree" | grep -qx "$crate"; then
    echo "the client depends on $crate"
    exit 1
  fi
done
