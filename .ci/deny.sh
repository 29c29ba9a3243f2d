# Licences, banned crates and sources of every dependency, by deny.toml.
# Their answer depends on deny.toml and the lock files alone, so that those of `.ci/deny.passed` are not asked
# about again: building cargo-deny takes minutes. `.ci/deny.sh --update` asks, and writes that file.
source "$(dirname "$0")/lib.sh"

# The project, and the packages that are workspaces of their own.
workspaces=(. clients/python benches/rivals)
judged=(.ci/deny.passed deny.toml "${workspaces[@]/%//Cargo.lock}")
if [ "${1:-}" != --update ] && unchanged "${judged[@]}"; then
  echo "deny.toml and the lock files are those that passed before"
  exit
fi

if ! cargo deny --version >/dev/null 2>&1; then
  # Unoptimised: it runs for a second, so that building it fast is what counts.
  CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=64 CARGO_PROFILE_RELEASE_DEBUG=0 \
    cargo install --quiet --locked cargo-deny --version 0.20.2
fi
for workspace in "${workspaces[@]}"; do
  echo "$workspace"
  # Every platform's crates, which a build for one does not fetch.
  cargo fetch --quiet --locked --manifest-path "$workspace/Cargo.toml"
  cargo deny --manifest-path "$workspace/Cargo.toml" --offline --config deny.toml \
    check bans licenses sources
done
if [ "${1:-}" = --update ]; then
  keep "${judged[@]}"
else
  echo "they pass: .ci/deny.sh --update keeps that"
fi
