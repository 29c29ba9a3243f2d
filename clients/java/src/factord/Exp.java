package factord;

/**
 * The exponential of crates/eval/src/exp.rs: the same additions and multiplications in the same order,
 * none of them fused, and so the same bits. No method of {@link Math} that rounds is used.
 */
final class Exp {
    private static final int INDEX_MASK = Abi.EXP_TABLE_LEN - 1;
    /** Bits of a double's fraction less those of the table's index. */
    private static final int INDEX_SHIFT = 52 - Integer.numberOfTrailingZeros(Abi.EXP_TABLE_LEN);

    private Exp() {}

    /** Computes e^x for every x: 0 and infinity where it underflows and overflows, NaN for NaN. */
    static double exp(double x) {
        if (Math.abs(x) < Abi.EXP_NORMAL) {
            return core(x);
        }
        // Beyond the normal range half the argument is taken and squared.
        double clamped = Math.max(-Abi.EXP_SATURATED, Math.min(Abi.EXP_SATURATED, x));
        double power = core(clamped * 0.5);
        return power * power;
    }

    private static double core(double x) {
        double shifted = x * Abi.EXP_INV_STEP + Abi.EXP_SHIFTER;
        long index = Double.doubleToRawLongBits(shifted);
        double k = shifted - Abi.EXP_SHIFTER;
        double r = (x - k * Abi.EXP_STEP_HI) - k * Abi.EXP_STEP_LO;
        int row = ((int) index & INDEX_MASK) * 2;
        double tail = Double.longBitsToDouble(Abi.EXP_TABLE[row]);
        long head = Abi.EXP_TABLE[row + 1];
        double scale = Double.longBitsToDouble(head + (index << INDEX_SHIFT));
        double square = r * r;
        double low = tail + r;
        double middle = square * (0.5 + r * (1.0 / 6.0));
        double high = (square * square) * (1.0 / 24.0 + r * (1.0 / 120.0));
        return scale + scale * ((low + middle) + high);
    }
}
