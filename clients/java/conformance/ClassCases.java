package conformance;

import static conformance.Stage.PLENTY_NS;
import static conformance.Stage.SECOND_NS;

import factord.AttachOptions;
import factord.Client;
import factord.Prediction;
import factord.Predictions;
import factord.Status;
import java.util.ArrayList;
import java.util.List;

/** Models of the other class than the channel's. */
final class ClassCases {
    private static final String LIGHT = "wide";
    private static final String HEAVY = "wide-logistic";
    private static final int OTHERS = 15;
    private static final int BATCH_ROWS = 100;

    private ClassCases() {}

    private static void right(Stage stage, Client client) throws Exception {
        Prediction answer = new Prediction();
        for (String name : new String[] {LIGHT, HEAVY}) {
            int model = Stage.id(client, name);
            for (Row row : stage.rows(name)) {
                row.expect(client.predict(model, row.x(), PLENTY_NS, answer), answer);
            }
        }
    }

    static void secondChannel(Stage stage) throws Exception {
        AttachOptions options =
                Stage.options(stage.socket()).withFeatureCount(1000).withSlotCount(16);
        try (Client client = Stage.attach(options)) {
            right(stage, client);
        }
        if (stage.conduct("classes").equals("-")) {
            return;
        }
        try (Client client = Stage.attach(options)) {
            withoutRoom(stage, client);
            withRoom(stage, client);
            right(stage, client);
            batch(stage, client);
            stage.conduct("restart-after", "500");
            AnswerCases.inOrder(stage, client, LIGHT, HEAVY, 2000);
        }
        try (Client client = Stage.attach(options.withHeavy(true))) {
            right(stage, client);
        }
    }

    private static void withoutRoom(Stage stage, Client client) throws Exception {
        Prediction answer = new Prediction();
        Row light = stage.rows(LIGHT).get(0);
        Row heavy = stage.rows(HEAVY).get(0);
        List<Client> others = new ArrayList<>();
        try {
            while (others.size() < OTHERS) {
                others.add(stage.channel());
            }
            for (int round = 0; round < 3; round++) {
                int model = Stage.id(client, HEAVY);
                Status status = client.predict(model, heavy.x(), PLENTY_NS, answer);
                Stage.refused(status, Status.WRONG_CLASS, "without room for a second channel");
                model = Stage.id(client, LIGHT);
                light.expect(client.predict(model, light.x(), PLENTY_NS, answer), answer);
            }
        } finally {
            others.forEach(Client::close);
        }
    }

    private static void withRoom(Stage stage, Client client) throws Exception {
        Prediction answer = new Prediction();
        Row row = stage.rows(HEAVY).get(0);
        int model = Stage.id(client, HEAVY);
        long start = System.nanoTime();
        Status status = client.predict(model, row.x(), PLENTY_NS, answer);
        while (status == Status.WRONG_CLASS) {
            Stage.took(start, 0, 5 * SECOND_NS);
            Thread.sleep(10);
            status = client.predict(model, row.x(), PLENTY_NS, answer);
        }
        row.expect(status, answer);
    }

    private static void batch(Stage stage, Client client) throws Exception {
        List<Row> rows = stage.rows(HEAVY);
        Predictions answers = new Predictions(BATCH_ROWS);
        int model = Stage.id(client, HEAVY);
        double[] flat = Row.flat(rows, BATCH_ROWS);
        Stage.refused(
                client.predictBatch(model, flat, answers, PLENTY_NS), Status.OK, "predictBatch");
        for (int row = 0; row < BATCH_ROWS; row++) {
            rows.get(row % rows.size()).expect(answers, row);
        }
    }
}
