# The notebook of the Python client, run from trades to its plot against a daemon of its own; in the
# repository it has no outputs.
source "$(dirname "$0")/lib.sh"
need python3 python3
python3 -c 'import ensurepip, venv' 2>/dev/null || need no-such-command python3-venv
FACTORD_BINARY=$(binary)
export FACTORD_BINARY PIP_DISABLE_PIP_VERSION_CHECK=1
target="${CARGO_TARGET_DIR:-$PWD/target}"
place="$target/notebook"
mkdir -p "$place"
python="$place/venv/bin/python"
test -x "$python" || python3 -m venv "$place/venv"
mkdir -p "$target/python"
(
  export CARGO_TARGET_DIR="$target/python/target"
  cd clients/python || exit
  # The conformance suite builds into the same folder, maybe at the same time.
  flock "$target/python/lock" "$python" -m pip install --quiet --no-compile --force-reinstall --no-deps .
)
"$python" -m pip install --quiet --no-compile numpy polars matplotlib nbconvert ipykernel
"$python" - clients/python/examples/notebook.ipynb <<'END'
import json, sys
cells = json.load(open(sys.argv[1]))["cells"]
code = [cell for cell in cells if cell["cell_type"] == "code"]
assert len(code) >= 5, "the notebook lost its cells"
kept = [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None]
assert not kept, f"cells with outputs: {kept}: clear them before a commit"
END
"$python" -m nbconvert --to notebook --execute --ExecutePreprocessor.timeout=300 \
  --output-dir "$place" --output run.ipynb clients/python/examples/notebook.ipynb
"$python" - "$place/run.ipynb" <<'END'
import json, sys
cells = json.load(open(sys.argv[1]))["cells"]
outputs = [output for cell in cells for output in cell.get("outputs", ())]
text = "".join("".join(output.get("text", ())) for output in outputs)
plots = sum("image/png" in output.get("data", {}) for output in outputs)
assert "the same bits" in text and plots == 1, (text, plots)
print(f"{len(cells)} cells, {plots} plot,", text.strip().splitlines()[-1])
END
