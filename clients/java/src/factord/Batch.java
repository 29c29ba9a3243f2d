package factord;

/** Many rows through a full ring. */
final class Batch {
    // 16: enough lines under way to hide a transfer, few enough to keep both sides busy.
    private static final int BURST = 16;

    private final Client client;
    private final int width;
    private final Waiting waiting;
    private final int clockMask;
    private final Prediction scratch = new Prediction();
    /** The call under way. */
    private int model;
    private double[] rows;
    private int count;
    private int submitted;
    private int taken;
    private long firstTicket;

    Batch(Client client, AttachOptions options) {
        this.client = client;
        width = options.featureCount();
        waiting = new Waiting(options.idle());
        clockMask = waiting.clockMask();
    }

    Status predict(int model, double[] rows, Predictions into, long deadlineNs) {
        into.start(0);
        if (rows.length % width != 0 || rows.length / width > into.capacity()) {
            return Status.WIDTH_MISMATCH;
        }
        if ((model & ~Abi.MODEL_MASK) != 0) {
            return Status.UNKNOWN_MODEL;
        }
        this.model = model;
        this.rows = rows;
        count = rows.length / width;
        into.start(count);
        submitted = 0;
        taken = 0;
        firstTicket = Long.MAX_VALUE;
        Status status = run(into, deadlineNs);
        this.rows = null;
        return status;
    }

    private Status run(Predictions into, long deadlineNs) {
        long start = System.nanoTime();
        int looks = 0;
        waiting.reset();
        while (taken < count) {
            int before = submitted + taken;
            push();
            take(into);
            if (submitted + taken != before) {
                waiting.reset();
                continue;
            }
            looks++;
            if ((looks & clockMask) == 0) {
                if (System.nanoTime() - start >= deadlineNs) {
                    return giveUp(into);
                }
                client.engine().lookAfter(0);
            }
            waiting.once();
        }
        return Status.OK;
    }

    private void push() {
        Engine engine = client.engine();
        if (!engine.connected()) {
            return;
        }
        if (submitted == 0) {
            firstTicket = engine.nextTicket();
        }
        Session session = engine.session();
        long meta = engine.ofEngine(model) | client.flags();
        int burst = Math.min(Math.min(BURST, client.room()), count - submitted);
        for (int pushed = 0; pushed < burst; pushed++) {
            session.push(meta, rows, submitted * width);
            submitted++;
        }
    }

    private void take(Predictions into) {
        int ready = client.engine().session().ready(BURST);
        for (int look = 0; look < ready && client.takeNext(scratch); look++) {
            if (scratch.ticket() >= firstTicket) {
                into.set(taken, scratch);
                taken++;
            } else {
                client.keep(scratch);
            }
        }
    }

    private Status giveUp(Predictions into) {
        Status why = client.missing();
        into.fail(taken, why);
        for (int row = taken; row < submitted; row++) {
            client.giveUp(firstTicket + row);
        }
        return why;
    }
}
