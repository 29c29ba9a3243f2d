package factord;

import static factord.Check.LONG_NS;

import factord.AttachException.Reason;
import java.nio.file.Path;
import java.util.Map;

/** Requests and attachments that are refused. */
final class FailureTests {
    private static final double[] ROW = {0.5, 0.2, 0.3};

    private final Daemon daemon;

    FailureTests(Daemon daemon) {
        this.daemon = daemon;
    }

    Map<String, Check.Body> tests() {
        return Map.of(
                "each_refusal_has_its_status_and_no_number", this::refusals,
                "a_full_ring_refuses_at_once_and_loses_nothing", this::backPressure,
                "a_deadline_passes_and_the_late_answer_is_dropped", this::deadline,
                "a_batch_past_its_deadline_leaves_nothing_behind", this::batchDeadline,
                "without_a_daemon_the_path_that_was_tried_is_named", this::unreachable,
                "shapes_that_no_ring_has_are_refused", this::shapes,
                "a_closed_client_refuses_every_call", this::closed,
                "a_client_belongs_to_one_thread", this::threads);
    }

    private void refusals() throws Exception {
        Prediction answer = new Prediction();
        Predictions answers = new Predictions(2);
        try (Client client = daemon.attach()) {
            double[] bad = {0.5, Double.NaN, 0.3};
            Check.equal(client.predict(0, bad, LONG_NS, answer), Status.BAD_INPUT);
            Check.that(Double.isNaN(answer.y()) && Double.isNaN(answer.second()), answer);
            Check.equal(client.predictLocal(0, bad, answer), Status.BAD_INPUT);
            Check.equal(client.predict(15, ROW, LONG_NS, answer), Status.UNKNOWN_MODEL);
            for (int none : new int[] {15, 16, 65_536, -1}) {
                Check.equal(client.predict(none, ROW, LONG_NS, answer), Status.UNKNOWN_MODEL);
                Check.equal(client.predictLocal(none, ROW, answer), Status.UNKNOWN_MODEL);
            }
            Check.equal(Status.ofTicket(client.submit(-1, ROW)), Status.UNKNOWN_MODEL);
            Check.equal(client.predictBatch(-1, ROW, answers, LONG_NS), Status.UNKNOWN_MODEL);
            Check.equal(client.predict(0, new double[2], LONG_NS, answer), Status.WIDTH_MISMATCH);
            Check.equal(client.predictLocal(0, new double[4], answer), Status.WIDTH_MISMATCH);
            for (int len : new int[] {4, 9}) {
                Status status = client.predictBatch(0, new double[len], answers, LONG_NS);
                Check.equal(status, Status.WIDTH_MISMATCH);
            }
            PredictException error = Check.thrown(
                    PredictException.class, () -> client.predict(0, bad, LONG_NS));
            Check.equal(error.status(), Status.BAD_INPUT);
            Check.that(client.predict(0, ROW, LONG_NS).ok(), "a good row");
        }
    }

    private void backPressure() throws Exception {
        Prediction answer = new Prediction();
        double[][] rows = Rows.wild(64, 20);
        try (Client client = daemon.attach()) {
            daemon.stop();
            for (double[] row : rows) {
                Check.that(client.submit(0, row) > 0, "a ticket");
            }
            Check.equal(Status.ofTicket(client.submit(0, ROW)), Status.BACK_PRESSURE);
            Check.equal(client.predict(0, ROW, 1_000_000, answer), Status.BACK_PRESSURE);
            daemon.resume();
            for (int row = 0; row < rows.length; row++) {
                Check.pollUntil(client, answer);
                Check.equal(answer.ticket(), row + 1L);
                Check.sameBits(answer.y(), client.predictLocal(0, rows[row]).y());
            }
            Check.that(client.predict(0, ROW, LONG_NS).ok(), "room again");
        } finally {
            daemon.resume();
        }
    }

    private void deadline() throws Exception {
        Prediction answer = new Prediction();
        try (Client client = daemon.attach()) {
            daemon.stop();
            long start = System.nanoTime();
            Check.equal(client.predict(0, ROW, 30_000_000, answer), Status.DEADLINE);
            Check.that(System.nanoTime() - start >= 30_000_000, System.nanoTime() - start);
            Check.that(Double.isNaN(answer.y()), answer);
            daemon.resume();
            double[] other = {0.1, 0.9, 0.4};
            double y = client.predict(0, other, LONG_NS).y();
            Check.sameBits(y, client.predictLocal(0, other).y());
            Check.that(!client.poll(answer), answer);
        } finally {
            daemon.resume();
        }
    }

    private void batchDeadline() throws Exception {
        double[][] rows = Rows.wild(200, 21);
        Predictions answers = new Predictions(rows.length);
        Prediction answer = new Prediction();
        try (Client client = daemon.attach()) {
            daemon.stop();
            Status status = client.predictBatch(0, Rows.flat(rows), answers, 30_000_000);
            Check.equal(status, Status.DEADLINE);
            for (int row = 0; row < rows.length; row++) {
                Check.equal(answers.status(row), Status.DEADLINE);
                Check.that(Double.isNaN(answers.y(row)), row);
            }
            daemon.resume();
            Check.equal(client.predictBatch(1, Rows.flat(rows), answers, LONG_NS), Status.OK);
            for (int row = 0; row < rows.length; row++) {
                Check.sameBits(answers.y(row), client.predictLocal(1, rows[row]).y());
            }
            Check.that(!client.poll(answer), answer);
        } finally {
            daemon.resume();
        }
    }

    private void unreachable() {
        Path nobody = Path.of(daemon.socket() + ".nobody");
        AttachException error = attachFails(daemon.options().withSocket(nobody));
        Check.equal(error.reason(), Reason.UNREACHABLE);
        Check.that(error.getMessage().contains(nobody.toString()), error.getMessage());
        Check.that(error.getMessage().contains("factord serve"), error.getMessage());
        Path tooLong = Path.of(daemon.socket() + "x".repeat(200));
        error = attachFails(daemon.options().withSocket(tooLong));
        Check.equal(error.reason(), Reason.UNREACHABLE);
    }

    private void shapes() {
        for (int slots : new int[] {0, -1, 3, 8192, Integer.MIN_VALUE}) {
            AttachException error = attachFails(daemon.options().withSlotCount(slots));
            Check.equal(error.reason(), Reason.REFUSED);
            Check.that(error.getMessage().contains(slots + " slots"), error.getMessage());
        }
        for (int features : new int[] {0, -3, 1025}) {
            attachFails(daemon.options().withFeatureCount(features));
        }
        attachFails(daemon.options().withFeatureCount(1024).withSlotCount(4096));
        for (int outputs : new int[] {1, 65, Integer.MIN_VALUE}) {
            AttachException error = attachFails(daemon.options().withOutputCount(outputs));
            Check.equal(error.reason(), Reason.REFUSED);
            Check.that(error.getMessage().contains(outputs + " outputs"), error.getMessage());
        }
        AttachException error = attachFails(daemon.options().withHeavy(true));
        Check.equal(error.reason(), Reason.REFUSED);
        Check.that(error.getMessage().contains("--heavy-core"), error.getMessage());
    }

    private static AttachException attachFails(AttachOptions options) {
        return Check.thrown(AttachException.class, () -> Client.attach(options).close());
    }

    private void closed() throws Exception {
        Client client = daemon.attach();
        client.close();
        client.close();
        Prediction answer = new Prediction();
        Check.Body[] calls = {
            () -> client.predict(0, ROW, LONG_NS, answer),
            () -> client.submit(0, ROW),
            () -> client.poll(answer),
            () -> client.predictLocal(0, ROW, answer),
            () -> client.predictBatch(0, ROW, new Predictions(1), LONG_NS),
            client::models,
            client::modelsSequence,
            client::epoch,
            client::inFlight,
            client::workerCores,
            () -> client.number("regression"),
            () -> client.fetch(0, LONG_NS),
            () -> client.ticksToNs(0, 1),
            () -> client.pollMany(new Prediction[0]),
            () -> client.predictEach(new int[1], ROW, LONG_NS, new Prediction[1]),
            client::connected,
            () -> client.stamp(true),
        };
        for (Check.Body call : calls) {
            Check.thrown(IllegalStateException.class, call);
        }
    }

    private void threads() throws Exception {
        try (Client client = daemon.attach()) {
            Throwable[] found = new Throwable[1];
            Check.Body use = () -> client.predict(0, ROW, LONG_NS);
            Thread stranger = new Thread(() -> found[0] = Check.failure(use));
            stranger.start();
            stranger.join();
            Check.that(found[0] instanceof IllegalStateException, found[0]);
            Thread heir = new Thread(() -> found[0] = Check.failure(use));
            client.handOver(heir);
            Check.thrown(IllegalStateException.class, use);
            Check.thrown(
                    IllegalStateException.class, () -> client.handOver(Thread.currentThread()));
            heir.start();
            heir.join();
            Check.that(found[0] == null, found[0]);
            // The heir has ended, so that anybody may close.
        }
    }
}
