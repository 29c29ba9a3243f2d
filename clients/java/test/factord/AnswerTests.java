package factord;

import static factord.Check.LONG_NS;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** What is answered while the engine lives. */
final class AnswerTests {
    private final Daemon daemon;

    AnswerTests(Daemon daemon) {
        this.daemon = daemon;
    }

    Map<String, Check.Body> tests() {
        return Map.ofEntries(
                Map.entry("the_model_table_names_both_models", this::modelTable),
                Map.entry("local_answers_are_the_ring_s_bit_for_bit", this::localIsRing),
                Map.entry("pipelined_answers_come_in_the_order_of_submission", this::pipelined),
                Map.entry("a_prediction_between_submissions_leaves_their_answers_for_poll", this::between),
                Map.entry("a_batch_answers_each_row_and_says_which_are_bad", this::batch),
                Map.entry("a_batch_leaves_earlier_answers_for_poll", this::batchAfterSubmit),
                Map.entry("time_stamps_come_when_asked_for", this::stamps),
                Map.entry("one_row_goes_to_several_models_in_one_call", this::each),
                Map.entry("many_answers_are_taken_in_one_call", this::many),
                Map.entry("a_channel_with_room_for_more_outputs_answers", this::outputs),
                Map.entry("a_thread_on_a_worker_s_cpu_is_told_once", this::told));
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
            Check.equal(client.number("regression"), 0);
            Check.equal(client.number("classification"), 1);
            Check.equal(client.number("nobody"), -1);
            Check.equal(linear.armCount() + " " + linear.heavy(), "1 false");
            Check.that(linear.costNs() > 0 && linear.outputCount() == 2, linear);
        }
    }

    private void localIsRing() throws Exception {
        Prediction ring = new Prediction();
        Prediction local = new Prediction();
        int answered = 0;
        int decided = 0;
        try (Client client = daemon.attach()) {
            for (String name : new String[] {"regression", "classification"}) {
                Model served = client.model(name).orElseThrow();
                int model = served.id();
                long fingerprint = served.fingerprint();
                for (double[] row : Rows.wild(5000, 7)) {
                    Status status = client.predict(model, row, LONG_NS, ring);
                    // On a busy machine a heart may miss its beats for a second.
                    long start = System.nanoTime();
                    Status found = client.predictLocal(model, row, local);
                    while (found == Status.NOT_CONNECTED) {
                        Check.that(System.nanoTime() - start < LONG_NS, "no heartbeat");
                        Thread.yield();
                        found = client.predictLocal(model, row, local);
                    }
                    Check.equal(found, status);
                    Check.sameBits(local.y(), ring.y());
                    Check.sameBits(local.second(), ring.second());
                    Check.equal(local.generation(), ring.generation());
                    Check.equal(local.fingerprint(), fingerprint);
                    Check.equal(ring.fingerprint(), fingerprint);
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
                String shown = "Predictions[5000 rows, 4950 with a prediction: BAD_INPUT, y=";
                Check.that(answers.toString().startsWith(shown), answers);
                Check.that(answers.toString().endsWith(", ...]"), answers);
                for (int row = 0; row < rows.length; row++) {
                    Status wanted = row % 100 == 0 ? Status.BAD_INPUT : Status.OK;
                    Check.equal(answers.status(row), wanted);
                    client.predictLocal(model, rows[row], local);
                    Check.sameBits(answers.y(row), local.y());
                    Check.sameBits(answers.second(row), local.second());
                    Check.equal(answers.generation(row), local.generation());
                    if (wanted == Status.OK) {
                        Check.equal(answers.fingerprint(row), local.fingerprint());
                    }
                    Check.equal(answers.epoch(row), client.epoch());
                }
            }
            Check.equal(client.predictBatch(0, new double[0], answers, LONG_NS), Status.OK);
            Check.equal(answers.size(), 0);
            Check.equal(answers.toString(), "Predictions[0 rows, 0 with a prediction]");
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
            double ns = client.ticksToNs(stamped.tReceived(), stamped.tDone());
            Check.that(ns >= 0 && ns < LONG_NS, ns);
            Check.that(client.ticksToNs(stamped.tDone(), stamped.tReceived()) == -ns, ns);
            client.stamp(false);
            Check.equal(client.predict(0, row, LONG_NS).tDone(), 0L);
        }
    }

    private void each() throws Exception {
        int[] models = new int[200];
        Prediction[] answers = new Prediction[models.length];
        for (int i = 0; i < models.length; i++) {
            models[i] = i % 10 == 9 ? 77 : i % 2;
            answers[i] = new Prediction();
        }
        double[] row = {0.5, 0.2, 0.3};
        Prediction earlier = new Prediction();
        try (Client client = daemon.attach()) {
            Check.equal(client.submit(1, row), 1L);
            // More than the ring has slots.
            Check.equal(client.predictEach(models, row, LONG_NS, answers), Status.OK);
            for (int i = 0; i < models.length; i++) {
                Check.equal(answers[i].ticket(), i + 2L);
                if (models[i] == 77) {
                    Check.equal(answers[i].status(), Status.UNKNOWN_MODEL);
                } else {
                    Check.sameBits(answers[i].y(), client.predictLocal(models[i], row).y());
                }
            }
            Check.that(client.poll(earlier) && earlier.ticket() == 1, earlier);
            Check.equal(client.predictEach(new int[0], row, 0, answers), Status.OK);
            int[] wrong = {0, -1};
            Status status = client.predictEach(wrong, row, LONG_NS, answers);
            Check.equal(status, Status.UNKNOWN_MODEL);
            status = client.predictEach(models, new double[2], LONG_NS, answers);
            Check.equal(status, Status.WIDTH_MISMATCH);
            status = client.predictEach(models, row, LONG_NS, new Prediction[1]);
            Check.equal(status, Status.WIDTH_MISMATCH);
            Check.that(!client.poll(earlier), earlier);
            daemon.stop();
            status = client.predictEach(models, row, 20_000_000, answers);
            Check.equal(status, Status.DEADLINE);
            Check.equal(answers[199].status(), Status.DEADLINE);
            // Nobody takes what was abandoned while the engine stands still.
            status = client.predictEach(models, row, 20_000_000, answers);
            Check.equal(status, Status.BACK_PRESSURE);
            Check.equal(answers[0].status(), Status.BACK_PRESSURE);
            daemon.resume();
            Check.equal(client.predictEach(models, row, LONG_NS, answers), Status.OK);
            Check.that(!client.poll(earlier), earlier);
        } finally {
            daemon.resume();
        }
    }

    private void many() throws Exception {
        double[][] rows = Rows.wild(40, 12);
        Prediction[] answers = new Prediction[25];
        for (int i = 0; i < answers.length; i++) {
            answers[i] = new Prediction();
        }
        try (Client client = daemon.attach()) {
            Check.equal(client.pollMany(answers), 0);
            for (int row = 0; row < rows.length; row++) {
                Check.equal(client.submit(0, rows[row]), row + 1L);
            }
            Check.equal(client.inFlight(), rows.length);
            long start = System.nanoTime();
            int taken = 0;
            while (taken < rows.length) {
                Check.that(System.nanoTime() - start < LONG_NS, taken);
                int count = client.pollMany(answers);
                for (int i = 0; i < count; i++) {
                    Check.equal(answers[i].ticket(), taken + 1L);
                    Check.sameBits(answers[i].y(), client.predictLocal(0, rows[taken]).y());
                    taken++;
                }
            }
            Check.equal(client.inFlight(), 0);
        }
    }

    private void outputs() throws Exception {
        double[][] rows = Rows.wild(500, 13);
        for (int outputs : new int[] {3, 10, 11, 64}) {
            AttachOptions options = daemon.options().withOutputCount(outputs);
            try (Client client = Client.attach(options.withWaitNs(LONG_NS))) {
                for (double[] row : rows) {
                    double y = client.predict(1, row, LONG_NS).y();
                    Check.sameBits(y, client.predictLocal(1, row).y());
                }
            }
        }
    }

    /** The daemon's worker has a CPU of its own, on which alone the example is made to run. */
    private void told() throws Exception {
        int core;
        try (Client client = daemon.attach()) {
            int[] cores = client.workerCores();
            Check.equal(cores.length, 1);
            core = cores[0];
            Check.that(core >= 0, core);
        }
        String told = "factord: this thread can only run on CPU " + core
                + ", which a worker polls: they take turns; pin it elsewhere";
        String answer = "0.500053855850386 by generation 1";
        Check.equal(example(core, ""), told + "\n" + answer);
        Check.equal(example(core, "1"), answer);
    }

    private String example(int core, String quiet) throws Exception {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        ProcessBuilder builder = new ProcessBuilder("taskset", "-c", Integer.toString(core), java,
                "-cp", System.getProperty("java.class.path"), "Basic");
        builder.environment().put("FACTORD_SOCKET", daemon.socket());
        builder.environment().put("FACTORD_QUIET", quiet);
        Process process = builder.redirectErrorStream(true).start();
        byte[] text = process.getInputStream().readAllBytes();
        Check.that(process.waitFor(60, TimeUnit.SECONDS), "the example hangs");
        return new String(text, StandardCharsets.UTF_8).strip();
    }
}
