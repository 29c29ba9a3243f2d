package factord;

import java.util.SplittableRandom;

/** Inputs, the same for the same seed. */
final class Rows {
    private Rows() {}

    /** Rows of three features in [-1, 1), some of them scaled far beyond. */
    static double[][] wild(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        double[][] rows = new double[count][3];
        for (double[] row : rows) {
            double scale = Math.scalb(1.0, random.nextInt(40) - 20);
            for (int i = 0; i < row.length; i++) {
                row[i] = random.nextDouble(-1, 1) * scale;
            }
        }
        return rows;
    }

    static double[] flat(double[][] rows) {
        double[] flat = new double[rows.length * 3];
        for (int row = 0; row < rows.length; row++) {
            System.arraycopy(rows[row], 0, flat, row * 3, 3);
        }
        return flat;
    }
}
