# shellcheck shell=bash
# Sourced by every check: strict mode, the project's root, and installing what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# need COMMAND PACKAGE: installs the Debian package that holds a command, when it is not there.
need() {
  command -v "$1" >/dev/null && return
  echo "installing $2 for $1"
  local sudo=()
  if [ "$(id -u)" != 0 ]; then sudo=(sudo); fi
  "${sudo[@]}" apt-get -qq update
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install -y --no-install-recommends "$2" >/dev/null
}

# binary: builds the release binary and prints its path.
binary() {
  cargo build --release --locked --bin factord >&2
  echo "${CARGO_TARGET_DIR:-$PWD/target}/release/factord"
}

# unchanged STAMP FILE...: whether the files are the very ones of a run that passed, which `keep` noted in STAMP.
unchanged() { [ "$(sha256sum "${@:2}")" = "$(cat "$1" 2>/dev/null)" ]; }
keep() { sha256sum "${@:2}" >"$1"; }

# copy_tree FOLDER: copies the tree, without what was built, to a folder that goes when the script ends.
copy_tree() {
  # shellcheck disable=SC2064
  trap "rm -r '$1'" EXIT
  tar -c --exclude=./target --exclude=./.git . | tar -x -C "$1"
}
