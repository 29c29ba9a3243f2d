package factord;

import java.util.BitSet;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A word to whoever runs a client where a worker polls: the two take turns, and each answer waits
 * for the end of a time slice.
 */
final class Neighbour {
    // 1,024 CPUs, as many as a set of the C library has.
    private static final int MASK_WORDS = 16;
    private static final AtomicBoolean SAID = new AtomicBoolean();

    private Neighbour() {}

    /** Says once a process that this thread may run on workers' CPUs alone. */
    static void mention(int[] cores) {
        long[] mask = new long[MASK_WORDS];
        String quiet = System.getenv("FACTORD_QUIET");
        if (quiet != null && !quiet.isEmpty() || Native.allowedCpus(mask) != 0) {
            return;
        }
        BitSet elsewhere = BitSet.valueOf(mask);
        int cpu = elsewhere.nextSetBit(0);
        for (int core : cores) {
            if (core >= 0) {
                elsewhere.clear(core);
            }
        }
        if (cpu >= 0 && elsewhere.isEmpty() && SAID.compareAndSet(false, true)) {
            System.err.println("factord: this thread can only run on CPU " + cpu
                    + ", which a worker polls: they take turns; pin it elsewhere");
        }
    }
}
