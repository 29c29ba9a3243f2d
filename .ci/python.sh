# The Python client as a user gets it, installed by pip into a fresh environment: its types, and the lints of
# its compiled half. Its tests are the next script's.
source "$(dirname "$0")/lib.sh"
need python3 python3
python3 -c 'import ensurepip, venv' 2>/dev/null || need no-such-command python3-venv
target="${CARGO_TARGET_DIR:-$PWD/target}"
place="$target/python"
rm -rf "$place/venv"
python3 -m venv "$place/venv"
python="$place/venv/bin/python"
export PIP_DISABLE_PIP_VERSION_CHECK=1
(
  export CARGO_TARGET_DIR="$place/target"
  cd clients/python || exit
  # The conformance suite builds into the same folder, maybe at the same time.
  flock "$place/lock" "$python" -m pip install --quiet --no-compile .
  cargo fmt --check
  cargo clippy --quiet --release --locked -- -D warnings
)
cd clients/python || exit
"$python" -m pip install --quiet --no-compile --requirement tests/requirements.txt
"$python" -m mypy --cache-dir="$place/mypy" tests examples python/factord
"$python" -m mypy --cache-dir="$place/mypy" conformance
"$python" -m mypy.stubtest factord --concise --mypy-config-file pyproject.toml
