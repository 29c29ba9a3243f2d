# The tests of the Python client and its examples, in the environment that python.sh made.
source "$(dirname "$0")/lib.sh"
python="${CARGO_TARGET_DIR:-$PWD/target}/python/venv/bin/python"
if [ ! -x "$python" ]; then bash .ci/python.sh; fi
FACTORD_BINARY=$(binary)
export FACTORD_BINARY
cd clients/python || exit
"$python" -m pytest -q -p no:cacheprovider
