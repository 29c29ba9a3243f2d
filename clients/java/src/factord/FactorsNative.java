package factord;

/**
 * The native library of {@link Factors}: that of {@code clients/factors-c} behind the names that
 * the virtual machine calls. Numbers below zero are its codes.
 */
final class FactorsNative {
    /** Bytes of a sentence, at least those of the C header. */
    static final int WHY_LEN = 1024;

    /** The counts of the C header's structure, in its order. */
    static final String[] COUNTS = {
        "trades",
        "auction_trades",
        "unclassified_trades",
        "by_flag",
        "by_orders",
        "by_quote",
        "by_tick",
        "equal_times",
        "late_taken",
        "late_dropped",
        "zero_sizes",
        "bad_numbers",
        "outliers",
        "without_order",
        "orders_evicted",
        "orders_idle",
        "windows",
        "windows_empty",
        "windows_undefined",
        "windows_unwritten",
    };

    static {
        Native.load("factord_factors_jni");
    }

    private FactorsNative() {}

    static native long make(byte[] settings, byte[] why);

    static native void free(long handle);

    static native int push(
            long handle,
            long tsNs,
            double price,
            double qty,
            int side,
            long buyId,
            long sellId,
            double bid,
            double ask);

    static native int advance(long handle, long nowNs);

    static native int finish(long handle);

    static native int take(long handle, long[] words);

    static native int now(long handle, long[] words);

    static native int count(long handle, long[] words);

    static native int check(long handle, byte[] model, byte[] why);

    static native byte[] settings(long handle);

    static native String message(int code);
}
