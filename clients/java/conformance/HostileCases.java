package conformance;

import static conformance.Stage.PLENTY_NS;
import static conformance.Stage.SECOND_NS;

import factord.Client;
import factord.Kind;
import factord.Model;
import factord.Prediction;
import factord.Status;
import java.util.List;

/** Regions: a golden one, half-made ones, and ones that lie. */
final class HostileCases {
    private static final double[] ROW = {0.5, 0.25, 0.125};
    private static final int ROWS_PER_MODEL = 8;
    private static final int[] GENERATIONS = {7, 8};
    private static final long EPOCH = 42;

    private HostileCases() {}

    static void goldenImage(Stage stage) throws Exception {
        Prediction answer = new Prediction();
        List<Row> rows = stage.rows("image");
        Fault.ensure(rows.size() == 2 * ROWS_PER_MODEL, rows.size() + " rows");
        try (Client client = stage.impostor("good")) {
            List<Model> table = client.models();
            Fault.ensure(table.size() == 2, "the model table is " + table);
            is(table.get(0), 0, "regression", Kind.LINEAR);
            is(table.get(1), 1, "classification", Kind.LOGISTIC);
            // They lie in their places before anybody asks.
            Fault.ensure(!client.poll(answer), "an answer that nobody asked for: " + answer);
            for (int index = 0; index < rows.size(); index++) {
                int model = index / ROWS_PER_MODEL;
                Row row = rows.get(index);
                row.expect(client.predict(model, row.x(), PLENTY_NS, answer), answer);
                Fault.ensure(answer.epoch() == EPOCH, "epoch " + answer.epoch());
                Fault.ensure(answer.generation() == GENERATIONS[model], answer.toString());
                long fingerprint = answer.fingerprint();
                Fault.ensure(fingerprint == table.get(model).fingerprint(), "another artifact");
                row.expect(client.predictLocal(model, row.x(), answer), answer);
                Fault.ensure(answer.generation() == GENERATIONS[model], "local " + answer);
                Fault.ensure(answer.fingerprint() == fingerprint, "local: another artifact");
            }
        }
    }

    private static void is(Model row, int id, String name, int kind) throws Fault {
        boolean same = row.id() == id && row.name().equals(name) && row.kind() == kind
                && row.width() == 3 && row.generation() == GENERATIONS[id];
        Fault.ensure(same, row.toString());
    }

    static void halfMadeRegion(Stage stage) throws Exception {
        allFail(stage, "half-zero", "half-status", "half-models", "half-resp");
    }

    static void hostileRegions(Stage stage) throws Exception {
        allFail(stage, "unsealed-req", "unsealed-resp", "short-resp", "long-resp", "short-status",
                "three-descriptors", "pipe", "status-magic", "status-layout", "models-layout",
                "models-count", "resp-abi", "resp-shape", "resp-slots", "resp-client");
    }

    private static void allFail(Stage stage, String... impostors) throws Exception {
        for (String impostor : impostors) {
            stage.impostorFails(impostor);
        }
    }

    static void hostileAnswers(Stage stage) throws Exception {
        Prediction answer = new Prediction();
        try (Client client = stage.impostor("resp-echo")) {
            Status status = client.predict(0, ROW, PLENTY_NS, answer);
            Stage.refused(status, Status.ECHO_MISMATCH, "resp-echo");
        }
        try (Client client = stage.impostor("resp-status")) {
            // The row that the rest of the answer is for.
            double[] x = stage.rows("image").get(0).x();
            Status status = client.predict(0, x, PLENTY_NS, answer);
            Fault.ensure(status != Status.OK, "resp-status: " + answer);
        }
        try (Client client = stage.impostor("resp-ahead")) {
            long start = System.nanoTime();
            Status status = client.predict(0, ROW, SECOND_NS / 10, answer);
            Stage.refused(status, Status.DEADLINE, "resp-ahead");
            Stage.took(start, SECOND_NS / 10, PLENTY_NS);
        }
        hostileModels(stage, answer);
    }

    private static void hostileModels(Stage stage, Prediction answer) throws Exception {
        try (Client client = stage.impostor("models-wild")) {
            Fault.ensure(client.models().size() == 10, "models-wild: " + client.models());
            for (int model = 0; model < 10; model++) {
                // What no reader can use goes through the ring, where nobody answers it.
                Status status = client.predictLocal(model, ROW, answer);
                Fault.ensure(status != Status.OK, "models-wild " + model + ": " + answer);
            }
        }
        try (Client client = stage.impostor("models-torn")) {
            long start = System.nanoTime();
            Status status = client.predictLocal(0, ROW, answer);
            Fault.ensure(status != Status.OK, "models-torn: " + answer);
            Stage.took(start, 0, 5 * SECOND_NS);
        }
        try (Client client = stage.impostor("status-wild")) {
            List<Model> table = client.models();
            Fault.ensure(table.size() == 1, "status-wild: " + table);
            Model row = table.get(0);
            boolean same = row.id() == 2 && row.name().equals("i") && row.kind() == 9
                    && row.width() == 3 && row.generation() == 1;
            Fault.ensure(same, "status-wild: " + row);
            Status status = client.predictLocal(2, ROW, answer);
            Stage.refused(status, Status.UNKNOWN_MODEL, "status-wild");
        }
        long start = System.nanoTime();
        stage.impostorFails("status-odd");
        Stage.took(start, 0, 5 * SECOND_NS);
    }
}
