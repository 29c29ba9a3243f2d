package conformance;

import factord.Client;
import factord.Idle;
import factord.Prediction;
import factord.Status;
import java.util.Arrays;

/** By how much calls end after their limits, beside an engine that takes no connection. */
final class Late {
    private static final int ROUNDS = 500;
    private static final int WARM_ROUNDS = 20_000;
    private static final long LIMIT_NS = 10_000_000;
    private static final double[] ROW = {0.5, 0.25, 0.125};

    private Late() {}

    private record Call(String name, long limitNs, Runnable body) {}

    static void run(Stage stage) throws Exception {
        Prediction answer = new Prediction();
        try (Client client = Stage.attach(Stage.options(stage.socket()).withIdle(Idle.YIELD))) {
            int model = Stage.id(client, "regression");
            Status status = client.predict(model, ROW, Stage.PLENTY_NS, answer);
            Stage.refused(status, Status.OK, "predict");
            warmUp(client, model, answer);
            stage.conduct("kill");
            stage.conduct("start");
            stage.conduct("stop");
            stage.conduct("fill-backlog");
            Call[] calls = {
                new Call("predict", LIMIT_NS, () -> client.predict(model, ROW, LIMIT_NS, answer)),
                new Call("submit", 0, () -> client.submit(model, ROW)),
                new Call("poll", 0, () -> client.poll(answer)),
                new Call("local", 0, () -> client.predictLocal(model, ROW, answer)),
                new Call("idle", LIMIT_NS, Late::idle),
            };
            long[][] lateNs = new long[calls.length][ROUNDS];
            for (int round = 0; round < ROUNDS; round++) {
                for (int call = 0; call < calls.length; call++) {
                    long start = System.nanoTime();
                    calls[call].body.run();
                    long spentNs = System.nanoTime() - start;
                    lateNs[call][round] = Math.max(spentNs - calls[call].limitNs, 0);
                }
            }
            for (int call = 0; call < calls.length; call++) {
                Arrays.sort(lateNs[call]);
                System.out.println(calls[call].name + " p99_ns " + lateNs[call][ROUNDS * 99 / 100]
                        + " worst_ns " + lateNs[call][ROUNDS - 1]);
            }
        }
    }

    /** Calls that find an engine, until the compiler has been through them. */
    private static void warmUp(Client client, int model, Prediction answer) throws Fault {
        for (int round = 0; round < WARM_ROUNDS; round++) {
            client.predictLocal(model, ROW, answer);
            Status status = Status.ofTicket(client.submit(model, ROW));
            Stage.refused(status, Status.OK, "submit");
            Stage.next(client, answer);
        }
    }

    private static void idle() {
        long start = System.nanoTime();
        while (System.nanoTime() - start < LIMIT_NS) {
            Thread.yield();
        }
    }
}
