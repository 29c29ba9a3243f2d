"""Calls in processes of their own."""

import multiprocessing


def apart(function, *arguments):
    """Calls in a process of its own: a child's peak memory counts what its parent held at its start."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)
