# Licences, banned crates and sources of every dependency, by deny.toml.
source "$(dirname "$0")/lib.sh"
if ! cargo deny --version >/dev/null 2>&1; then
  # Unoptimised: it runs for a second, so that building it fast is what counts.
  CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=64 CARGO_PROFILE_RELEASE_DEBUG=0 \
    cargo install --quiet --locked cargo-deny --version 0.20.2
fi
# The project's lock file, and those of the packages that are workspaces of their own.
for manifest in Cargo.toml clients/python/Cargo.toml benches/rivals/Cargo.toml; do
  echo "$manifest"
  # Every platform's crates, which a build for one does not fetch.
  cargo fetch --quiet --locked --manifest-path "$manifest"
  cargo deny --manifest-path "$manifest" --offline --config deny.toml check bans licenses sources
done
