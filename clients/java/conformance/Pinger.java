package conformance;

import factord.Client;
import factord.Idle;
import factord.Prediction;
import factord.Predictions;
import factord.Status;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;

/** Round trips, timed on request of the driver. */
final class Pinger {
    private static final int GROUP = 16;
    private static final int INPUT_COUNT = 1024;
    /** Groups until the compiler has been through everything. */
    private static final int WARM_GROUPS = 100_000;
    private static final long WARM_NS = 5_000_000_000L;

    private final Client client;
    private final int model;
    private final double[] inputs = new double[3 * INPUT_COUNT];
    private final double[][] rows = new double[INPUT_COUNT][];
    private final Prediction answer = new Prediction();
    private int next;

    private Pinger(Client client) throws Fault {
        this.client = client;
        model = Stage.id(client, "regression");
        for (int i = 0; i < inputs.length; i++) {
            inputs[i] = (i + 1) * 0.618033988749894 % 1;
        }
        for (int row = 0; row < INPUT_COUNT; row++) {
            rows[row] = Arrays.copyOfRange(inputs, 3 * row, 3 * row + 3);
        }
    }

    /** Answers the lines of stdin; false when one is not known. */
    static boolean run() throws IOException, Fault {
        String socket = Stage.variable("FACTORD_SOCKET");
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (Client client = Client.attach(Stage.options(socket).withIdle(Idle.SPIN))) {
            Pinger pinger = new Pinger(client);
            pinger.warmUp();
            System.out.println("ready");
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] words = line.split(" ");
                if (words.length == 2 && words[0].equals("go")) {
                    double p50 = pinger.roundTripNs(Integer.parseInt(words[1]));
                    System.out.println(String.format(Locale.ROOT, "p50_ns %.1f", p50));
                } else if (words.length == 2 && words[0].equals("many")) {
                    double rate = pinger.batchPerSecond(Integer.parseInt(words[1]));
                    System.out.println(String.format(Locale.ROOT, "per_second %.0f", rate));
                } else {
                    return false;
                }
            }
            return true;
        }
    }

    private void warmUp() throws Fault {
        long start = System.nanoTime();
        for (int group = 0; group < WARM_GROUPS && System.nanoTime() - start < WARM_NS; group++) {
            groupNs();
        }
        batchPerSecond(WARM_GROUPS);
    }

    private long groupNs() throws Fault {
        long start = System.nanoTime();
        for (int trip = 0; trip < GROUP; trip++) {
            Status status = client.predict(model, rows[next], Stage.PLENTY_NS, answer);
            if (status != Status.OK) {
                throw new Fault(status.text());
            }
            next = (next + 1) % INPUT_COUNT;
        }
        return System.nanoTime() - start;
    }

    private double roundTripNs(int count) throws Fault {
        long[] groups = new long[count];
        for (int group = 0; group < count; group++) {
            groups[group] = groupNs();
        }
        Arrays.sort(groups);
        return (double) groups[count / 2] / GROUP;
    }

    private double batchPerSecond(int count) throws Fault {
        double[] flat = new double[3 * count];
        for (int i = 0; i < flat.length; i++) {
            flat[i] = inputs[i % inputs.length];
        }
        Predictions answers = new Predictions(count);
        long spentNs = 0;
        for (int round = 0; round < 2; round++) {
            long start = System.nanoTime();
            Status status = client.predictBatch(model, flat, answers, Stage.PLENTY_NS);
            spentNs = System.nanoTime() - start;
            Stage.refused(status, Status.OK, "predictBatch");
        }
        return count * 1e9 / spentNs;
    }
}
