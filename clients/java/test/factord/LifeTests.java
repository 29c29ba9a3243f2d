package factord;

import static factord.Check.LONG_NS;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Engines and clients that come and go. */
final class LifeTests {
    private static final double[] ROW = {0.5, 0.2, 0.3};
    private static final long SECOND_NS = 1_000_000_000;

    private final Daemon daemon;

    LifeTests(Daemon daemon) {
        this.daemon = daemon;
    }

    Map<String, Check.Body> tests() {
        return Map.of(
                "a_killed_engine_that_comes_back_answers_what_was_left", this::killed,
                "a_batch_across_a_kill_loses_nothing", this::batchAcrossKill,
                "local_evaluation_outlives_the_engine_by_a_second", this::localOutlives,
                "clients_that_close_leave_nothing_behind", this::leavesNothing,
                "the_examples_run", this::examples);
    }

    private void killed() throws Exception {
        Prediction answer = new Prediction();
        double[][] rows = Rows.wild(5, 30);
        try (Client client = daemon.attach()) {
            long epoch = client.predict(0, ROW, LONG_NS).epoch();
            daemon.stop();
            for (int row = 0; row < rows.length; row++) {
                Check.equal(client.submit(row % 2, rows[row]), row + 2L);
            }
            daemon.kill();
            long start = System.nanoTime();
            Status status = client.predict(0, ROW, 300_000_000, answer);
            Check.equal(status, Status.NOT_CONNECTED);
            Check.that(System.nanoTime() - start >= 300_000_000, System.nanoTime() - start);
            Check.that(!client.connected(), "still connected");
            daemon.start();
            for (int row = 0; row < rows.length; row++) {
                Check.pollUntil(client, answer);
                Check.equal(answer.ticket(), row + 2L);
                Check.sameBits(answer.y(), client.predictLocal(row % 2, rows[row]).y());
                Check.that(answer.epoch() > epoch, answer.epoch());
            }
            Check.that(client.predict(0, ROW, LONG_NS).ok(), "as before");
            Check.that(!client.poll(answer), answer);
        } finally {
            daemon.resume();
        }
    }

    private void batchAcrossKill() throws Exception {
        int count = 500_000;
        double[][] rows = Rows.wild(1000, 31);
        double[] flat = new double[count * 3];
        for (int row = 0; row < count; row++) {
            System.arraycopy(rows[row % rows.length], 0, flat, row * 3, 3);
        }
        try (Client client = daemon.attach()) {
            boolean crossed = false;
            for (int attempt = 0; attempt < 10 && !crossed; attempt++) {
                Predictions answers = new Predictions(count);
                Throwable[] trouble = new Throwable[1];
                Thread killer = new Thread(() -> trouble[0] = Check.failure(() -> {
                    awaitGeneration(answers, 1000);
                    daemon.kill();
                    daemon.start();
                }));
                killer.start();
                Status status = client.predictBatch(0, flat, answers, 6 * LONG_NS);
                killer.join();
                Check.that(trouble[0] == null, trouble[0]);
                Check.equal(status, Status.OK);
                for (int row = 0; row < count; row++) {
                    double y = client.predictLocal(0, rows[row % rows.length]).y();
                    Check.sameBits(answers.y(row), y);
                }
                crossed = answers.epoch(0) != answers.epoch(count - 1);
            }
            Check.that(crossed, "no kill fell into a batch");
        }
    }

    /** Waits until the batch under way has filled a row. */
    private static void awaitGeneration(Predictions answers, int row) {
        long start = System.nanoTime();
        while (answers.size() <= row || answers.generation(row) == 0) {
            Check.that(System.nanoTime() - start < LONG_NS, "a batch that does not move");
            Thread.yield();
        }
    }

    private void localOutlives() throws Exception {
        Prediction local = new Prediction();
        try (Client client = daemon.attach()) {
            long epoch = client.epoch();
            double y = client.predict(1, ROW, LONG_NS).y();
            daemon.kill();
            long start = System.nanoTime();
            Status status = client.predictLocal(1, ROW, local);
            Check.equal(status, Status.OK);
            while (status == Status.OK) {
                Check.sameBits(local.y(), y);
                Check.equal(local.epoch(), epoch);
                status = client.predictLocal(1, ROW, local);
            }
            long tookNs = System.nanoTime() - start;
            Check.equal(status, Status.NOT_CONNECTED);
            Check.that(Double.isNaN(local.y()), local);
            Check.that(tookNs > SECOND_NS / 2 && tookNs < 2 * SECOND_NS, tookNs + " ns");
            for (int round = 0; round < 1000; round++) {
                status = client.predictLocal(1, ROW, local);
                Check.equal(status, Status.NOT_CONNECTED);
            }
            daemon.start();
            while (client.predictLocal(1, ROW, local) != Status.OK) {
                Check.that(System.nanoTime() - start < LONG_NS, local);
                Thread.yield();
            }
            Check.sameBits(local.y(), y);
            Check.that(local.epoch() > epoch, "of the engine that died");
        }
    }

    private void leavesNothing() throws Exception {
        daemon.attach().close();
        long descriptors = descriptors();
        for (int round = 0; round < 400; round++) {
            daemon.attach().close();
            Path nobody = Path.of(daemon.socket() + ".nobody");
            Check.thrown(
                    AttachException.class,
                    () -> Client.attach(daemon.options().withSocket(nobody)).close());
        }
        Check.equal(descriptors(), descriptors);
        String maps = Files.readString(Path.of("/proc/self/maps"));
        Check.that(!maps.contains("memfd:factord"), maps);
    }

    private static long descriptors() throws Exception {
        try (var entries = Files.list(Path.of("/proc/self/fd"))) {
            return entries.count();
        }
    }

    private void examples() throws Exception {
        Check.equal(run("Basic"), "0.500053855850386 by generation 1");
        String ping = run("Ping");
        Check.that(ping.matches("round trip: p50 [0-9.]+ ns, p90 [0-9.]+ ns, p99 .*"), ping);
        String batch = run("Batch");
        Check.that(batch.matches("100000 predictions, mean 0\\.[0-9]+"), batch);
    }

    private String run(String example) throws Exception {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        ProcessBuilder builder = new ProcessBuilder(
                java, "-cp", System.getProperty("java.class.path"), example);
        builder.environment().put("FACTORD_SOCKET", daemon.socket());
        builder.environment().put("FACTORD_QUIET", "1");
        Process process = builder.redirectErrorStream(true).start();
        String text = new String(
                process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        Check.that(process.waitFor(60, TimeUnit.SECONDS), example + " hangs");
        Check.that(process.exitValue() == 0, text);
        return text.strip();
    }
}
