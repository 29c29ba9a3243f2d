package conformance;

import factord.Client;
import factord.Predictions;
import factord.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A table through the ring: the bits of every answer, a line a row. */
final class Table {
    private Table() {}

    static void run(Path input, Path output) throws IOException, Fault {
        List<String> lines = Files.readAllLines(input);
        int count = lines.size() - 1;
        double[] rows = new double[3 * count];
        for (int row = 0; row < count; row++) {
            String[] fields = lines.get(row + 1).split(",");
            for (int i = 0; i < 3; i++) {
                rows[3 * row + i] = Double.parseDouble(fields[i]);
            }
        }
        Predictions regression = new Predictions(count);
        Predictions classification = new Predictions(count);
        String socket = Stage.variable("FACTORD_SOCKET");
        try (Client client = Client.attach(Stage.options(socket))) {
            predict(client, "regression", rows, regression);
            predict(client, "classification", rows, classification);
        }
        StringBuilder text = new StringBuilder();
        for (int row = 0; row < count; row++) {
            text.append(String.format(
                    "%016x %016x %016x%n",
                    Double.doubleToRawLongBits(regression.y(row)),
                    Double.doubleToRawLongBits(classification.y(row)),
                    Double.doubleToRawLongBits(classification.second(row))));
        }
        Files.writeString(output, text);
    }

    private static void predict(Client client, String name, double[] rows, Predictions answers)
            throws Fault {
        int model = Stage.id(client, name);
        Status status = client.predictBatch(model, rows, answers, Stage.PLENTY_NS);
        Stage.refused(status, Status.OK, name);
        for (int row = 0; row < answers.size(); row++) {
            Stage.refused(answers.status(row), Status.OK, name + " row " + row);
        }
    }
}
