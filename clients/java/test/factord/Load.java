package factord;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;

/** Asks models that it knows by number, in every call shape, and judges each answer by its bits. */
final class Load implements Runnable {
    private static final long DEADLINE_NS = 50_000_000;
    private static final int BATCH_ROWS = 100;

    private final Client client;
    private final List<Linear> models;
    private final List<Integer> numbers = new ArrayList<>();
    private final double[][] rows = Rows.wild(1000, 50);
    private final SplittableRandom random = new SplittableRandom(51);
    private final Prediction answer = new Prediction();
    private final Predictions answers = new Predictions(BATCH_ROWS);
    /** Model and row of each request under way. */
    private final Deque<int[]> underWay = new ArrayDeque<>();
    private final AtomicLong right = new AtomicLong();
    private long unknown;
    private long late;
    private volatile boolean over;
    private volatile Throwable trouble;

    Load(Client client, List<Linear> models) {
        this.client = client;
        this.models = models;
        for (Linear model : models) {
            numbers.add(client.model(model.name()).orElseThrow().id());
        }
    }

    /** Waits until so many more answers have been right. */
    void awaitAnswers(int count) {
        long from = right.get();
        long start = System.nanoTime();
        while (right.get() - from < count && trouble == null) {
            Check.that(System.nanoTime() - start < 3 * Check.LONG_NS, "no answers");
            Thread.yield();
        }
    }

    void end(Thread thread) throws InterruptedException {
        over = true;
        thread.join();
        System.out.println(right + " answers right, " + unknown + " unknown model, " + late
                + " past their deadline, " + (trouble == null ? 0 : trouble) + " others");
        Check.that(trouble == null, trouble);
        Check.that(unknown > 0, "no name was ever gone");
    }

    @Override
    public void run() {
        trouble = Check.failure(() -> {
            while (!over) {
                int model = random.nextInt(models.size());
                int row = random.nextInt(rows.length);
                switch (random.nextInt(8)) {
                    case 0 -> predict(model, row);
                    case 1 -> local(model, row);
                    case 2 -> batch(model, row);
                    default -> submit(model, row);
                }
                while (client.poll(answer)) {
                    int[] asked = underWay.remove();
                    judge(answer.status(), answer.y(), asked[0], asked[1]);
                }
            }
        });
    }

    private void predict(int model, int row) {
        Status status = client.predict(numbers.get(model), rows[row], DEADLINE_NS, answer);
        judge(status, answer.y(), model, row);
    }

    private void local(int model, int row) {
        Status status = client.predictLocal(numbers.get(model), rows[row], answer);
        judge(status, answer.y(), model, row);
    }

    private void batch(int model, int first) {
        int start = Math.min(first, rows.length - BATCH_ROWS);
        double[][] some = new double[BATCH_ROWS][];
        System.arraycopy(rows, start, some, 0, BATCH_ROWS);
        client.predictBatch(numbers.get(model), Rows.flat(some), answers, DEADLINE_NS);
        for (int row = 0; row < BATCH_ROWS; row++) {
            judge(answers.status(row), answers.y(row), model, start + row);
        }
    }

    private void submit(int model, int row) {
        if (client.submit(numbers.get(model), rows[row]) > 0) {
            underWay.add(new int[] {model, row});
        }
    }

    private void judge(Status status, double y, int model, int row) {
        switch (status) {
            case OK -> {
                Check.sameBits(y, models.get(model).answer(rows[row]));
                right.incrementAndGet();
            }
            case UNKNOWN_MODEL -> unknown++;
            case DEADLINE, NOT_CONNECTED, BACK_PRESSURE -> late++;
            default -> throw new AssertionError(status + " for " + models.get(model).name());
        }
    }
}
