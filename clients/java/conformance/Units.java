package conformance;

import factord.Client;
import factord.Prediction;
import factord.Predictions;
import factord.Status;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;

/** Requests with unit keys for a divided name: what answered, a line a request. */
final class Units {
    private static final int BATCH_EACH = 499;

    private Units() {}

    static void run(long count, Path output) throws IOException, Fault {
        String socket = Stage.variable("FACTORD_SOCKET");
        Prediction answer = new Prediction();
        Predictions answers = new Predictions(1);
        try (Client client = Client.attach(Stage.options(socket));
                Writer file = Files.newBufferedWriter(output)) {
            int model = Stage.id(client, "regression");
            Stage.refused(client.fetch(model, Stage.PLENTY_NS), Status.OK, "fetch");
            for (long index = 0; index < count; index++) {
                double[] x = new double[3];
                for (int i = 0; i < 3; i++) {
                    x[i] = (3 * index + i + 1) * 0.618033988749894 % 1;
                }
                long key = index % 4 == 3 ? 0 : (index + 1) * 0x9E3779B97F4A7C15L;
                Status status = client.predict(model, key, x, Stage.PLENTY_NS, answer);
                Stage.refused(status, Status.OK, "predict");
                file.write(line(answer));
                Stage.refused(client.predictLocal(model, key, x, answer), Status.OK, "local");
                file.write(' ' + line(answer));
                if (index % BATCH_EACH == 0) {
                    status = client.predictBatch(model, key, x, answers, Stage.PLENTY_NS);
                    Stage.refused(status, Status.OK, "predictBatch");
                    Stage.refused(answers.status(0), Status.OK, "a row of a batch");
                    file.write(' ' + line(answers));
                }
                file.write('\n');
            }
        }
    }

    private static String line(Prediction answer) {
        return line(answer.generation(), answer.arm(), answer.fingerprint(), answer.y());
    }

    private static String line(Predictions answers) {
        return line(answers.generation(0), answers.arm(0), answers.fingerprint(0), answers.y(0));
    }

    private static String line(int generation, int arm, long fingerprint, double y) {
        String words = hex(fingerprint) + ' ' + hex(Double.doubleToRawLongBits(y));
        return Integer.toUnsignedString(generation) + ' ' + arm + ' ' + words;
    }

    /** Sixteen digits; a format string takes ten times as long. */
    private static String hex(long word) {
        String digits = Long.toHexString(word);
        return "0".repeat(16 - digits.length()) + digits;
    }
}
