package factord;

import static factord.Check.LONG_NS;

import java.util.List;
import java.util.Map;

/** Names that are pinned to an artifact, units, and models whose parameters are fetched. */
final class VersionTests {
    private static final double[] ROW = {0.5, 0.2, 0.3};
    private static final int WIDE = 20;
    private static final String NO_SHA256 = "00".repeat(32);

    Map<String, Check.Body> tests() {
        return Map.of(
                "a_pinned_name_takes_its_artifact_s_answers_alone", this::pinned,
                "a_name_that_is_not_served_cannot_be_pinned", this::refused,
                "requests_of_a_unit_are_answered_in_each_call_shape", this::keyed,
                "a_wide_model_comes_to_this_process_by_itself", this::fetched,
                "a_wide_model_goes_through_the_ring_until_it_is_here", this::throughRing,
                "a_name_that_comes_back_by_a_reload_keeps_its_number", this::comesBack,
                "a_costly_model_answers_on_channels_of_its_own_class", this::heavy);
    }

    private static Linear old() {
        return new Linear("aa", 10, 1.5f, -2.25f, 0.125f);
    }

    private static Linear wide(float intercept) {
        float[] weights = new float[WIDE];
        for (int i = 0; i < WIDE; i++) {
            weights[i] = i % 2 == 0 ? i / 8f : -i / 16f;
        }
        return new Linear("wide", intercept, weights);
    }

    private static double[] wideRow(int seed) {
        double[] row = new double[WIDE];
        for (int i = 0; i < WIDE; i++) {
            row[i] = (seed + 1) * (i + 1) * 0.618033988749894 % 1;
        }
        return row;
    }

    private void pinned() throws Exception {
        IdentityTests.with(List.of(old()), (daemon, folder) -> {
            try (Client client = daemon.attach()) {
                Model row = client.model("aa").orElseThrow();
                int pin = client.pin("aa", row.sha256());
                Check.that(pin != row.id(), pin);
                Check.equal(client.pin("aa", row.sha256()), pin);
                int other = client.pin("aa", NO_SHA256);
                allAnswer(client, pin, Status.OK);
                allAnswer(client, other, Status.OTHER_VERSION);
                new Linear("aa", 11, 1.5f, -2.25f, 0.125f).save(folder);
                daemon.reload();
                allAnswer(client, row.id(), Status.OK);
                allAnswer(client, pin, Status.OTHER_VERSION);
                Prediction answer = new Prediction();
                client.predict(pin, ROW, LONG_NS, answer);
                long served = client.model("aa").orElseThrow().fingerprint();
                Check.equal(answer.fingerprint(), served);
                Check.that(served != row.fingerprint() && answer.generation() == 2, answer);
                old().save(folder);
                daemon.kill();
                daemon.start();
                Check.that(client.predict(pin, ROW, LONG_NS).ok(), "after a restart");
                allAnswer(client, pin, Status.OK);
            }
        });
    }

    private static void allAnswer(Client client, int model, Status wanted) {
        Prediction answer = new Prediction();
        Prediction[] each = {new Prediction()};
        Predictions answers = new Predictions(1);
        Check.equal(client.predict(model, ROW, LONG_NS, answer), wanted);
        Check.equal(Double.isNaN(answer.y()), wanted != Status.OK);
        Check.equal(client.predictLocal(model, ROW, answer), wanted);
        Check.equal(Double.isNaN(answer.y()), wanted != Status.OK);
        Check.that(client.submit(model, ROW) > 0, "a ticket");
        Check.pollUntil(client, answer);
        Check.equal(answer.status(), wanted);
        Check.equal(client.predictBatch(model, ROW, answers, LONG_NS), Status.OK);
        Check.equal(answers.status(0), wanted);
        Check.equal(client.predictEach(new int[] {model}, ROW, LONG_NS, each), Status.OK);
        Check.equal(each[0].status(), wanted);
    }

    private void refused() throws Exception {
        IdentityTests.with(List.of(old()), (daemon, folder) -> {
            try (Client client = daemon.attach()) {
                PinException error = Check.thrown(
                        PinException.class, () -> client.pin("bb", NO_SHA256));
                Check.equal(error.reason(), PinException.Reason.NOT_SERVED);
                Check.that(error.getMessage().contains("bb"), error.getMessage());
                for (String wrong : new String[] {"", "00", "zz".repeat(32)}) {
                    Check.thrown(IllegalArgumentException.class, () -> client.pin("aa", wrong));
                }
            }
        });
    }

    private void keyed() throws Exception {
        IdentityTests.with(List.of(old()), (daemon, folder) -> {
            try (Client client = daemon.attach()) {
                int model = client.number("aa");
                double y = old().answer(ROW);
                Prediction answer = new Prediction();
                for (long key : new long[] {0, 1, -1, Long.MIN_VALUE, 1L << 40}) {
                    Check.sameBits(client.predict(model, key, ROW, LONG_NS).y(), y);
                    Check.sameBits(client.predictLocal(model, key, ROW).y(), y);
                    Check.that(client.submit(model, key, ROW) > 0, "a ticket");
                    Check.pollUntil(client, answer);
                    Check.that(answer.ok() && answer.y() == y && answer.arm() == 0, answer);
                }
                client.stamp(true);
                daemon.stop();
                for (int request = 0; request < 10; request++) {
                    client.submit(model, request, ROW);
                }
                daemon.kill();
                daemon.start();
                for (int request = 0; request < 10; request++) {
                    Check.pollUntil(client, answer);
                    Check.that(answer.ok() && answer.y() == y, answer);
                    Check.that(answer.tDone() != 0, "published again without its flag");
                }
            }
        });
    }

    private void fetched() throws Exception {
        IdentityTests.with(List.of(old(), wide(1)), (daemon, folder) -> {
            // The channel has another width, so that the ring is no help.
            try (Client client = daemon.attach()) {
                int model = client.number("wide");
                Prediction answer = new Prediction();
                // One that does not come in time, as here by an engine that stands still.
                daemon.stop();
                Check.equal(client.predictLocal(model, wideRow(0), answer), Status.NOT_FETCHED);
                Check.equal(client.fetch(model, 0), Status.NOT_FETCHED);
                daemon.resume();
                Check.equal(client.fetch(model, LONG_NS), Status.OK);
                wideAnswers(client, model, wide(1));
                Check.equal(client.predictLocal(model, ROW, answer), Status.WIDTH_MISMATCH);
                Check.equal(client.fetch(client.number("aa"), 0), Status.OK);
                Check.equal(client.fetch(77, LONG_NS), Status.UNKNOWN_MODEL);
                wide(2).save(folder);
                daemon.reload();
                // The new one is asked for by the call itself.
                long start = System.nanoTime();
                while (client.predictLocal(model, wideRow(0), answer) != Status.OK) {
                    Check.equal(answer.status(), Status.NOT_FETCHED);
                    Check.that(System.nanoTime() - start < LONG_NS, answer);
                    Thread.yield();
                }
                wideAnswers(client, model, wide(2));
                int pin = client.pin("wide", NO_SHA256);
                Check.equal(client.fetch(pin, LONG_NS), Status.OK);
                Status status = client.predictLocal(pin, wideRow(0), answer);
                Check.equal(status, Status.OTHER_VERSION);
                daemon.kill();
                daemon.start();
                Check.that(client.predict(client.number("aa"), ROW, LONG_NS).ok(), "again");
                Check.equal(client.fetch(model, LONG_NS), Status.OK);
                wideAnswers(client, model, wide(2));
            }
        });
    }

    private static void wideAnswers(Client client, int model, Linear served) {
        long fingerprint = client.model("wide").orElseThrow().fingerprint();
        for (int seed = 0; seed < 100; seed++) {
            double[] row = wideRow(seed);
            Prediction answer = client.predictLocal(model, row);
            Check.sameBits(answer.y(), served.answer(row));
            Check.equal(answer.fingerprint(), fingerprint);
        }
    }

    private void throughRing() throws Exception {
        IdentityTests.with(List.of(wide(1)), (daemon, folder) -> {
            AttachOptions options = daemon.options().withFeatureCount(WIDE);
            try (Client client = Client.attach(options.withWaitNs(LONG_NS))) {
                int model = client.number("wide");
                int here = 0;
                for (int seed = 0; here < 100; seed++) {
                    double[] row = wideRow(seed);
                    Prediction answer = client.predictLocal(model, row);
                    Check.sameBits(answer.y(), wide(1).answer(row));
                    Check.that(seed > 0 || answer.ticket() == 1, "not through the ring");
                    here += answer.ticket() == 0 ? 1 : 0;
                    Check.that(seed < 100_000, "never in this process");
                }
            }
        });
    }

    private void heavy() throws Exception {
        Prediction answer = new Prediction();
        // No evaluation is as cheap as that.
        String[] costly = {"--max-cost", "1", "--heavy-core", "0", "--channels-per-uid", "2"};
        try (Daemon daemon = new Daemon(null, costly)) {
            try (Client client = daemon.attach()) {
                Check.that(client.model("regression").orElseThrow().heavy(), client.models());
                try (Client other = daemon.attach()) {
                    Status status = client.predict(0, ROW, LONG_NS, answer);
                    Check.equal(status, Status.WRONG_CLASS);
                    Check.that(status.text().contains("`heavy`"), status.text());
                    Check.equal(other.inFlight(), 0);
                }
                // There is room for a second channel now, which a second later is asked for.
                long start = System.nanoTime();
                while (client.predict(0, ROW, LONG_NS, answer) == Status.WRONG_CLASS) {
                    Check.that(System.nanoTime() - start < LONG_NS, "no second channel");
                    Thread.sleep(10);
                }
                Check.sameBits(answer.y(), client.predictLocal(0, ROW).y());
                long first = client.submit(0, ROW);
                Check.equal(client.submit(1, ROW), first + 1);
                for (long ticket = first; ticket <= first + 1; ticket++) {
                    while (!client.poll(answer)) {
                        Thread.onSpinWait();
                    }
                    Check.equal(answer.ticket(), ticket);
                    Check.equal(answer.status(), Status.OK);
                }
            }
            AttachOptions options = daemon.options().withHeavy(true).withWaitNs(LONG_NS);
            try (Client client = Client.attach(options)) {
                double y = client.predict(0, ROW, LONG_NS).y();
                Check.sameBits(y, client.predictLocal(0, ROW).y());
                Check.equal(client.workerCores().length, 2);
            }
        }
    }

    private void comesBack() throws Exception {
        Linear other = new Linear("bb", 1, 2f, 3f, 4f);
        IdentityTests.with(List.of(old(), other), (daemon, folder) -> {
            try (Client client = daemon.attach()) {
                int model = client.number("aa");
                Prediction answer = new Prediction();
                allAnswer(client, model, Status.OK);
                long before = client.modelsSequence();
                for (int round = 0; round < 3; round++) {
                    old().delete(folder);
                    daemon.reload();
                    Check.equal(client.number("aa"), -1);
                    allAnswer(client, model, Status.UNKNOWN_MODEL);
                    old().save(folder);
                    daemon.reload();
                    Check.equal(client.number("aa"), model);
                    Check.equal(client.predict(model, ROW, LONG_NS, answer), Status.OK);
                    Check.sameBits(answer.y(), old().answer(ROW));
                    allAnswer(client, model, Status.OK);
                }
                Check.that(client.modelsSequence() >= before + 6, client.modelsSequence());
            }
        });
    }
}
