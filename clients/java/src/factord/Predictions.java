package factord;

import java.util.Arrays;
import java.util.Objects;

/**
 * The answers to many rows, column by column: made once, and filled by {@link
 * Client#predictBatch}. A batch may have fewer rows than there is room for.
 */
public final class Predictions {
    /** Rows that toString shows. */
    private static final int SHOWN_MAX = 3;

    private final double[] y;
    private final double[] second;
    private final byte[] status;
    private final int[] generation;
    private final char[] arm;
    private final long[] fingerprint;
    private final long[] epoch;
    private int size;

    /**
     * Makes room.
     *
     * @param capacity the most rows of a batch
     */
    public Predictions(int capacity) {
        y = new double[capacity];
        second = new double[capacity];
        status = new byte[capacity];
        generation = new int[capacity];
        arm = new char[capacity];
        fingerprint = new long[capacity];
        epoch = new long[capacity];
    }

    /**
     * The most rows there is room for.
     *
     * @return the capacity
     */
    public int capacity() {
        return y.length;
    }

    /**
     * The rows of the last batch.
     *
     * @return 0 before the first
     */
    public int size() {
        return size;
    }

    /**
     * The first output of a row. Linear: the prediction. Logistic: the probability of class 1.
     *
     * @param row from 0
     * @return the output; NaN when there is no prediction
     */
    public double y(int row) {
        return y[checked(row)];
    }

    /**
     * The second output of a row. Linear: 0. Logistic: the class, 0 or 1.
     *
     * @param row from 0
     * @return the output; NaN when there is no prediction
     */
    public double second(int row) {
        return second[checked(row)];
    }

    /**
     * What became of a row.
     *
     * @param row from 0
     * @return {@link Status#OK} when there is a prediction
     */
    public Status status(int row) {
        return Status.ofCode(status[checked(row)]);
    }

    /**
     * The generation of what served the name when a row was answered.
     *
     * @param row from 0
     * @return from 1; 0 when no model answered
     */
    public int generation(int row) {
        return generation[checked(row)];
    }

    /**
     * Which of the versions that share the name's requests answered a row.
     *
     * @param row from 0
     * @return 0 for the champion, and where no model answered
     */
    public int arm(int row) {
        return arm[checked(row)];
    }

    /**
     * Which artifact answered a row: see {@link Prediction#fingerprint}.
     *
     * @param row from 0
     * @return the first eight bytes of its SHA-256, little-endian; 0 when none did
     */
    public long fingerprint(int row) {
        return fingerprint[checked(row)];
    }

    /**
     * The epoch of the engine that answered a row.
     *
     * @param row from 0
     * @return nanoseconds since 1970 at its start; 0 when none answered
     */
    public long epoch(int row) {
        return epoch[checked(row)];
    }

    /**
     * The number of rows, of predictions among them, and the first few rows.
     *
     * @return for people: the form may change
     */
    @Override
    public String toString() {
        int good = 0;
        for (int row = 0; row < size; row++) {
            good += status[row] == Abi.STATUS_OK ? 1 : 0;
        }
        StringBuilder text = new StringBuilder("Predictions[");
        text.append(size).append(" rows, ").append(good).append(" with a prediction");
        for (int row = 0; row < Math.min(size, SHOWN_MAX); row++) {
            text.append(row == 0 ? ": " : ", ");
            if (status[row] == Abi.STATUS_OK) {
                text.append("y=").append(y[row]).append(" second=").append(second[row]);
            } else {
                text.append(status(row).name());
            }
        }
        return text.append(size > SHOWN_MAX ? ", ...]" : "]").toString();
    }

    private int checked(int row) {
        return Objects.checkIndex(row, size);
    }

    void start(int rows) {
        size = rows;
    }

    void set(int row, Prediction answer) {
        y[row] = answer.y();
        second[row] = answer.second();
        status[row] = (byte) answer.code();
        generation[row] = answer.generation();
        arm[row] = (char) answer.arm();
        fingerprint[row] = answer.fingerprint();
        epoch[row] = answer.epoch();
    }

    /** Says of every row from one on that it has no answer. */
    void fail(int from, Status why) {
        Arrays.fill(y, from, size, Double.NaN);
        Arrays.fill(second, from, size, Double.NaN);
        Arrays.fill(status, from, size, (byte) why.code());
        Arrays.fill(generation, from, size, 0);
        Arrays.fill(arm, from, size, '\0');
        Arrays.fill(fingerprint, from, size, 0);
        Arrays.fill(epoch, from, size, 0);
    }
}
