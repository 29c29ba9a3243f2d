import factord.AttachOptions;
import factord.Client;
import factord.Predictions;
import factord.Status;

/** Predicts many rows in one call, which keeps the ring full. */
public final class Batch {
    private static final int ROW_COUNT = 100_000;
    private static final long DEADLINE_NS = 10_000_000_000L;

    private Batch() {}

    /**
     * Predicts, and prints how many and their mean.
     *
     * @param arguments none
     * @throws Exception when there is no daemon, or rows are left without an answer
     */
    public static void main(String[] arguments) throws Exception {
        double[] rows = new double[ROW_COUNT * 3];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = (i + 1) * 0.618033988749894 % 1;
        }
        Predictions answers = new Predictions(ROW_COUNT);
        // Many slots make a batch fast; few, as there are by default, a single round trip.
        try (Client client = Client.attach(AttachOptions.DEFAULT.withSlotCount(256))) {
            int model = client.model("regression").orElseThrow().id();
            Status status = client.predictBatch(model, rows, answers, DEADLINE_NS);
            if (status != Status.OK) {
                throw new IllegalStateException(status.text());
            }
        }
        double sum = 0;
        for (int row = 0; row < answers.size(); row++) {
            sum += answers.y(row);
        }
        System.out.println(answers.size() + " predictions, mean " + sum / answers.size());
    }
}
