package conformance;

import static conformance.Stage.PLENTY_NS;
import static conformance.Stage.SECOND_NS;

import factord.Client;
import factord.Prediction;
import factord.Predictions;
import factord.Status;
import java.util.List;

/** A daemon that stands still, dies, comes back or changes a model. */
final class EngineCases {
    private EngineCases() {}

    static void deadline(Stage stage) throws Exception {
        Prediction answer = new Prediction();
        List<Row> rows = stage.rows("regression");
        try (Client client = stage.channel()) {
            int model = Stage.id(client, "regression");
            stage.conduct("stop");
            long start = System.nanoTime();
            long limitNs = SECOND_NS / 20;
            Status status = client.predict(model, rows.get(0).x(), limitNs, answer);
            Stage.refused(status, Status.DEADLINE, "while it stands still");
            Stage.took(start, limitNs, 5 * SECOND_NS);
            stage.conduct("continue");
            Row row = rows.get(1);
            row.expect(client.predict(model, row.x(), PLENTY_NS, answer), answer);
            Fault.ensure(!client.poll(answer), "the late answer was delivered");
        }
    }

    static void engineKilled(Stage stage) throws Exception {
        Prediction answer = new Prediction();
        List<Row> rows = stage.rows("regression");
        try (Client client = stage.channel()) {
            int model = Stage.id(client, "regression");
            rows.get(0).expect(client.predict(model, rows.get(0).x(), PLENTY_NS, answer), answer);
            long first = answer.epoch();
            stage.conduct("kill");
            long start = System.nanoTime();
            Status status = client.predict(model, rows.get(1).x(), SECOND_NS, answer);
            Stage.refused(status, Status.NOT_CONNECTED, "without an engine");
            Stage.took(start, SECOND_NS, PLENTY_NS);
            stage.conduct("start");
            rows.get(2).expect(client.predict(model, rows.get(2).x(), PLENTY_NS, answer), answer);
            long second = answer.epoch();
            Fault.ensure(second > first, "epoch " + second + " after " + first);
            stage.conduct("stop");
            List<Row> underWay = rows.subList(3, 8);
            for (Row row : underWay) {
                Fault.ensure(client.submit(model, row.x()) > 0, "submit");
            }
            stage.conduct("kill");
            stage.conduct("start");
            for (Row row : underWay) {
                Stage.next(client, answer);
                row.expect(answer.status(), answer);
                Fault.ensure(answer.epoch() > second, "epoch " + answer.epoch());
            }
            Fault.ensure(!client.poll(answer), "one too many");
        }
    }

    /** All answers of a batch are right; tells whether two engines gave them. */
    private static boolean right(List<Row> rows, int count, Predictions answers) throws Fault {
        long epochs = 1;
        for (int row = 0; row < count; row++) {
            rows.get(row % rows.size()).expect(answers, row);
            if (row > 0 && answers.epoch(row) != answers.epoch(row - 1)) {
                epochs++;
                boolean grows = answers.epoch(row) > answers.epoch(row - 1);
                Fault.ensure(grows, "row " + row + " has an older epoch");
            }
        }
        return epochs > 1;
    }

    static void batchAcrossKill(Stage stage) throws Exception {
        int count = 1_000_000;
        List<Row> rows = stage.rows("regression");
        double[] flat = Row.flat(rows, count);
        Predictions answers = new Predictions(count);
        try (Client client = stage.channel()) {
            int model = Stage.id(client, "regression");
            boolean across = false;
            for (int attempt = 0; attempt < 10 && !across; attempt++) {
                stage.conduct("restart-after", "20000");
                Status status = client.predictBatch(model, flat, answers, 3 * PLENTY_NS);
                Stage.refused(status, Status.OK, "predictBatch");
                across = right(rows, count, answers);
            }
            Fault.ensure(across, "no kill fell into one of 10 batches");
            stage.conduct("reset");
            stage.conduct("kill");
            double[] few = Row.flat(rows, 1000);
            long start = System.nanoTime();
            Status status = client.predictBatch(model, few, answers, SECOND_NS / 2);
            Stage.refused(status, Status.NOT_CONNECTED, "without an engine");
            Stage.took(start, SECOND_NS / 2, PLENTY_NS);
            stage.conduct("start");
            status = client.predictBatch(model, few, answers, PLENTY_NS);
            Stage.refused(status, Status.OK, "afterwards");
            right(rows, 1000, answers);
        }
    }

    static void modelSwapped(Stage stage) throws Exception {
        try (Client client = stage.channel()) {
            int first = Integer.parseInt(stage.conduct("swap", "a"));
            int second = swap(stage, client, "b", first, stage.rows("swing-a"));
            swap(stage, client, "a", second, stage.rows("swing-b"));
        }
    }

    /** Swaps, and predicts until an answer names the new generation, which is returned. */
    private static int swap(Stage stage, Client client, String variant, int before, List<Row> old)
            throws Exception {
        Prediction answer = new Prediction();
        int model = Stage.id(client, "swing");
        List<Row> rows = stage.rows("swing-" + variant);
        int generation = Integer.parseInt(stage.conduct("swap", variant));
        Fault.ensure(generation > before, "generation " + generation + " after " + before);
        long start = System.nanoTime();
        for (int index = 0; answer.generation() != generation; index++) {
            Row row = rows.get(index % rows.size());
            Status status = client.predict(model, row.x(), PLENTY_NS, answer);
            boolean adopted = answer.generation() == generation;
            Fault.ensure(
                    adopted || answer.generation() == before,
                    "generation " + answer.generation());
            (adopted ? row : old.get(index % rows.size())).expect(status, answer);
            Stage.took(start, 0, PLENTY_NS);
        }
        for (Row row : rows) {
            row.expect(client.predict(model, row.x(), PLENTY_NS, answer), answer);
            row.expect(client.predictLocal(model, row.x(), answer), answer);
            Fault.ensure(answer.generation() == generation, "local " + answer);
        }
        int named = client.model("swing").orElseThrow().generation();
        Fault.ensure(named == generation, "the model table says " + named);
        return generation;
    }
}
