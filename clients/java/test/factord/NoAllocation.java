package factord;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/**
 * Counts the bytes that a million calls of each shape allocate, by the virtual machine's own
 * account of the thread: none.
 */
public final class NoAllocation {
    private static final int CALL_COUNT = 1_000_000;
    private static final int BATCH_ROWS = 1000;
    private static final long LONG_NS = Check.LONG_NS;
    private static final ThreadMXBean THREADS =
            (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private final Client client;
    private final Prediction answer = new Prediction();
    private final Predictions answers = new Predictions(BATCH_ROWS);
    private final double[][] rows = Rows.wild(BATCH_ROWS, 40);
    private final double[] flat = Rows.flat(rows);
    private final double[] bad = {0.5, Double.NaN, 0.3};

    private NoAllocation(Client client) {
        this.client = client;
    }

    /**
     * Counts, prints, and ends with 1 when a call shape allocates.
     *
     * @param arguments none
     * @throws Exception when no daemon can be started
     */
    public static void main(String[] arguments) throws Exception {
        if (!THREADS.isThreadAllocatedMemoryEnabled()) {
            throw new IllegalStateException("this virtual machine does not count allocations");
        }
        int allocating = 0;
        try (Daemon daemon = new Daemon();
                // As on a hot path: it never sleeps between two looks.
                Client client = Client.attach(daemon.options().withIdle(Idle.SPIN))) {
            NoAllocation proof = new NoAllocation(client);
            allocating += proof.allocates("predict", proof::predict);
            allocating += proof.allocates("submit and poll", proof::pipeline);
            allocating += proof.allocates("predictBatch", proof::batch);
            allocating += proof.allocates("predictLocal", proof::local);
            allocating += proof.allocates("refused requests", proof::refusals);
        }
        System.exit(allocating == 0 ? 0 : 1);
    }

    private int allocates(String shape, Runnable calls) {
        // The first call links method handles, and early rounds run before the compiler is done.
        calls.run();
        long before = THREADS.getCurrentThreadAllocatedBytes();
        calls.run();
        long bytes = THREADS.getCurrentThreadAllocatedBytes() - before;
        System.out.println(shape + ": " + bytes + " bytes in " + CALL_COUNT + " calls");
        return bytes == 0 ? 0 : 1;
    }

    private void expect(Status found, Status wanted) {
        if (found != wanted) {
            throw new IllegalStateException(found.text());
        }
    }

    private void predict() {
        for (int call = 0; call < CALL_COUNT; call++) {
            expect(client.predict(call & 1, rows[call % BATCH_ROWS], LONG_NS, answer), Status.OK);
        }
    }

    private void pipeline() {
        int submitted = 0;
        for (int taken = 0; taken < CALL_COUNT; ) {
            while (submitted < CALL_COUNT && client.submit(0, rows[submitted % BATCH_ROWS]) > 0) {
                submitted++;
            }
            while (client.poll(answer)) {
                expect(answer.status(), Status.OK);
                taken++;
            }
        }
    }

    private void batch() {
        for (int call = 0; call < CALL_COUNT; call += BATCH_ROWS) {
            expect(client.predictBatch(1, flat, answers, LONG_NS), Status.OK);
        }
    }

    private void local() {
        for (int call = 0; call < CALL_COUNT; call++) {
            expect(client.predictLocal(call & 1, rows[call % BATCH_ROWS], answer), Status.OK);
        }
    }

    private void refusals() {
        for (int call = 0; call < CALL_COUNT; call += 2) {
            expect(client.predict(0, bad, LONG_NS, answer), Status.BAD_INPUT);
            expect(client.predictLocal(9, bad, answer), Status.UNKNOWN_MODEL);
        }
    }
}
