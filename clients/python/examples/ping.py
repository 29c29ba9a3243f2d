"""Round trips through the ring, as Python sees them: `python ping.py [GROUPS]`."""

import statistics
import sys
import time

import factord

GROUP = 16
"""Calls between two readings of the clock, so that a reading costs nothing beside them."""


def main(groups: int) -> None:
    """Prints percentiles of the time a call takes."""
    with factord.Client(name="ping") as client:
        predict = client.predict
        predict(0.5, 0.2, 0.3)
        times_ns = []
        for _ in range(groups):
            start_ns = time.perf_counter_ns()
            for _ in range(GROUP):
                predict(0.5, 0.2, 0.3)
            times_ns.append((time.perf_counter_ns() - start_ns) / GROUP)
    cuts = statistics.quantiles(times_ns, n=100)
    print(f"round trip: p50 {cuts[49]:.0f} ns, p99 {cuts[98]:.0f} ns, max {max(times_ns):.0f} ns")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
