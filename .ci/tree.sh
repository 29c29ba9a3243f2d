# What a desk links stays light: nothing of the daemon or of the quant's tools is in it.
source "$(dirname "$0")/lib.sh"

# light PACKAGE COUNT CRATE...: its dependencies are at most so many, and none of these.
light() {
  local package=$1 most=$2 tree
  shift 2
  tree=$(cargo tree --locked --package "$package" --edges normal --prefix none |
    awk '{ print $1 }' | sort -u)
  echo "$package: $(echo "$tree" | tr '\n' ' ')"
  # A check that ran on nothing fails.
  [ "$(echo "$tree" | wc -l)" -gt 1 ]
  [ "$(echo "$tree" | wc -l)" -le "$most" ] || { echo "more than $most packages"; exit 1; }
  for crate; do
    if echo "$tree" | grep -qx "$crate"; then
      echo "$package depends on $crate"
      exit 1
    fi
  done
}

daemon="tiny_http httparse clap toml tracing indicatif prometheus-client sd-notify signal-hook
  core_affinity quanta"
quant="csv parquet arrow-array nalgebra rand factord-quant"
# shellcheck disable=SC2086
light factord-eval 10 $daemon $quant serde rustix libc memmap2 crossbeam factord-core factord-factors
# shellcheck disable=SC2086
light factord-factors 10 $daemon $quant serde rustix libc memmap2 crossbeam factord-core factord-models
# shellcheck disable=SC2086
light factord-factors-c 10 $daemon $quant serde rustix libc memmap2 crossbeam factord-core factord-models
# shellcheck disable=SC2086
light factord-core 30 $daemon $quant serde serde_json bincode factord-factors factord-models
# shellcheck disable=SC2086
light factord-client 30 $daemon $quant serde serde_json bincode factord-models
# Artifacts state the settings of factors, so their crate names that pure one.
# shellcheck disable=SC2086
light factord-models 60 $daemon $quant factord-core
# shellcheck disable=SC2086
light factord-quant 120 $daemon factord-core
