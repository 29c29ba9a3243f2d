# The oldest versions that Cargo.toml allows of what a desk links: they resolve, and they build.
source "$(dirname "$0")/lib.sh"
target="${CARGO_TARGET_DIR:-$PWD/target}/minimal"
copy=$(mktemp -d)
copy_tree "$copy"
cd "$copy" || exit
# The option is not stable yet; the compiler is.
RUSTC_BOOTSTRAP=1 cargo update --quiet -Z direct-minimal-versions
for package in factord-eval factord-core factord-factors factord-client; do
  cargo tree --package "$package" --depth 1 --edges normal --prefix none | tail -n +2
done | sort -u
CARGO_TARGET_DIR=$target cargo check --quiet --release --package factord-client
