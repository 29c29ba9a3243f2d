package factord;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;

/**
 * A private copy of one active model, and its evaluation in the order of crates/eval/src/eval.rs: terms
 * from left to right, the intercept last, each product and sum rounded on its own. Java never
 * fuses them by itself.
 */
final class Evaluator {
    /** The word that names slot and generation, as it was when the copy was made. */
    private long published;
    private boolean present;
    private boolean logistic;
    private int generation;
    private int width;
    private double intercept;
    private double[] weights = {};
    private double[] mean = {};
    private double[] scale = {};

    /** Tells whether the copy is of the model that `published` names. */
    boolean fresh(long published) {
        return present && this.published == published;
    }

    /**
     * Copies the model that a slot held while `published` named it; tells whether it was not
     * overtaken. What it read otherwise is not used.
     */
    boolean copy(ByteBuffer models, int slot, long published) {
        this.published = published;
        present = false;
        generation = (int) (published >>> 32);
        long shape = Words.load(models, slot + Abi.SLOT_SHAPE);
        int kind = (int) shape;
        long claimed = shape >>> 32;
        boolean known = kind == Kind.LINEAR || kind == Kind.LOGISTIC;
        boolean sound = known && claimed >= 1 && claimed <= Abi.FEATURE_COUNT_MAX;
        if (sound) {
            resize((int) claimed);
            logistic = kind == Kind.LOGISTIC;
            intercept = Double.longBitsToDouble(Words.load(models, slot + Abi.SLOT_INTERCEPT));
            sound = Double.isFinite(intercept) && read(models, slot + Abi.SLOT_WEIGHTS, weights);
            if (logistic) {
                sound = sound
                        && read(models, slot + Abi.SLOT_MEAN, mean)
                        && read(models, slot + Abi.SLOT_SCALE, scale)
                        && noneIsZero(scale);
            }
        }
        // Pairs with the Release fence that follows the zero in the daemon's `publish`.
        VarHandle.acquireFence();
        if (Words.load(models, slot + Abi.SLOT_GENERATION) != published >>> 32) {
            return false;
        }
        present = sound;
        return true;
    }

    /** Forgets the model. */
    void clear() {
        present = false;
    }

    private void resize(int claimed) {
        if (claimed != width) {
            width = claimed;
            weights = new double[claimed];
            mean = new double[claimed];
            scale = new double[claimed];
        }
    }

    private static boolean read(ByteBuffer models, int start, double[] values) {
        boolean finite = true;
        for (int i = 0; i < values.length; i++) {
            values[i] = Double.longBitsToDouble(Words.load(models, start + i));
            finite &= Double.isFinite(values[i]);
        }
        return finite;
    }

    private static boolean noneIsZero(double[] values) {
        for (double value : values) {
            if (value == 0.0) {
                return false;
            }
        }
        return true;
    }

    /** Answers with the copy; its status code. */
    int answer(double[] x, long epoch, Prediction into) {
        if (!present) {
            into.refuse(Abi.STATUS_UNKNOWN_MODEL, 0, epoch);
        } else if (x.length != width) {
            into.refuse(Abi.STATUS_WIDTH_MISMATCH, generation, epoch);
        } else if (logistic) {
            double decision = logisticDecision(x);
            double y = 1.0 / (1.0 + Exp.exp(-decision));
            double second = decision > 0.0 ? 1.0 : 0.0;
            // Finite features may overflow a decision whose probability is 0 or 1 all the same.
            boolean ok = Double.isFinite(decision) || allFinite(x) && Double.isFinite(y);
            accept(ok, y, second, epoch, into);
        } else {
            // A feature that is not finite makes the sum infinite or NaN, whatever its weight.
            double decision = linearDecision(x);
            accept(Double.isFinite(decision), decision, 0.0, epoch, into);
        }
        return into.code();
    }

    private void accept(boolean ok, double y, double second, long epoch, Prediction into) {
        if (ok) {
            into.answer(y, second, (long) generation << 32, epoch);
            into.stamps(0, 0);
        } else {
            into.refuse(Abi.STATUS_BAD_INPUT, generation, epoch);
        }
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
