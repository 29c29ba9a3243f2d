# Models that scikit-learn and skl2onnx export now, imported by the command line, against onnxruntime.
source "$(dirname "$0")/lib.sh"
need python3 python3
python3 -c 'import ensurepip, venv' 2>/dev/null || need no-such-command python3-venv
factord=$(binary)
place="${CARGO_TARGET_DIR:-$PWD/target}/onnx"
rm -rf "$place"
python3 -m venv "$place/venv"
export PIP_DISABLE_PIP_VERSION_CHECK=1
"$place/venv/bin/python" -m pip install --quiet --no-compile numpy onnx onnxruntime scikit-learn skl2onnx
timeout 600 "$place/venv/bin/python" .ci/onnx_compare.py "$factord" "$place"
