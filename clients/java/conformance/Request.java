package conformance;

import factord.Prediction;
import factord.Status;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A request of the divided name, and what answers it; key and fingerprint are unsigned. */
record Request(long key, Row row, int arm, long fingerprint) {
    private static final int GENERATION = 7;

    static List<Request> read(Path file) throws IOException, Fault {
        List<Request> requests = new ArrayList<>();
        for (long[] words : Row.words(file)) {
            int arm = words.length - 2;
            Row row = Row.of(words, 1, arm, 2);
            requests.add(new Request(words[0], row, (int) words[arm], words[arm + 1]));
        }
        return requests;
    }

    double[] x() {
        return row.x();
    }

    /** The answer has the bits of this request, and is of its version. */
    void expect(Status status, Prediction answer) throws Fault {
        row.expect(status, answer);
        Stage.isOf(answer, GENERATION, arm, fingerprint);
    }
}
