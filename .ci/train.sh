# `factord train` beside scikit-learn on the same tables, through the command line: coefficients, medians,
# figures. scikit-learn is installed into an environment of its own.
source "$(dirname "$0")/lib.sh"
need python3 python3
python3 -c 'import ensurepip, venv' 2>/dev/null || need no-such-command python3-venv
factord=$(binary)
target="${CARGO_TARGET_DIR:-$PWD/target}"
place="$target/train"
mkdir -p "$place"
if [ ! -x "$place/venv/bin/python" ] || ! "$place/venv/bin/python" -c 'import sklearn, pyarrow, pandas' 2>/dev/null
then
  rm -rf "$place/venv"
  python3 -m venv "$place/venv"
  PIP_DISABLE_PIP_VERSION_CHECK=1 "$place/venv/bin/python" -m pip install --quiet --no-compile \
    numpy pandas pyarrow scikit-learn
fi
FACTORD_BINARY="$factord" "$place/venv/bin/python" .ci/train.py
