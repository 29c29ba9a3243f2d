package factord;

/** Many rows through a full ring, or one row to many models. */
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
    private long key;
    private double[] rows;
    /** The models of one row, and where their answers go; null for many rows of one model. */
    private int[] models;
    private Prediction[] each;
    private Predictions columns;
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

    Status predict(int model, long key, double[] rows, Predictions into, long deadlineNs) {
        into.start(0);
        if (rows.length % width != 0 || rows.length / width > into.capacity()) {
            return Status.WIDTH_MISMATCH;
        }
        if ((model & ~Abi.MODEL_MASK) != 0) {
            return Status.UNKNOWN_MODEL;
        }
        this.model = model;
        this.key = key;
        this.rows = rows;
        columns = into;
        count = rows.length / width;
        into.start(count);
        Status status = run(deadlineNs);
        this.rows = null;
        columns = null;
        return status;
    }

    Status predictEach(int[] models, double[] x, Prediction[] into, long deadlineNs) {
        if (x.length != width || models.length > into.length) {
            return Status.WIDTH_MISMATCH;
        }
        for (int asked : models) {
            if ((asked & ~Abi.MODEL_MASK) != 0) {
                return Status.UNKNOWN_MODEL;
            }
        }
        this.models = models;
        rows = x;
        each = into;
        count = models.length;
        Status status = run(deadlineNs);
        this.models = null;
        rows = null;
        each = null;
        return status;
    }

    private Status run(long deadlineNs) {
        long start = System.nanoTime();
        int looks = 0;
        submitted = 0;
        taken = 0;
        firstTicket = Long.MAX_VALUE;
        waiting.reset();
        while (taken < count) {
            int before = submitted + taken;
            push();
            take();
            if (submitted + taken != before) {
                waiting.reset();
                continue;
            }
            looks++;
            if ((looks & clockMask) == 0) {
                if (System.nanoTime() - start >= deadlineNs) {
                    return giveUp();
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
        int burst = Math.min(Math.min(BURST, client.room()), count - submitted);
        if (models != null) {
            for (int pushed = 0; pushed < burst; pushed++) {
                int asked = models[submitted];
                session.push(asked, engine.meta(asked) | client.flags(), 0, rows, 0);
                submitted++;
            }
            return;
        }
        // An engine that came meanwhile may have another number for the model.
        long meta = engine.meta(model) | client.flags();
        for (int pushed = 0; pushed < burst; pushed++) {
            session.push(model, meta, key, rows, submitted * width);
            submitted++;
        }
    }

    private void take() {
        int ready = client.engine().session().ready(BURST);
        for (int look = 0; look < ready && client.takeNext(scratch); look++) {
            if (scratch.ticket() >= firstTicket) {
                if (each != null) {
                    each[taken].copy(scratch);
                } else {
                    columns.set(taken, scratch);
                }
                taken++;
            } else {
                client.keep(scratch);
            }
        }
    }

    private Status giveUp() {
        Status why = client.missing();
        if (why == Status.DEADLINE && submitted == 0) {
            why = Status.BACK_PRESSURE;
        }
        if (each != null) {
            for (int row = taken; row < count; row++) {
                each[row].fail(why);
            }
        } else {
            columns.fail(taken, why);
        }
        for (int row = taken; row < submitted; row++) {
            client.giveUp(firstTicket + row);
        }
        return why;
    }
}
