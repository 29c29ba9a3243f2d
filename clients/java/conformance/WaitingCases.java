package conformance;

import static conformance.Stage.PLENTY_NS;
import static conformance.Stage.SECOND_NS;
import static conformance.Stage.SLOTS;

import factord.AttachException;
import factord.AttachException.Reason;
import factord.AttachOptions;
import factord.Client;
import factord.Prediction;
import factord.Predictions;
import factord.Status;
import java.util.List;

/** Deadlines while nobody takes connections, room in the ring, and waiting for a daemon. */
final class WaitingCases {
    private static final int TURNS = 20;
    /** Everything that does not wait is over by then, on a busy machine too. */
    private static final long SOON_NS = SECOND_NS / 2;
    private static final long WAIT_NS = 300_000_000;

    private WaitingCases() {}

    static void backlogFull(Stage stage) throws Exception {
        Prediction answer = new Prediction();
        List<Row> rows = stage.rows("regression");
        try (Client client = stage.channel()) {
            int model = Stage.id(client, "regression");
            Row row = rows.get(0);
            row.expect(client.predict(model, row.x(), PLENTY_NS, answer), answer);
            stage.conduct("kill");
            stage.conduct("start");
            stage.conduct("stop");
            callsReturn(client, model, row);
            stage.conduct("fill-backlog");
            callsReturn(client, model, row);
            long start = System.nanoTime();
            Stage.fails(Stage.options(stage.socket()));
            Stage.took(start, 0, 5 * SECOND_NS);
            stage.conduct("continue");
            row = rows.get(1);
            row.expect(client.predict(model, row.x(), PLENTY_NS, answer), answer);
        }
    }

    /** Each call beside an engine that neither answers nor takes connections. */
    private static void callsReturn(Client client, int model, Row row) throws Fault {
        Prediction answer = new Prediction();
        long limitNs = 10_000_000;
        for (int turn = 0; turn < TURNS; turn++) {
            long start = System.nanoTime();
            Status status = Status.ofTicket(client.submit(model, row.x()));
            Stage.took(start, 0, SOON_NS);
            boolean taken = status == Status.OK;
            Fault.ensure(taken || status == Status.NOT_CONNECTED, "submit: " + status);
            start = System.nanoTime();
            Fault.ensure(!client.poll(answer), "an answer of an engine that stands still");
            Stage.took(start, 0, SOON_NS);
            start = System.nanoTime();
            status = client.predict(model, row.x(), limitNs, answer);
            Stage.took(start, limitNs, SOON_NS);
            Fault.ensure(status != Status.OK, "an answer of an engine that stands still");
            start = System.nanoTime();
            status = client.predictLocal(model, row.x(), answer);
            Stage.took(start, 0, SOON_NS);
            // A second after the last heartbeat there is no answer any more.
            if (status != Status.NOT_CONNECTED) {
                row.expect(status, answer);
            }
        }
    }

    static void reaped(Stage stage) throws Exception {
        Prediction answer = new Prediction();
        Predictions answers = new Predictions(SLOTS);
        List<Row> rows = stage.rows("regression");
        Row last = rows.get(SLOTS);
        try (Client client = stage.channel()) {
            int model = Stage.id(client, "regression");
            stage.conduct("stop");
            double[] flat = Row.flat(rows, SLOTS);
            Status status = client.predictBatch(model, flat, answers, SECOND_NS / 20);
            Stage.refused(status, Status.DEADLINE, "predictBatch");
            long ticket = client.submit(model, last.x());
            Stage.refused(Status.ofTicket(ticket), Status.BACK_PRESSURE, "submit");
            stage.conduct("continue");
            long start = System.nanoTime();
            while (Status.ofTicket(ticket) == Status.BACK_PRESSURE) {
                Stage.took(start, 0, PLENTY_NS);
                ticket = client.submit(model, last.x());
            }
            Stage.refused(Status.ofTicket(ticket), Status.OK, "submit");
            Stage.next(client, answer);
            Fault.ensure(answer.ticket() == ticket, "another request's answer");
            last.expect(answer.status(), answer);
            Fault.ensure(!client.poll(answer), "one too many");
        }
    }

    static void attachWait(Stage stage) throws Exception {
        AttachOptions options = Stage.options(stage.socket());
        stage.conduct("kill");
        unreachable(options);
        long start = System.nanoTime();
        unreachable(options.withWaitNs(WAIT_NS));
        Stage.took(start, WAIT_NS, 5 * SECOND_NS);
        stage.conduct("start-after", "300");
        Prediction answer = new Prediction();
        Row row = stage.rows("regression").get(0);
        try (Client client = Stage.attach(options.withWaitNs(PLENTY_NS))) {
            int model = Stage.id(client, "regression");
            row.expect(client.predict(model, row.x(), PLENTY_NS, answer), answer);
        }
    }

    private static void unreachable(AttachOptions options) throws Fault {
        AttachException error = Stage.fails(options);
        Fault.ensure(error.reason() == Reason.UNREACHABLE, error.toString());
    }
}
