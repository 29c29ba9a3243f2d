package factord;

import java.nio.ByteBuffer;

/** What STATUS says of the engine itself: its heart, its workers, the rate of its time stamps. */
final class Vitals {
    /** What the virtual machine's clock lacks, which may count from elsewhere. */
    private static final long CLOCK_NS = clockNs();

    private final ByteBuffer status;

    Vitals(ByteBuffer status) {
        this.status = status;
    }

    private static long clockNs() {
        long most = Long.MIN_VALUE;
        // 8: a thread that loses its CPU between the two readings finds too little.
        for (int reading = 0; reading < 8; reading++) {
            most = Math.max(most, Native.monotonicNs() - System.nanoTime());
        }
        return most;
    }

    /** Grows while the worker sweeps. */
    long heartbeatCount() {
        return Words.load(status, Abi.STATUS_HEARTBEAT_COUNT);
    }

    /** Nanoseconds since the last heartbeat; 0 for one that is yet to come. */
    long heartbeatAgeNs() {
        long now = System.nanoTime() + CLOCK_NS;
        long beat = Words.load(status, Abi.STATUS_HEARTBEAT_NS);
        return Long.compareUnsigned(now, beat) > 0 ? now - beat : 0;
    }

    /** Of the engine that serves now: it may have taken the channel over from another one. */
    long epoch() {
        return Words.load(status, Abi.STATUS_EPOCH);
    }

    /** The CPUs that the workers are pinned to, -1 for one that is not. */
    int[] workerCores() {
        long claimed = Words.load(status, Abi.STATUS_WORKER_COUNT);
        boolean sound = claimed >= 0 && claimed <= Abi.WORKER_COUNT_MAX;
        int[] cores = new int[sound ? (int) claimed : Abi.WORKER_COUNT_MAX];
        for (int worker = 0; worker < cores.length; worker++) {
            int start = Abi.STATUS_WORKERS + worker * Abi.WORKER_WORDS;
            cores[worker] = (int) Words.load(status, start + Abi.WORKER_CORE) - 1;
        }
        return cores;
    }

    /** Ticks of the time stamp counter a second; 0 before the daemon knows. */
    long tscHz() {
        return Words.load(status, Abi.STATUS_TSC_HZ);
    }
}
