"""Measures scikit-learn and onnxruntime in their own process, one row at a time.

Usage: in_process.py MODEL_DIR ROUNDS

Prints one CSV line a round and contender: p50 from groups of sixteen calls, p99 from single ones.
"""

import pickle
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from skl2onnx import to_onnx

GROUP = 16
ROUND_S = 0.05


def contenders(folder):
    """One callable a contender; each takes a row and computes one prediction."""
    calls = {}
    for kind in ("regression", "classification"):
        model = pickle.loads((folder / f"{kind}.pickle").read_bytes())
        call = model.predict if kind == "regression" else model.predict_proba
        calls[f"scikit-learn-{kind}"] = (call, np.float64)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # A table of class probabilities instead of a list of dictionaries, which is slower.
        plain = {} if kind == "regression" else {"options": {id(model): {"zipmap": False}}}
        graph = to_onnx(model, np.zeros((1, 3), np.float32), **plain).SerializeToString()
        session = onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        run = lambda row, session=session, name=name: session.run(None, {name: row})
        calls[f"onnxruntime-{kind}"] = (run, np.float32)
    return calls


def measure(call, rows):
    """The p50 and p99 of one round, nanoseconds."""
    singles, groups, at = [], [], 0
    end = time.perf_counter() + ROUND_S
    while time.perf_counter() < end or not groups:
        for _ in range(GROUP):
            at = (at + 1) % len(rows)
            start = time.perf_counter_ns()
            call(rows[at])
            singles.append(time.perf_counter_ns() - start)
        start = time.perf_counter_ns()
        for _ in range(GROUP):
            at = (at + 1) % len(rows)
            call(rows[at])
        groups.append((time.perf_counter_ns() - start) / GROUP)
    return np.percentile(groups, 50), np.percentile(singles, 99)


def main(folder, round_count):
    """Rounds of all contenders by turns."""
    calls = contenders(folder)
    table = np.random.default_rng(2).random((256, 1, 3))
    print("what,round,p50_ns,p99_ns")
    for index in range(round_count):
        for name, (call, dtype) in calls.items():
            p50, p99 = measure(call, list(table.astype(dtype)))
            print(f"{name},{index},{p50:.0f},{p99:.0f}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
