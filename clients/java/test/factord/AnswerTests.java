package factord;

import static factord.Check.LONG_NS;

import java.util.List;
import java.util.Map;

/** What is answered while the engine lives. */
final class AnswerTests {
    private final Daemon daemon;

    AnswerTests(Daemon daemon) {
        this.daemon = daemon;
    }

    Map<String, Check.Body> tests() {
        return Map.of(
                "the_model_table_names_both_models", this::modelTable,
                "local_answers_are_the_ring_s_bit_for_bit", this::localIsRing,
                "pipelined_answers_come_in_the_order_of_submission", this::pipelined,
                "a_prediction_between_submissions_leaves_their_answers_for_poll", this::between,
                "a_batch_answers_each_row_and_says_which_are_bad", this::batch,
                "a_batch_leaves_earlier_answers_for_poll", this::batchAfterSubmit,
                "time_stamps_come_when_asked_for", this::stamps);
    }

    private void modelTable() throws Exception {
        try (Client client = daemon.attach()) {
            List<Model> models = client.models();
            Check.equal(models.size(), 2);
            Model linear = client.model("regression").orElseThrow();
            Model logistic = client.model("classification").orElseThrow();
            Check.equal(linear.kind(), Kind.LINEAR);
            Check.equal(logistic.kind(), Kind.LOGISTIC);
            Check.equal(linear.width(), 3);
            Check.that(linear.generation() >= 1, linear);
            Check.equal(logistic.sha256().length(), 64);
            Check.that(client.model("nobody").isEmpty(), models);
            Check.that(client.epoch() > 0, client.epoch());
            Check.equal(client.modelsSequence() % 2, 0L);
        }
    }

    private void localIsRing() throws Exception {
        Prediction ring = new Prediction();
        Prediction local = new Prediction();
        int answered = 0;
        int decided = 0;
        try (Client client = daemon.attach()) {
            for (String name : new String[] {"regression", "classification"}) {
                int model = client.model(name).orElseThrow().id();
                for (double[] row : Rows.wild(5000, 7)) {
                    Status status = client.predict(model, row, LONG_NS, ring);
                    Check.equal(client.predictLocal(model, row, local), status);
                    Check.sameBits(local.y(), ring.y());
                    Check.sameBits(local.second(), ring.second());
                    Check.equal(local.generation(), ring.generation());
                    Check.equal(local.epoch(), ring.epoch());
                    answered += status == Status.OK ? 1 : 0;
                    decided += ring.y() > 0 && ring.y() < 1 ? 1 : 0;
                }
            }
        }
        Check.equal(answered, 10_000);
        // Enough of them are neither 0 nor 1, so that the exponential itself is compared.
        Check.that(decided > 1000, decided);
    }

    private void pipelined() throws Exception {
        double[][] rows = Rows.wild(2000, 8);
        Prediction answer = new Prediction();
        Prediction expected = new Prediction();
        try (Client client = daemon.attach()) {
            int submitted = 0;
            for (int taken = 0; taken < rows.length; taken++) {
                while (submitted < rows.length) {
                    long ticket = client.submit(submitted % 2, rows[submitted]);
                    if (ticket < 0) {
                        Check.equal(Status.ofTicket(ticket), Status.BACK_PRESSURE);
                        break;
                    }
                    submitted++;
                    Check.equal(ticket, (long) submitted);
                }
                Check.pollUntil(client, answer);
                Check.equal(answer.ticket(), taken + 1L);
                client.predictLocal(taken % 2, rows[taken], expected);
                Check.sameBits(answer.y(), expected.y());
            }
            Check.that(!client.poll(answer), answer);
        }
    }

    private void between() throws Exception {
        double[][] rows = Rows.wild(40, 9);
        Prediction answer = new Prediction();
        try (Client client = daemon.attach()) {
            for (int row = 0; row < rows.length - 1; row++) {
                Check.equal(client.submit(0, rows[row]), row + 1L);
            }
            double y = client.predict(0, rows[rows.length - 1], LONG_NS).y();
            Check.sameBits(y, client.predictLocal(0, rows[rows.length - 1]).y());
            for (int row = 0; row < rows.length - 1; row++) {
                Check.that(client.poll(answer), row);
                Check.equal(answer.ticket(), row + 1L);
                Check.sameBits(answer.y(), client.predictLocal(0, rows[row]).y());
            }
            Check.that(!client.poll(answer), answer);
        }
    }

    private void batch() throws Exception {
        double[][] rows = Rows.wild(5000, 10);
        for (int row = 0; row < rows.length; row += 100) {
            rows[row][row / 100 % 3] = row % 200 == 0 ? Double.NaN : Double.NEGATIVE_INFINITY;
        }
        Predictions answers = new Predictions(rows.length + 1);
        Prediction local = new Prediction();
        try (Client client = daemon.attach()) {
            for (int model = 0; model < 2; model++) {
                Status status = client.predictBatch(model, Rows.flat(rows), answers, LONG_NS);
                Check.equal(status, Status.OK);
                Check.equal(answers.size(), rows.length);
                for (int row = 0; row < rows.length; row++) {
                    Status wanted = row % 100 == 0 ? Status.BAD_INPUT : Status.OK;
                    Check.equal(answers.status(row), wanted);
                    client.predictLocal(model, rows[row], local);
                    Check.sameBits(answers.y(row), local.y());
                    Check.sameBits(answers.second(row), local.second());
                    Check.equal(answers.generation(row), local.generation());
                    Check.equal(answers.epoch(row), client.epoch());
                }
            }
            Check.equal(client.predictBatch(0, new double[0], answers, LONG_NS), Status.OK);
            Check.equal(answers.size(), 0);
        }
    }

    private void batchAfterSubmit() throws Exception {
        double[][] rows = Rows.wild(500, 11);
        Predictions answers = new Predictions(rows.length);
        Prediction answer = new Prediction();
        try (Client client = daemon.attach()) {
            for (int row = 0; row < 30; row++) {
                client.submit(1, rows[row]);
            }
            Check.equal(client.predictBatch(0, Rows.flat(rows), answers, LONG_NS), Status.OK);
            for (int row = 0; row < rows.length; row++) {
                Check.sameBits(answers.y(row), client.predictLocal(0, rows[row]).y());
            }
            for (int row = 0; row < 30; row++) {
                Check.pollUntil(client, answer);
                Check.equal(answer.ticket(), row + 1L);
                Check.sameBits(answer.y(), client.predictLocal(1, rows[row]).y());
            }
            Check.that(!client.poll(answer), answer);
        }
    }

    private void stamps() throws Exception {
        try (Client client = daemon.attach()) {
            double[] row = {0.5, 0.2, 0.3};
            Check.equal(client.predict(0, row, LONG_NS).tReceived(), 0L);
            client.stamp(true);
            Prediction stamped = client.predict(0, row, LONG_NS);
            Check.that(stamped.tReceived() != 0, stamped.tReceived());
            Check.that(stamped.tDone() - stamped.tReceived() >= 0, stamped.tDone());
            client.stamp(false);
            Check.equal(client.predict(0, row, LONG_NS).tDone(), 0L);
        }
    }
}
