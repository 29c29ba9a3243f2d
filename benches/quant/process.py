"""Processes and what they took."""

import multiprocessing
import os
import statistics
import subprocess
import sys
import time


def apart(function, *arguments):
    """Calls in a process of its own: a child's peak memory counts what its parent held at its start."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def run(command):
    """Seconds, MiB at the peak and the output of one process."""
    return counted(command)[:3]


def counted(command):
    """The same, and the processor's seconds, the system's among them."""
    began = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - began
    if status != 0:
        sys.exit(f"{command[:3]} ended with {status}")
    return seconds, usage.ru_maxrss / 1024, said, usage.ru_utime + usage.ru_stime


def spread(values, unit, digits=1):
    """The median, the least and the largest."""
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} {unit} ({least:.{digits}f} to {most:.{digits}f})"
