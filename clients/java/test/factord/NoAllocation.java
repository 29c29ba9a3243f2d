package factord;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;

/**
 * Counts the bytes that a million calls of each shape allocate, by the virtual machine's own
 * account of the thread: none.
 */
public final class NoAllocation {
    private static final int CALL_COUNT = 1_000_000;
    private static final int BATCH_ROWS = 1000;
    private static final long LONG_NS = Check.LONG_NS;
    private static final double[] WIDE_ROW = new double[9];
    private static final ThreadMXBean THREADS =
            (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private final Client client;
    private final Prediction answer = new Prediction();
    private final Predictions answers = new Predictions(BATCH_ROWS);
    private final double[][] rows = Rows.wild(BATCH_ROWS, 40);
    private final double[] flat = Rows.flat(rows);
    private final double[] bad = {0.5, Double.NaN, 0.3};
    private final int[] models = {0, 1, 0, 1};
    private final Prediction[] each = {
        new Prediction(), new Prediction(), new Prediction(), new Prediction()
    };

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
            allocating += proof.allocates("keyed calls", proof::keyed);
            allocating += proof.allocates("predictEach and pollMany", proof::many);
            allocating += proof.allocates("refused requests", proof::refusals);
        }
        int[] fetched = new int[1];
        Linear wide = new Linear("wide", 1, 1, 2, 3, 4, 5, 6, 7, 8, 9);
        IdentityTests.with(List.of(wide), (daemon, folder) -> {
            AttachOptions options = daemon.options().withIdle(Idle.SPIN).withFeatureCount(9);
            try (Client client = Client.attach(options)) {
                fetched[0] = new NoAllocation(client).wideModel();
            }
        });
        allocating += fetched[0];
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

    private void keyed() {
        for (int call = 0; call < CALL_COUNT; call += 2) {
            double[] row = rows[call % BATCH_ROWS];
            expect(client.predict(call & 1, call, row, LONG_NS, answer), Status.OK);
            expect(client.predictLocal(call & 1, call, row, answer), Status.OK);
        }
    }

    private void many() {
        for (int call = 0; call < CALL_COUNT; call += 2 * each.length) {
            double[] row = rows[call % BATCH_ROWS];
            expect(client.predictEach(models, row, LONG_NS, each), Status.OK);
            for (int model : models) {
                client.submit(model, row);
            }
            for (int taken = 0; taken < each.length; ) {
                taken += client.pollMany(each);
            }
        }
    }

    /** A model whose parameters are in a file of their own, by its name and by a pin. */
    private int wideModel() {
        int wide = client.number("wide");
        int pin = client.pin("wide", client.model("wide").orElseThrow().sha256());
        expect(client.fetch(wide, LONG_NS), Status.OK);
        int allocating = allocates("predictLocal of a fetched model", () -> local(wide));
        return allocating + allocates("calls of a pinned name", () -> pinned(pin));
    }

    private void local(int wide) {
        for (int call = 0; call < CALL_COUNT; call++) {
            expect(client.predictLocal(wide, WIDE_ROW, answer), Status.OK);
        }
    }

    private void pinned(int pin) {
        for (int call = 0; call < CALL_COUNT; call += 2) {
            expect(client.predictLocal(pin, WIDE_ROW, answer), Status.OK);
            expect(client.predict(pin, WIDE_ROW, LONG_NS, answer), Status.OK);
        }
    }

    private void refusals() {
        for (int call = 0; call < CALL_COUNT; call += 2) {
            expect(client.predict(0, bad, LONG_NS, answer), Status.BAD_INPUT);
            expect(client.predictLocal(9, bad, answer), Status.UNKNOWN_MODEL);
        }
    }
}
