package conformance;

import static conformance.Stage.PLENTY_NS;
import static conformance.Stage.SECOND_NS;

import factord.Client;
import factord.Kind;
import factord.Model;
import factord.Prediction;
import factord.Status;
import java.util.Arrays;
import java.util.List;

/** Regions: a golden one, half-made ones, and ones that lie. */
final class HostileCases {
    private static final double[] ROW = {0.5, 0.25, 0.125};
    private static final int ROWS_PER_MODEL = 8;
    private static final int[] GENERATIONS = {7, 8};
    /** Of the engine that answers now, since the fifth answer; the one before had one less. */
    private static final long EPOCH = 42;
    private static final int ANSWERED_BEFORE = 4;
    private static final int WORKER_CPU = 2;
    /** For what must not come. */
    private static final long TENTH_NS = SECOND_NS / 10;
    private static final long SOON_NS = 5 * SECOND_NS;

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
            int[] cores = client.workerCores();
            boolean pinned = Arrays.equals(cores, new int[] {WORKER_CPU});
            Fault.ensure(pinned, "the workers' CPUs are " + Arrays.toString(cores));
            double spentNs = client.ticksToNs(10, 30);
            Fault.ensure(spentNs == 10.0, "20 ticks are " + spentNs + " ns");
            // They lie in their places before anybody asks.
            Fault.ensure(!client.poll(answer), "an answer that nobody asked for: " + answer);
            for (int index = 0; index < rows.size(); index++) {
                int model = index / ROWS_PER_MODEL;
                Row row = rows.get(index);
                long fingerprint = table.get(model).fingerprint();
                row.expect(client.predict(model, row.x(), PLENTY_NS, answer), answer);
                Stage.isOf(answer, GENERATIONS[model], 0, fingerprint);
                epoch(answer, index < ANSWERED_BEFORE ? EPOCH - 1 : EPOCH);
                row.expect(client.predictLocal(model, row.x(), answer), answer);
                Stage.isOf(answer, GENERATIONS[model], 0, fingerprint);
                epoch(answer, EPOCH);
            }
        }
        unentitled(stage, rows.subList(0, ROWS_PER_MODEL));
    }

    private static void epoch(Prediction answer, long expected) throws Fault {
        long found = answer.epoch();
        Fault.ensure(found == expected, "epoch " + found + " instead of " + expected);
    }

    /** The golden image as a user sees it that may not evaluate locally. */
    private static void unentitled(Stage stage, List<Row> rows) throws Exception {
        Prediction answer = new Prediction();
        try (Client client = stage.impostor("unentitled")) {
            Stage.refused(client.fetch(0, TENTH_NS), Status.NOT_FETCHED, "unentitled");
            for (Row row : rows) {
                row.expect(client.predictLocal(0, row.x(), answer), answer);
                Fault.ensure(answer.ticket() > 0, "evaluated without the right to");
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
                "three-descriptors", "four-descriptors", "pipe", "status-magic", "status-layout",
                "models-layout", "models-count", "resp-abi", "resp-shape", "resp-slots",
                "resp-outputs", "resp-class", "resp-client");
    }

    private static void allFail(Stage stage, String... impostors) throws Exception {
        for (String impostor : impostors) {
            stage.impostorFails(impostor);
        }
    }

    static void hostileAnswers(Stage stage) throws Exception {
        Prediction answer = new Prediction();
        Row first = stage.rows("image").get(0);
        try (Client client = stage.impostor("resp-echo")) {
            Status status = client.predict(0, ROW, PLENTY_NS, answer);
            Stage.refused(status, Status.ECHO_MISMATCH, "resp-echo");
        }
        try (Client client = stage.impostor("resp-status")) {
            // The row that the rest of the answer is for.
            Status status = client.predict(0, first.x(), PLENTY_NS, answer);
            Fault.ensure(status != Status.OK, "resp-status: " + answer);
        }
        try (Client client = stage.impostor("resp-ahead")) {
            long start = System.nanoTime();
            Status status = client.predict(0, ROW, TENTH_NS, answer);
            Stage.refused(status, Status.DEADLINE, "resp-ahead");
            Stage.took(start, TENTH_NS, PLENTY_NS);
        }
        try (Client client = stage.impostor("epoch-odd")) {
            long start = System.nanoTime();
            first.expect(client.predict(0, first.x(), PLENTY_NS, answer), answer);
            Stage.took(start, 0, SOON_NS);
        }
        hostileModels(stage, answer);
        hostileRows(stage, answer);
        falseVersions(stage, answer);
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
            Stage.took(start, 0, SOON_NS);
        }
        try (Client client = stage.impostor("models-check")) {
            Status status = client.predictLocal(0, ROW, answer);
            Stage.refused(status, Status.UNKNOWN_MODEL, "models-check");
        }
    }

    private static void hostileRows(Stage stage, Prediction answer) throws Exception {
        try (Client client = stage.impostor("status-wild")) {
            List<Model> table = client.models();
            Fault.ensure(table.size() == 1, "status-wild: " + table);
            Model row = table.get(0);
            boolean same = row.id() == 2 && row.name().equals("h") && row.kind() == 9
                    && row.width() == 3 && row.generation() == 1;
            Fault.ensure(same, "status-wild: " + row);
            Status status = client.predictLocal(2, ROW, answer);
            Fault.ensure(status != Status.OK, "status-wild: " + answer);
        }
        long start = System.nanoTime();
        stage.impostorFails("status-odd");
        Stage.took(start, 0, SOON_NS);
    }

    /** Images of an arm that are not what was asked for: the ring has its answers. */
    private static void falseVersions(Stage stage, Prediction answer) throws Exception {
        Request request = stage.requests().get(0);
        String[] impostors = {
            "image-short", "image-long", "image-other", "image-kind", "image-width", "image-form",
            "image-layout", "image-nan"
        };
        for (String impostor : impostors) {
            try (Client client = stage.impostor(impostor)) {
                Stage.refused(client.fetch(0, TENTH_NS), Status.NOT_FETCHED, impostor);
                request.expect(client.predictLocal(0, request.key(), request.x(), answer), answer);
                Fault.ensure(answer.ticket() > 0, impostor + " was evaluated");
            }
        }
    }
}
