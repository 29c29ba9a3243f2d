package factord;

/**
 * A private copy of one version, and its evaluation in the order of crates/eval/src/eval.rs: terms
 * from left to right, the intercept last, each product and sum rounded on its own. Java never
 * fuses them by itself.
 */
final class Evaluator {
    private final boolean logistic;
    private final double intercept;
    private final double[] weights;
    private final double[] mean;
    private final double[] scale;

    private Evaluator(boolean logistic, double intercept, double[][] vectors) {
        this.logistic = logistic;
        this.intercept = intercept;
        weights = vectors[0];
        mean = vectors[1];
        scale = vectors[2];
    }

    /**
     * Reads what words of a private copy hold, from those places on; null for a kind that this
     * version does not know, and for numbers that make no model.
     */
    static Evaluator read(long[] words, long shape, int intercept, int[] vectors) {
        int kind = (int) shape;
        int width = width(shape);
        double last = Double.longBitsToDouble(words[intercept]);
        boolean known = kind == Kind.LINEAR || kind == Kind.LOGISTIC;
        if (!known || width < 1 || width > Abi.FEATURE_COUNT_MAX || !Double.isFinite(last)) {
            return null;
        }
        double[][] read = new double[3][];
        int count = vectorCount(kind);
        for (int vector = 0; vector < count; vector++) {
            read[vector] = vector(words, vectors[vector], width);
            if (read[vector] == null) {
                return null;
            }
        }
        return count > 1 && holdsZero(read[2])
                ? null
                : new Evaluator(kind == Kind.LOGISTIC, last, read);
    }

    /** Features of a shape, as it claims. */
    static int width(long shape) {
        return (int) (shape >>> 32) & 0xFFFF;
    }

    /** Vectors of a kind that is known: weights and, for logistic models, means and scales. */
    static int vectorCount(int kind) {
        return kind == Kind.LOGISTIC ? 3 : 1;
    }

    /** Null when one of the numbers is not finite, or beyond the words. */
    private static double[] vector(long[] words, int start, int width) {
        if (start + width > words.length) {
            return null;
        }
        double[] values = new double[width];
        for (int i = 0; i < width; i++) {
            values[i] = Double.longBitsToDouble(words[start + i]);
            if (!Double.isFinite(values[i])) {
                return null;
            }
        }
        return values;
    }

    private static boolean holdsZero(double[] values) {
        for (double value : values) {
            if (value == 0.0) {
                return true;
            }
        }
        return false;
    }

    /** Answers as a version of a deployment, whose verdict and fingerprint these are; its status. */
    int answer(double[] x, long verdict, long fingerprint, long epoch, Prediction into) {
        boolean ok;
        double y;
        double second;
        if (x.length != weights.length) {
            into.refuse(Abi.STATUS_WIDTH_MISMATCH, (int) (verdict >>> 32), fingerprint, epoch);
            return Abi.STATUS_WIDTH_MISMATCH;
        }
        if (logistic) {
            double decision = logisticDecision(x);
            y = 1.0 / (1.0 + Exp.exp(-decision));
            second = decision > 0.0 ? 1.0 : 0.0;
            // Finite features may overflow a decision whose probability is 0 or 1 all the same.
            ok = Double.isFinite(decision) || allFinite(x) && Double.isFinite(y);
        } else {
            // A feature that is not finite makes the sum infinite or NaN, whatever its weight.
            y = linearDecision(x);
            second = 0.0;
            ok = Double.isFinite(y);
        }
        if (ok) {
            into.answer(y, second, verdict, fingerprint, epoch);
            into.stamps(0, 0);
            return Abi.STATUS_OK;
        }
        into.refuse(Abi.STATUS_BAD_INPUT, (int) (verdict >>> 32), fingerprint, epoch);
        return Abi.STATUS_BAD_INPUT;
    }

    private double linearDecision(double[] x) {
        double[] w = weights;
        // It starts from the first term and not from zero, so that -0.0 keeps its sign.
        double total = x[0] * w[0];
        for (int i = 1; i < w.length; i++) {
            total += x[i] * w[i];
        }
        return total + intercept;
    }

    private double logisticDecision(double[] x) {
        double[] w = weights;
        double total = (x[0] - mean[0]) / scale[0] * w[0];
        for (int i = 1; i < w.length; i++) {
            total += (x[i] - mean[i]) / scale[i] * w[i];
        }
        return total + intercept;
    }

    private static boolean allFinite(double[] x) {
        for (double value : x) {
            if (!Double.isFinite(value)) {
                return false;
            }
        }
        return true;
    }
}
