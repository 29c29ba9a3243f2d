import factord.Client;
import factord.Prediction;
import factord.Status;
import java.util.Arrays;

/**
 * Measures the round trip: groups of 16 share one pair of clock readings, whose step then is below
 * a nanosecond a round trip. Not a byte is allocated while it is measured.
 */
public final class Ping {
    private static final int GROUP = 16;
    private static final int GROUP_COUNT = 20_000;
    private static final int ROW_COUNT = 1024;
    private static final long SECOND_NS = 1_000_000_000;

    private Ping() {}

    /**
     * Warms up, then measures and prints.
     *
     * @param arguments none
     * @throws Exception when there is no daemon, or a request is not answered
     */
    public static void main(String[] arguments) throws Exception {
        double[][] rows = new double[ROW_COUNT][3];
        for (int i = 0; i < ROW_COUNT * 3; i++) {
            // Multiples of the golden ratio are spread evenly.
            rows[i / 3][i % 3] = (i + 1) * 0.618033988749894 % 1;
        }
        long[] groups = new long[GROUP_COUNT];
        try (Client client = Client.attach()) {
            int model = client.model("regression").orElseThrow().id();
            // The first round is the compiler's.
            measure(client, model, rows, groups);
            measure(client, model, rows, groups);
        }
        Arrays.sort(groups);
        System.out.printf(
                "round trip: p50 %.1f ns, p90 %.1f ns, p99 %.1f ns%n",
                quantile(groups, 0.50), quantile(groups, 0.90), quantile(groups, 0.99));
    }

    private static void measure(Client client, int model, double[][] rows, long[] groups) {
        Prediction answer = new Prediction();
        int row = 0;
        for (int group = 0; group < groups.length; group++) {
            long start = System.nanoTime();
            for (int trip = 0; trip < GROUP; trip++) {
                Status status = client.predict(model, rows[row], SECOND_NS, answer);
                if (status != Status.OK) {
                    throw new IllegalStateException(status.text());
                }
                row = (row + 1) % ROW_COUNT;
            }
            groups[group] = System.nanoTime() - start;
        }
    }

    private static double quantile(long[] sorted, double share) {
        return (double) sorted[(int) (share * (sorted.length - 1))] / GROUP;
    }
}
