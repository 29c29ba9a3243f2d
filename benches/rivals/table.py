"""The table of `benches/run`: what was measured, beside the goals."""

import statistics

# gunicorn's own default is one worker; two are one for each core of the usual host.
WORKER_COUNTS = (1, 2)
BATCH_ROW_COUNT = 10_000


def of(samples, report):
    """The one table, of what was measured."""
    lines = [line("what", "factord", "rival", "ratio", "goal", "")]
    parts = {"starts": start_lines, "floors": floor_lines, "rounds": round_lines}
    parts |= {"python": python_lines, "http": http_lines}
    if report:
        lines += report_lines(report)
    for part, of_part in parts.items():
        if part in samples:
            lines += of_part(samples)
    return "\n".join(lines) + "\n"


def report_lines(report):
    """What `factord bench` says."""
    floor, ring, swap = report["floor"], report["ring"], report["swap"]
    lines = []
    for figure, goal in ("p50", 1.25), ("p99", 1.5):
        ratio = ring["linear"][f"{figure}_ratio"]
        ours, theirs = (found[f"{figure}_ns"] for found in (ring["linear"], floor))
        text = f"ring over the floor, linear, {figure} ns"
        lines.append(told(text, ours, theirs, ratio, f"<= {goal} x", ratio, goal))
    over = ring["logistic"]["over_linear_ns"]
    lines.append(told("logistic over linear, p50 ns", over, None, None, "<= +25", over, 25))
    for count, goal in ("64", 40), ("256", 150):
        over = report["channels"].get(count, {}).get("over_one_ns")
        text = f"{count} idle channels over one, p50 ns"
        lines.append(told(text, over, None, None, f"<= +{goal}", over, goal))
    for kind, goal in ("linear", 5), ("logistic", 20):
        ns = report["in_process"][f"{kind}_ns"]
        text = f"in the client's process, {kind}, ns"
        lines.append(told(text, ns, None, None, f"<= {goal}", ns, goal))
    for figure, goal in ("p50", 1.02), ("p99", 1.1):
        ratio = swap[f"{figure}_ratio"]
        text = f"{swap['swaps_per_s']:.0f} swaps/s over as many wake-ups, {figure}"
        lines.append(told(text, None, None, ratio, f"<= {goal} x", ratio, goal))
    engine = report["engine"]
    for count in ("1", "64"):
        kib = engine["resident_kib"].get(count)
        lines.append(told(f"engine memory, {count} idle channels, KiB", kib))
    growth = engine["growth"] or {"requests": 0, "kib": None}
    text = f"engine memory over {growth['requests'] / 1e6:.0f} M requests, KiB"
    lines.append(told(text, growth["kib"], None, None, "<= 0", growth["kib"], 0))
    return lines


def told(what, ours, theirs=None, ratio=None, goal="", figure=None, most=None):
    """A line of figures, any of which may be missing."""
    columns = (
        "" if number is None else f"{number:.{digits}f}"
        for number, digits in ((ours, 1), (theirs, 1), (ratio, 3))
    )
    met = None if most is None or figure is None else figure <= most
    return line(what, *columns, goal, met)


def start_lines(samples):
    """From the start to the word that all is ready."""
    found = {}
    for row in samples["starts"]:
        found.setdefault(row["what"], []).append(row["ready_ms"])
    return [
        told(f"start to ready, {what}, ms", ms, None, None, "<= 50", ms, 50)
        for what, all_ms in found.items()
        for ms in [statistics.median(all_ms)]
    ]


def floor_lines(samples):
    """The two floors."""
    floors = [(row["factord_ns"], row["independent_ns"]) for row in samples["floors"]]
    ratio = median_ratio(floors)
    text = "floor and an independent one, p50 ns"
    return [row_of(text, floors, ratio, "within 10 %", abs(ratio - 1) <= 0.1)]


def round_lines(samples):
    """Rings, channels, sockets, throughput."""
    pairs = {}
    for row in samples["rounds"]:
        pairs.setdefault(row["what"], []).append((float(row["factord"]), float(row["rival"])))
    lines = []
    for what, found in pairs.items():
        name, figure = what.rsplit(".", 1)
        ratio = median_ratio(found)
        if figure == "throughput":
            millions = [(ours / 1e6, theirs / 1e6) for ours, theirs in found]
            goal, met = "", None
            if name == "rtrb-singly":
                goal, met = ">= 1.5 x", ratio <= 1 / 1.5
            text = f"{name}, pipelined, M/s"
            lines.append(row_of(text, millions, 1 / ratio, goal, met))
            continue
        goal, met = "", None
        if what == "iceoryx2-request-response.p50":
            goal, met = ">= 6 x", ratio >= 6
        lines.append(row_of(f"{name}, {figure} ns", found, ratio, goal, met))
    best = max(ours for what, found in pairs.items() if "throughput" in what for ours, _ in found)
    lines.append(
        line("pipelined, best round, M/s", f"{best / 1e6:.1f}", "", "", ">= 80", best >= 80e6)
    )
    return lines


def python_lines(samples):
    """In-process libraries against the ring's round trip."""
    pairs = {}
    for row in samples["python"]:
        pair = (float(row["factord_p50_ns"]), float(row["p50_ns"]))
        pairs.setdefault(row["what"], []).append(pair)
    return [
        row_of(f"{what}, in process, p50 ns", found, median_ratio(found))
        for what, found in pairs.items()
    ]


def http_lines(samples):
    """The sidecar against gunicorn."""

    def figures(service, count, key):
        return [
            row[key]
            for row in samples["http"]
            if (row["service"], row["connections"]) == (service, count)
        ]

    lines = []
    for workers in WORKER_COUNTS:
        rival = f"gunicorn-{workers}"
        one = list(zip(figures("factord", 1, "p50_us"), figures(rival, 1, "p50_us")))
        ratio = median_ratio(one)
        text = f"http, 1 connection, p50 us ({rival})"
        lines.append(row_of(text, one, ratio, ">= 15 x", ratio >= 15))
        key = "requests_per_s"
        many = list(zip(figures("factord", 16, key), figures(rival, 16, key)))
        ratio = 1 / median_ratio(many)
        text = f"http, 16 connections, 1/s ({rival})"
        lines.append(row_of(text, many, ratio, ">= 20 x", ratio >= 20))
    rates = {}
    for row in samples["batch"]:
        rates.setdefault(row["service"], []).append(BATCH_ROW_COUNT / row["seconds"] / 1e6)
    ours = statistics.median(rates["factord"])
    theirs = statistics.median(rates["gunicorn-1"])
    lines.append(
        line(
            "http, batch of 10,000, M/s (gunicorn-1)",
            f"{ours:.2f}",
            f"{theirs:.2f}",
            f"{ours / theirs:.2f}",
            ">= 1 M/s",
            ours >= 1,
        )
    )
    return lines


def median_ratio(pairs):
    """The median of the second over the first."""
    return statistics.median(theirs / ours for ours, theirs in pairs)


def row_of(what, pairs, ratio, goal="", met=None):
    """A line of the table: medians of both sides and the median of the ratios."""
    ours, theirs = (statistics.median(side) for side in zip(*pairs))
    return line(what, f"{ours:.1f}", f"{theirs:.1f}", f"{ratio:.2f}", goal, met)


def line(what, ours, theirs, ratio, goal, met):
    """A line of the table."""
    verdict = {None: "", True: "met", False: "MISSED"}.get(met, met)
    return f"{what:<46}{ours:>11}{theirs:>12}{ratio:>9}  {goal:<12}{verdict}".rstrip()
