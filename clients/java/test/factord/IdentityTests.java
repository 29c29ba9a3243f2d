package factord;

import static factord.Check.LONG_NS;

import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/** A number means one model, whatever becomes of the engine. */
final class IdentityTests {
    private static final double[] ROW = {0.5, 0.2, 0.3};
    private static final int RESTARTS = 50;
    private static final List<Linear> MODELS = List.of(
            new Linear("aa", 10, 1.5f, -2.25f, 0.125f),
            new Linear("bb", 1000.125f, 100.75f, 3.5f, -7.25f),
            new Linear("cc", -64, -0.375f, 0.5f, 62.5f),
            new Linear("dd", 0.75f, 12.25f, -33.5f, 1.125f));

    Map<String, Check.Body> tests() {
        return Map.of(
                "a_number_stays_with_its_name_when_a_restart_numbers_anew", this::renumbered,
                "a_request_that_a_dead_engine_wrote_over_has_no_answer", this::forged,
                "fifty_restarts_under_load_give_no_other_model_s_answer", this::underLoad,
                "the_model_table_s_sequence_changes_by_a_restart", this::sequence);
    }

    interface WithModels {
        void run(Daemon daemon, Path folder) throws Exception;
    }

    static void with(List<Linear> served, WithModels body) throws Exception {
        Path folder = Files.createTempDirectory("factord-java-models-");
        try {
            for (Linear model : served) {
                model.save(folder);
            }
            try (Daemon daemon = new Daemon(folder)) {
                body.run(daemon, folder);
            }
        } finally {
            try (Stream<Path> files = Files.list(folder)) {
                for (Path file : files.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(folder);
        }
    }

    private static int number(Client client, Linear model) {
        return client.model(model.name()).orElseThrow().id();
    }

    private void renumbered() throws Exception {
        Linear first = MODELS.get(0);
        Linear second = MODELS.get(1);
        with(List.of(second), (daemon, folder) -> {
            try (Client client = daemon.attach()) {
                Check.equal(number(client, second), 2);
                first.save(folder);
                daemon.reload();
                Check.equal(number(client, first), 3);
                Prediction answer = new Prediction();
                daemon.stop();
                for (int request = 0; request < 10; request++) {
                    Check.that(client.submit(2 + request % 2, ROW) > 0, "a ticket");
                }
                daemon.kill();
                daemon.start();
                for (int request = 0; request < 10; request++) {
                    Check.pollUntil(client, answer);
                    isAnswer((request % 2 == 0 ? second : first), answer);
                }
                isAnswer(second, client.predict(2, ROW, LONG_NS));
                isAnswer(first, client.predict(3, ROW, LONG_NS));
                isAnswer(second, client.predictLocal(2, ROW));
                Predictions answers = new Predictions(1);
                Check.equal(client.predictBatch(2, ROW, answers, LONG_NS), Status.OK);
                Check.sameBits(answers.y(0), second.answer(ROW));
                Check.equal(number(client, first), 3);
                Check.equal(number(client, second), 2);
                gone(daemon, folder, client);
            }
        });
    }

    private static void isAnswer(Linear model, Prediction answer) {
        Check.equal(answer.status(), Status.OK);
        Check.sameBits(answer.y(), model.answer(ROW));
    }

    /** The second model is dropped by a restart, while asked, and comes back by a reload. */
    private static void gone(Daemon daemon, Path folder, Client client) throws Exception {
        Linear second = MODELS.get(1);
        Prediction answer = new Prediction();
        daemon.stop();
        Check.that(client.submit(2, ROW) > 0, "a ticket");
        second.delete(folder);
        daemon.kill();
        daemon.start();
        Check.pollUntil(client, answer);
        Check.equal(answer.status(), Status.UNKNOWN_MODEL);
        Check.equal(client.predict(2, ROW, LONG_NS, answer), Status.UNKNOWN_MODEL);
        Check.equal(client.predictLocal(2, ROW, answer), Status.UNKNOWN_MODEL);
        Predictions answers = new Predictions(1);
        Check.equal(client.predictBatch(2, ROW, answers, LONG_NS), Status.OK);
        Check.equal(answers.status(0), Status.UNKNOWN_MODEL);
        Check.that(client.model("bb").isEmpty(), client.models());
        MODELS.get(2).save(folder);
        second.save(folder);
        daemon.reload();
        isAnswer(second, client.predictLocal(2, ROW));
        isAnswer(second, client.predict(2, ROW, LONG_NS));
    }

    private void forged() throws Exception {
        with(MODELS, (daemon, folder) -> {
            try (Client client = daemon.attach()) {
                Prediction answer = new Prediction();
                Check.equal(number(client, MODELS.get(0)), 2);
                daemon.stop();
                Check.that(client.submit(2, 7, ROW) > 0, "a ticket");
                Field field = Session.class.getDeclaredField("req");
                field.setAccessible(true);
                ByteBuffer req = (ByteBuffer) field.get(client.engine().session());
                // The first position is in the second slot, which is a line here as in the header.
                int slot = (Abi.RING_HEADER_LINES + 1) * Abi.LINE_LEN / 8;
                Check.equal(Words.load(req, slot + Abi.REQUEST_KEY), 7L);
                Words.store(req, slot + Abi.REQUEST_KEY, 8);
                daemon.kill();
                daemon.start();
                Check.pollUntil(client, answer);
                Check.equal(answer.status(), Status.ECHO_MISMATCH);
            }
        });
    }

    private void underLoad() throws Exception {
        SplittableRandom random = new SplittableRandom(50);
        with(MODELS, (daemon, folder) -> {
            try (Client client = daemon.attach()) {
                Load load = new Load(client, MODELS);
                Thread thread = new Thread(load);
                client.handOver(thread);
                thread.start();
                for (int restart = 0; restart < RESTARTS && thread.isAlive(); restart++) {
                    // Another set of names each time, added by a reload or by the restart.
                    for (Linear model : MODELS) {
                        boolean there = Files.exists(folder.resolve(model.name() + ".fmodel"));
                        // One stays: a daemon without any model does not start.
                        if (random.nextBoolean() && model != MODELS.get(2)) {
                            change(model, there, folder);
                        }
                        if (random.nextInt(4) == 0) {
                            daemon.reload();
                        }
                    }
                    load.awaitAnswers(200);
                    daemon.kill();
                    daemon.start();
                }
                load.awaitAnswers(200);
                load.end(thread);
            }
        });
    }

    private static void change(Linear model, boolean there, Path folder) throws IOException {
        if (there) {
            model.delete(folder);
        } else {
            model.save(folder);
        }
    }

    private void sequence() throws Exception {
        with(MODELS, (daemon, folder) -> {
            try (Client client = daemon.attach()) {
                long before = client.modelsSequence();
                long epoch = client.epoch();
                Check.equal(number(client, MODELS.get(0)), 2);
                daemon.kill();
                daemon.start();
                Check.that(client.predict(2, ROW, LONG_NS).epoch() > epoch, "a new engine");
                long after = client.modelsSequence();
                Check.that(after > before, after + " after " + before);
            }
        });
    }
}
