package conformance;

import static conformance.Stage.PLENTY_NS;

import factord.Client;
import factord.Model;
import factord.PinException;
import factord.PinException.Reason;
import factord.Prediction;
import factord.Predictions;
import factord.Status;
import java.util.List;
import java.util.function.Predicate;

/** The versions of one name: pinned, and divided by unit keys. */
final class VersionCases {
    private static final int ARMS = 4;

    private VersionCases() {}

    /** Waits for an answer of the version: the worker adopts one between two sweeps. */
    private static void answered(
            Client client, int model, Row row, Predicate<Prediction> isIt) throws Fault {
        Prediction answer = new Prediction();
        long start = System.nanoTime();
        Status status = client.predict(model, row.x(), PLENTY_NS, answer);
        while (status != Status.OK || !isIt.test(answer)) {
            boolean mayCome = status == Status.OK || status == Status.OTHER_VERSION;
            Fault.ensure(mayCome, "predict: " + status);
            Stage.took(start, 0, PLENTY_NS);
            status = client.predict(model, row.x(), PLENTY_NS, answer);
        }
    }

    private static void right(Client client, int model, List<Row> rows) throws Fault {
        Prediction answer = new Prediction();
        for (Row row : rows) {
            row.expect(client.predict(model, row.x(), PLENTY_NS, answer), answer);
            row.expect(client.predictLocal(model, row.x(), answer), answer);
        }
    }

    private static void otherVersion(Client client, int model, Row row) throws Fault {
        Prediction answer = new Prediction();
        Status status = client.predict(model, row.x(), PLENTY_NS, answer);
        Stage.refused(status, Status.OTHER_VERSION, "predict");
        status = client.predictLocal(model, row.x(), answer);
        Stage.refused(status, Status.OTHER_VERSION, "predictLocal");
    }

    private static void pinFails(Client client, String name, String sha256, Reason reason)
            throws Fault {
        try {
            int pin = client.pin(name, sha256);
            throw new Fault(name + " was pinned: " + pin);
        } catch (PinException error) {
            Fault.ensure(error.reason() == reason, error.toString());
        }
    }

    static void pinned(Stage stage) throws Exception {
        List<Row> a = stage.rows("swing-a");
        List<Row> b = stage.rows("swing-b");
        try (Client client = stage.channel()) {
            stage.conduct("swap", "a");
            Model swing = Stage.model(client, "swing");
            int pin = client.pin("swing", swing.sha256());
            Fault.ensure(pin != swing.id(), "the pinned number is that of the name");
            pinFails(client, "no-such-model", swing.sha256(), Reason.NOT_SERVED);
            answered(client, pin, a.get(0), answer -> true);
            right(client, pin, a);
            int generation = Integer.parseInt(stage.conduct("swap", "b"));
            answered(client, swing.id(), b.get(0), answer -> answer.generation() == generation);
            otherVersion(client, pin, b.get(0));
            Predictions answers = new Predictions(b.size());
            double[] flat = Row.flat(b, b.size());
            Status status = client.predictBatch(pin, flat, answers, PLENTY_NS);
            Stage.refused(status, Status.OK, "predictBatch");
            for (int row = 0; row < b.size(); row++) {
                Stage.refused(answers.status(row), Status.OTHER_VERSION, "row " + row);
            }
            Prediction answer = new Prediction();
            for (Row bad : stage.badRows()) {
                status = client.predict(pin, bad.x(), PLENTY_NS, answer);
                Stage.refused(status, Status.BAD_INPUT, "a bad row");
            }
            right(client, swing.id(), b);
            stage.conduct("swap", "a");
            answered(client, pin, a.get(0), found -> true);
            right(client, pin, a);
            otherVersion(client, client.pin("swing", "07".repeat(32)), a.get(0));
        }
    }

    static void unitKeys(Stage stage) throws Exception {
        Prediction answer = new Prediction();
        List<Request> requests = stage.requests();
        try (Client client = stage.impostor("divided")) {
            for (Request request : requests) {
                Status status =
                        client.predict(0, request.key(), request.x(), PLENTY_NS, answer);
                request.expect(status, answer);
            }
            Model row = Stage.model(client, "regression");
            Fault.ensure(row.armCount() == ARMS, row.toString());
            pinFails(client, "regression", row.sha256(), Reason.DIVIDED);
            Stage.refused(client.fetch(0, PLENTY_NS), Status.OK, "fetch");
            for (Request request : requests) {
                request.expect(client.predictLocal(0, request.key(), request.x(), answer), answer);
                Fault.ensure(answer.ticket() == 0, "an answer of the ring");
            }
        }
    }
}
