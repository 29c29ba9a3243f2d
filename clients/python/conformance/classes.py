"""The case about models of the other class than the channel's."""

import time
from contextlib import ExitStack

import numpy as np

import factord
from answering import in_order
from suite import PLENTY, Suite, ensure, exact, refused

NAMES = ("wide", "wide-logistic")
OTHERS = 15
BATCH_ROWS = 100


def _right(suite: Suite, client: factord.Client) -> None:
    for name in NAMES:
        for row in suite.rows(name):
            exact(row, client.predict_row(row.x, name, PLENTY))


def second_channel(suite: Suite) -> None:
    with suite.channel(feature_count=1000, slot_count=16) as client:
        _right(suite, client)
    if suite.conduct("classes") == "-":
        return
    light, heavy = (suite.rows(name)[0] for name in NAMES)
    with suite.channel(feature_count=1000, slot_count=16) as client:
        with ExitStack() as others:
            for _ in range(OTHERS):
                others.enter_context(suite.channel())
            for _ in range(3):
                refused(factord.WrongClassError, client.predict_row, heavy.x, NAMES[1], PLENTY)
                exact(light, client.predict_row(light.x, NAMES[0], PLENTY))
        end = time.monotonic() + 5.0
        while True:
            try:
                exact(heavy, client.predict_row(heavy.x, NAMES[1], PLENTY))
                break
            except factord.WrongClassError:
                ensure(time.monotonic() < end, "no second channel where there is room")
                time.sleep(0.01)
        _right(suite, client)
        rows = suite.rows(NAMES[1])
        inputs = np.resize(np.array([row.x for row in rows]), (BATCH_ROWS, 1000))
        for index, prediction in enumerate(client.predict_many(inputs, NAMES[1], PLENTY)):
            exact(rows[index % len(rows)], prediction)
        suite.conduct("restart-after", "500")
        in_order(suite, client, NAMES, 2000)
    with suite.channel(feature_count=1000, slot_count=16, heavy=True) as client:
        _right(suite, client)
