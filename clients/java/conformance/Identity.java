package conformance;

import static conformance.Stage.PLENTY_NS;

import factord.Client;
import factord.Prediction;
import factord.Predictions;
import factord.Status;
import java.util.List;

/** A client is bound to a model by its name, whatever number an engine gives it. */
final class Identity {
    private static final String[] SETS = {
        "renumbered", "late", "crowded", "without", "back", "plain"
    };
    private static final int UNDER_WAY = 32;
    private static final int BATCH = 100_000;
    private static final int SMALL_BATCH = 1000;

    private final Stage stage;
    private final Client client;
    private final List<Row> rows;
    private final int model;
    private final double[] flat;
    private final Prediction answer = new Prediction();
    private final Predictions answers = new Predictions(BATCH);

    private Identity(Stage stage, Client client) throws Exception {
        this.stage = stage;
        this.client = client;
        rows = stage.rows("bb");
        flat = Row.flat(rows, BATCH);
        model = Stage.id(client, "bb");
    }

    static void run(Stage stage) throws Exception {
        String rounds = System.getenv("FACTORD_IDENTITY_ROUNDS");
        stage.conduct("set", "plain");
        stage.conduct("kill");
        stage.conduct("start");
        try (Client client = stage.channel()) {
            new Identity(stage, client).rounds(rounds == null ? 12 : Integer.parseInt(rounds));
        }
    }

    private void rounds(int count) throws Exception {
        Fault.ensure(asked(0) && askedLocally(0), "bb is not served");
        for (int round = 0; round < count; round++) {
            String set = SETS[round % SETS.length];
            if (round / SETS.length % 2 == 0) {
                restartUnderSingleRequests(set);
            } else {
                restartUnderABatch(set);
            }
            settled(!set.equals("without"));
        }
    }

    private Row row(int index) {
        return rows.get(index % rows.size());
    }

    /** An answer on the way is that of its row, or there is no such model: then false. */
    private boolean right(int row, Status status) throws Fault {
        if (status == Status.UNKNOWN_MODEL) {
            return false;
        }
        row(row).expect(status, answer);
        return true;
    }

    private boolean asked(int row) throws Fault {
        return right(row, client.predict(model, row(row).x(), PLENTY_NS, answer));
    }

    /** False also when the engine's last heartbeat is a second ago. */
    private boolean askedLocally(int row) throws Fault {
        Status status = client.predictLocal(model, row(row).x(), answer);
        return status != Status.NOT_CONNECTED && right(row, status);
    }

    /** How many rows of a batch have a prediction; the others have no model. */
    private int batch(double[] some) throws Fault {
        int found = 0;
        Status status = client.predictBatch(model, some, answers, 3 * PLENTY_NS);
        Stage.refused(status, Status.OK, "predictBatch");
        for (int row = 0; row < answers.size(); row++) {
            if (answers.status(row) != Status.UNKNOWN_MODEL) {
                row(row).expect(answers, row);
                found++;
            }
        }
        return found;
    }

    private void restartUnderSingleRequests(String set) throws Exception {
        stage.conduct("stop");
        for (int row = 0; row < UNDER_WAY; row++) {
            Fault.ensure(client.submit(model, row(row).x()) > 0, "submit");
        }
        stage.conduct("set", set);
        stage.conduct("kill");
        stage.conduct("start");
        long last = 0;
        for (int row = 0; row < UNDER_WAY; row++) {
            Stage.next(client, answer);
            Fault.ensure(answer.ticket() > last, "out of order");
            last = answer.ticket();
            right(row, answer.status());
            askedLocally(row);
        }
        Fault.ensure(!client.poll(answer), "one too many");
    }

    private void restartUnderABatch(String set) throws Exception {
        long epoch = client.epoch();
        stage.conduct("set", set);
        stage.conduct("restart-after", "1000");
        batch(flat);
        long start = System.nanoTime();
        while (client.epoch() == epoch) {
            Stage.took(start, 0, PLENTY_NS);
            asked(0);
            askedLocally(0);
        }
    }

    /** What the engine serves now is what its set says. */
    private void settled(boolean served) throws Exception {
        long start = System.nanoTime();
        while (asked(0) != served) {
            Stage.took(start, 0, PLENTY_NS);
        }
        for (int row = 0; row < UNDER_WAY; row++) {
            boolean same = asked(row) == served && askedLocally(row) == served;
            Fault.ensure(same, "row " + row + ": bb is " + (served ? "gone" : "there"));
        }
        int found = batch(Row.flat(rows, SMALL_BATCH));
        Fault.ensure(found == (served ? SMALL_BATCH : 0), found + " of " + SMALL_BATCH);
        if (served) {
            Fault.ensure(Stage.id(client, "bb") == model, "bb has another number");
        }
    }
}
