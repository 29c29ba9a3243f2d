package factord;

import java.util.concurrent.locks.LockSupport;

/** The waiting loop of one client; one call waits at a time. */
final class Waiting {
    /** Steps of a back-off that spin, twice as long each, and steps after which it sleeps. */
    private static final int SPIN_STEPS = 6;
    private static final int YIELD_STEPS = 10;
    // 100 us: a tenth of the shortest interval an operator notices.
    private static final long SLEEP_NS = 100_000;

    private final Idle strategy;
    private int step;

    Waiting(Idle strategy) {
        this.strategy = strategy;
    }

    /** Empty looks between two readings of the clock, less one: a mask. */
    int clockMask() {
        // 63: with a pause of some 15 ns each, the clock is read about once a microsecond. Where
        // nobody knows when the core comes back, each look reads it.
        return strategy == Idle.NOOP || strategy == Idle.SPIN ? 63 : 0;
    }

    /** Starts a back-off over. */
    void reset() {
        step = 0;
    }

    /** Waits once. */
    void once() {
        switch (strategy) {
            case NOOP -> {}
            case SPIN -> Thread.onSpinWait();
            case YIELD -> Thread.yield();
            case BACKOFF -> backOff();
        }
    }

    private void backOff() {
        if (step <= SPIN_STEPS) {
            for (int spin = 0; spin < 1 << step; spin++) {
                Thread.onSpinWait();
            }
        } else if (step <= YIELD_STEPS) {
            Thread.yield();
        } else {
            LockSupport.parkNanos(SLEEP_NS);
            return;
        }
        step++;
    }
}
