package conformance;

import factord.Prediction;
import factord.Predictions;
import factord.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A golden row: features, and the bits that the answer must carry. */
record Row(double[] x, double y, double second) {
    /** Reads rows; `outputs` of the numbers of each line are the answer's. */
    static List<Row> read(Path file, int outputs) throws IOException, Fault {
        List<Row> rows = new ArrayList<>();
        for (long[] words : words(file)) {
            rows.add(of(words, 0, words.length, outputs));
        }
        return rows;
    }

    /** The words of each line that is no comment. */
    static List<long[]> words(Path file) throws IOException, Fault {
        List<long[]> lines = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            if (!line.isEmpty() && !line.startsWith("#")) {
                lines.add(Arrays.stream(line.split(" "))
                        .mapToLong(word -> Long.parseUnsignedLong(word, 16)).toArray());
            }
        }
        Fault.ensure(!lines.isEmpty(), file + " holds no rows");
        return lines;
    }

    /** The row that some words of a line are; `outputs` of them, at the end, are the answer's. */
    static Row of(long[] words, int from, int to, int outputs) {
        double[] numbers = Arrays.stream(words, from, to)
                .mapToDouble(Double::longBitsToDouble).toArray();
        int width = numbers.length - outputs;
        return new Row(
                Arrays.copyOf(numbers, width),
                outputs > 0 ? numbers[width] : Double.NaN,
                outputs > 1 ? numbers[width + 1] : Double.NaN);
    }

    void expect(Status status, Prediction answer) throws Fault {
        Fault.ensure(status == Status.OK, status.text());
        expect(answer.y(), answer.second());
    }

    void expect(Predictions answers, int index) throws Fault {
        Status status = answers.status(index);
        Fault.ensure(status == Status.OK, "row " + index + ": " + status.text());
        expect(answers.y(index), answers.second(index));
    }

    private void expect(double foundY, double foundSecond) throws Fault {
        boolean same = bits(foundY) == bits(y) && bits(foundSecond) == bits(second);
        Fault.ensure(
                same,
                "found " + foundY + " and " + foundSecond + ", expected " + y + " and " + second);
    }

    private static long bits(double value) {
        return Double.doubleToRawLongBits(value);
    }

    /** The features of many rows, one after the other, from the first again when they end. */
    static double[] flat(List<Row> rows, int count) {
        int width = rows.get(0).x.length;
        double[] flat = new double[count * width];
        for (int row = 0; row < count; row++) {
            System.arraycopy(rows.get(row % rows.size()).x, 0, flat, row * width, width);
        }
        return flat;
    }
}
