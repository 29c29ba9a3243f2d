"""The runner of the Python client for the conformance suite: see clients/conformance."""

import csv
import itertools
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import answering
import attaching
import binding
import classes
import factord
import living
import versions
from suite import PLENTY, Fault, Suite

CASES: dict[str, Callable[[Suite], None]] = {
    "attach": attaching.attach,
    "wrong-abi": attaching.wrong_abi,
    "golden-regression": answering.golden_regression,
    "golden-classification": answering.golden_classification,
    "bad-input": answering.bad_input,
    "unknown-model": answering.unknown_model,
    "width-mismatch": answering.width_mismatch,
    "back-pressure": answering.back_pressure,
    "pipelined-order": answering.pipelined_order,
    "deadline": living.deadline,
    "engine-killed": living.engine_killed,
    "batch-golden": answering.batch_golden,
    "batch-across-kill": living.batch_across_kill,
    "model-swapped": living.model_swapped,
    "local-equals-ring": answering.local_equals_ring,
    "wide": answering.wide,
    "refused-peer": attaching.refused_peer,
    "golden-image": attaching.golden_image,
    "half-made-region": attaching.half_made_region,
    "hostile-regions": attaching.hostile_regions,
    "hostile-answers": attaching.hostile_answers,
    "identity": binding.identity,
    "forked": binding.forked,
    "untrusted": binding.untrusted,
    "backlog-full": binding.backlog_full,
    "reaped": binding.reaped,
    "attach-wait": binding.attach_wait,
    "pinned": versions.pinned,
    "unit-keys": versions.unit_keys,
    "second-channel": classes.second_channel,
}

GROUP = 16
"""Round trips between two readings of the clock."""
INPUTS = 1024
"""Different inputs, so that nothing is answered from a branch predictor's memory."""


def run_cases(names: list[str]) -> bool:
    """Runs the named cases, or all; tells whether all of them hold."""
    for name in names:
        if name not in CASES:
            raise SystemExit(f"no case {name}")
    suite = Suite()
    passed = failed = 0
    for number, (name, case) in enumerate(CASES.items(), 1):
        if names and name not in names:
            continue
        try:
            suite.conduct("reset")
            case(suite)
        # Whatever it is, it is this case's failure and no other's.
        except Exception as error:
            why = str(error) if isinstance(error, Fault) else repr(error)
            failed += 1
            print(f"{number:02} {name} ... FAILED: {' '.join(why.split())}", flush=True)
        else:
            passed += 1
            print(f"{number:02} {name} ... ok", flush=True)
    print(f"{passed} passed, {failed} failed", flush=True)
    return failed == 0


def ping() -> None:
    """Times round trips and batches, line by line."""
    socket = Suite().socket
    # Few lines make a round trip fast, many a batch.
    single, many = factord.Client(socket, slot_count=8), factord.Client(socket, slot_count=256)
    inputs = [math.modf(index * 0.618033988749894)[0] for index in range(1, 3 * INPUTS + 1)]
    rows = np.array(inputs).reshape(-1, 3)
    cycle = itertools.cycle([tuple(row) for row in rows.tolist()])
    print("ready", flush=True)
    for line in sys.stdin:
        match line.split():
            case ["go", count]:
                p50_ns = round_trip_p50_ns(single, cycle, int(count))
                print(f"p50_ns {p50_ns:.1f}", flush=True)
            case ["many", count]:
                batch = np.resize(rows, (int(count), 3))
                for _ in range(2):
                    start = time.perf_counter()
                    predictions = many.predict_many(batch, "regression", PLENTY)
                    seconds = time.perf_counter() - start
                    if not predictions.ok.all():
                        raise SystemExit("a row was refused")
                print(f"per_second {int(count) / seconds:.0f}", flush=True)
            case _:
                sys.exit(2)


def round_trip_p50_ns(
    client: factord.Client, rows: "itertools.cycle[tuple[float, float, float]]", count: int
) -> float:
    """The median time of a call over so many groups."""
    predict = client.predict
    groups_ns = []
    for _ in range(count):
        group = list(itertools.islice(rows, GROUP))
        start_ns = time.perf_counter_ns()
        for a, b, c in group:
            predict(a, b, c)
        groups_ns.append(time.perf_counter_ns() - start_ns)
    return sorted(groups_ns)[count // 2] / GROUP


def answer_csv(source: Path, target: Path) -> None:
    """Answers each row of a file with both models, as bits."""
    with source.open(newline="") as file:
        records = list(csv.reader(file))[1:]
    rows = np.array([[float(value) for value in record[:3]] for record in records])
    with Suite().channel() as client:
        y = client.predict_many(rows, "regression", PLENTY)
        classes = client.predict_many(rows, "classification", PLENTY)
    columns = [column.view(np.uint64) for column in (y.y, classes.y, classes.second)]
    with target.open("w") as file:
        for words in zip(*columns, strict=True):
            file.write(" ".join(f"{word:016x}" for word in words) + "\n")


def ask_units(count: int, target: Path) -> None:
    """Asks with unit keys for a divided name, and writes what answered, a line a request."""

    def words(answer: factord.Prediction) -> str:
        (bits,) = np.array([answer.y]).view(np.uint64)
        return f"{answer.generation} {answer.arm} {answer.fingerprint:016x} {bits:016x}"

    with Suite().channel() as client, target.open("w") as file:
        client.fetch("regression", PLENTY)
        for index in range(count):
            x = [math.modf((3 * index + at) * 0.618033988749894)[0] for at in (1, 2, 3)]
            key = 0 if index % 4 == 3 else (index + 1) * 0x9E3779B97F4A7C15 % (1 << 64)
            answers = [
                client.predict_row(x, "regression", PLENTY, key=key),
                client.predict_local_row(x, "regression", key=key),
            ]
            line = " ".join(map(words, answers))
            if index % 499 == 0:
                many = client.predict_many([x], "regression", PLENTY, key=key)
                bits = many.y.view(np.uint64)[0]
                version = f"{many.generation[0]} {many.arm[0]} {many.fingerprint[0]:016x}"
                line += f" {version} {bits:016x}"
            file.write(line + "\n")


def main() -> None:
    """Runs what the arguments ask for."""
    match sys.argv[1:]:
        case ["ping"]:
            ping()
        case ["late"]:
            binding.late(Suite())
        case ["csv", source, target]:
            answer_csv(Path(source), Path(target))
        case ["units", count, target]:
            ask_units(int(count), Path(target))
        case names:
            sys.exit(0 if run_cases(names) else 1)


if __name__ == "__main__":
    main()
