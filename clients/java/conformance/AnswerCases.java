package conformance;

import static conformance.Stage.PLENTY_NS;
import static conformance.Stage.SLOTS;

import factord.AttachOptions;
import factord.Client;
import factord.Model;
import factord.Prediction;
import factord.Predictions;
import factord.Status;
import java.util.ArrayList;
import java.util.List;

/** Answers of a daemon that lives. */
final class AnswerCases {
    private static final double[] ROW = {0.5, 0.25, 0.125};

    private AnswerCases() {}

    static void goldenRegression(Stage stage) throws Exception {
        golden(stage, "regression");
    }

    static void goldenClassification(Stage stage) throws Exception {
        golden(stage, "classification");
    }

    private static void golden(Stage stage, String name) throws Exception {
        Prediction answer = new Prediction();
        try (Client client = stage.channel()) {
            int model = Stage.id(client, name);
            for (Row row : stage.rows(name)) {
                row.expect(client.predict(model, row.x(), PLENTY_NS, answer), answer);
                Fault.ensure(answer.generation() >= 1, "generation " + answer.generation());
            }
        }
    }

    /** A good row is answered, whatever went before. */
    private static void stillAnswers(Stage stage, Client client) throws Exception {
        Prediction answer = new Prediction();
        Row row = stage.rows("regression").get(0);
        int model = Stage.id(client, "regression");
        row.expect(client.predict(model, row.x(), PLENTY_NS, answer), answer);
    }

    static void badInput(Stage stage) throws Exception {
        Prediction answer = new Prediction();
        try (Client client = stage.channel()) {
            for (String name : new String[] {"regression", "classification"}) {
                int model = Stage.id(client, name);
                for (Row row : stage.badRows()) {
                    Status status = client.predict(model, row.x(), PLENTY_NS, answer);
                    Stage.refused(status, Status.BAD_INPUT, name);
                }
            }
            stillAnswers(stage, client);
        }
    }

    static void unknownModel(Stage stage) throws Exception {
        Prediction answer = new Prediction();
        try (Client client = stage.channel()) {
            Status status = client.predict(Stage.NO_MODEL, ROW, PLENTY_NS, answer);
            Stage.refused(status, Status.UNKNOWN_MODEL, "model 15");
            stillAnswers(stage, client);
        }
    }

    static void widthMismatch(Stage stage) throws Exception {
        Prediction answer = new Prediction();
        double[] two = {0.5, 0.25};
        try (Client client = stage.channel()) {
            Status status = client.predict(Stage.id(client, "wide"), ROW, PLENTY_NS, answer);
            Stage.refused(status, Status.WIDTH_MISMATCH, "wide");
            int model = Stage.id(client, "regression");
            status = client.predict(model, two, PLENTY_NS, answer);
            Stage.refused(status, Status.WIDTH_MISMATCH, "two features");
            status = Status.ofTicket(client.submit(model, two));
            Stage.refused(status, Status.WIDTH_MISMATCH, "two features submitted");
            stillAnswers(stage, client);
            Fault.ensure(!client.poll(answer), "something was published");
        }
    }

    static void backPressure(Stage stage) throws Exception {
        Prediction answer = new Prediction();
        List<Row> rows = stage.rows("regression");
        try (Client client = stage.channel()) {
            int model = Stage.id(client, "regression");
            stage.conduct("stop");
            List<Long> tickets = new ArrayList<>();
            for (Row row : rows.subList(0, SLOTS)) {
                tickets.add(submit(client, model, row));
            }
            for (int attempt = 0; attempt < 2; attempt++) {
                Status status = Status.ofTicket(client.submit(model, rows.get(SLOTS).x()));
                Stage.refused(status, Status.BACK_PRESSURE, "the 65th");
            }
            stage.conduct("continue");
            for (int index = 0; index < SLOTS; index++) {
                take(client, rows.get(index), tickets.get(index), answer);
            }
            take(client, rows.get(SLOTS), submit(client, model, rows.get(SLOTS)), answer);
        }
    }

    private static long submit(Client client, int model, Row row) throws Fault {
        long ticket = client.submit(model, row.x());
        Stage.refused(Status.ofTicket(ticket), Status.OK, "submit");
        return ticket;
    }

    private static void take(Client client, Row row, long ticket, Prediction answer)
            throws Fault {
        Stage.next(client, answer);
        Fault.ensure(
                answer.ticket() == ticket, "answer " + answer.ticket() + " instead of " + ticket);
        row.expect(answer.status(), answer);
    }

    static void pipelinedOrder(Stage stage) throws Exception {
        try (Client client = stage.channel()) {
            inOrder(stage, client, "regression", "classification", 10_000);
        }
    }

    /** So many requests, rows of two models by turns, with a full ring under way. */
    static void inOrder(Stage stage, Client client, String one, String other, int count)
            throws Exception {
        Prediction answer = new Prediction();
        List<List<Row>> rows = List.of(stage.rows(one), stage.rows(other));
        int[] models = {Stage.id(client, one), Stage.id(client, other)};
        List<Long> tickets = new ArrayList<>();
        for (int taken = 0; taken < count; taken++) {
            while (tickets.size() < count && tickets.size() - taken < client.slotCount()) {
                int next = tickets.size();
                long ticket = client.submit(models[next % 2], row(rows, next).x());
                // It is coming back.
                boolean gone = Status.ofTicket(ticket) == Status.NOT_CONNECTED;
                if (gone && next > taken) {
                    break;
                }
                if (!gone) {
                    Stage.refused(Status.ofTicket(ticket), Status.OK, "submit");
                    tickets.add(ticket);
                }
            }
            take(client, row(rows, taken), tickets.get(taken), answer);
        }
        Fault.ensure(!client.poll(answer), "one too many");
    }

    private static Row row(List<List<Row>> rows, int index) {
        List<Row> of = rows.get(index % 2);
        return of.get(index % of.size());
    }

    static void batchGolden(Stage stage) throws Exception {
        List<Row> good = stage.rows("regression");
        List<Row> bad = stage.badRows();
        List<Row> rows = new ArrayList<>(good);
        rows.addAll(bad);
        Predictions answers = new Predictions(rows.size());
        try (Client client = stage.channel()) {
            int model = Stage.id(client, "regression");
            double[] flat = Row.flat(rows, rows.size());
            Status status = client.predictBatch(model, flat, answers, PLENTY_NS);
            Stage.refused(status, Status.OK, "predictBatch");
            for (int row = 0; row < rows.size(); row++) {
                if (row < good.size()) {
                    good.get(row).expect(answers, row);
                } else {
                    Stage.refused(answers.status(row), Status.BAD_INPUT, "row " + row);
                }
            }
            status = client.predictBatch(model, new double[0], answers, 0);
            Stage.refused(status, Status.OK, "an empty batch");
        }
    }

    static void localEqualsRing(Stage stage) throws Exception {
        Prediction ring = new Prediction();
        Prediction local = new Prediction();
        try (Client client = stage.channel()) {
            for (String name : new String[] {"regression", "classification"}) {
                Model served = Stage.model(client, name);
                int model = served.id();
                for (Row row : stage.rows(name)) {
                    row.expect(client.predict(model, row.x(), PLENTY_NS, ring), ring);
                    row.expect(client.predictLocal(model, row.x(), local), local);
                    Stage.isOf(ring, ring.generation(), 0, served.fingerprint());
                    Stage.isOf(local, ring.generation(), 0, served.fingerprint());
                    Fault.ensure(local.epoch() == ring.epoch(), local + " and " + ring);
                }
                for (Row row : stage.badRows()) {
                    Status status = client.predictLocal(model, row.x(), local);
                    Stage.refused(status, Status.BAD_INPUT, name);
                }
            }
            Status status = client.predictLocal(Stage.NO_MODEL, ROW, local);
            Stage.refused(status, Status.UNKNOWN_MODEL, "model 15");
        }
    }

    static void wide(Stage stage) throws Exception {
        AttachOptions options =
                Stage.options(stage.socket()).withFeatureCount(1000).withSlotCount(16);
        Prediction answer = new Prediction();
        try (Client client = Client.attach(options)) {
            for (String name : new String[] {"wide", "wide-logistic"}) {
                int model = Stage.id(client, name);
                List<Row> rows = stage.rows(name);
                // Through the ring, which has ten milliseconds, until the parameters are here.
                Row first = rows.get(0);
                Status early = client.predictLocal(model, first.x(), answer);
                if (early != Status.DEADLINE) {
                    first.expect(early, answer);
                }
                Stage.refused(client.fetch(model, PLENTY_NS), Status.OK, "fetch of " + name);
                for (Row row : rows) {
                    row.expect(client.predict(model, row.x(), PLENTY_NS, answer), answer);
                    long fingerprint = answer.fingerprint();
                    row.expect(client.predictLocal(model, row.x(), answer), answer);
                    Fault.ensure(answer.ticket() == 0, name + " went through the ring");
                    boolean same = fingerprint != 0 && answer.fingerprint() == fingerprint;
                    Fault.ensure(same, name + " is of two fingerprints");
                }
            }
            int narrow = Stage.id(client, "regression");
            Status status = client.predict(narrow, new double[1000], PLENTY_NS, answer);
            Stage.refused(status, Status.WIDTH_MISMATCH, "regression");
        }
        wideOnANarrowChannel(stage);
    }

    /** The ring takes no such row, so that a local call waits for the parameters alone. */
    private static void wideOnANarrowChannel(Stage stage) throws Exception {
        Prediction answer = new Prediction();
        try (Client client = stage.channel()) {
            for (String name : new String[] {"wide", "wide-logistic"}) {
                int model = Stage.id(client, name);
                Row row = stage.rows(name).get(0);
                Status early = client.predictLocal(model, row.x(), answer);
                if (early != Status.NOT_FETCHED) {
                    row.expect(early, answer);
                }
                Stage.refused(client.fetch(model, PLENTY_NS), Status.OK, "fetch of " + name);
                row.expect(client.predictLocal(model, row.x(), answer), answer);
            }
        }
    }
}
