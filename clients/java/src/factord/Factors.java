package factord;

import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Trades of one symbol in, windows of buy and sell rates out: the very code of {@code factord
 * factors} and of the other clients, so that a window has the same bits everywhere. It needs no
 * daemon.
 *
 * <pre>{@code
 * try (Factors factors = new Factors("window = 60s\nper = trade")) {
 *     FactorRow row = new FactorRow();
 *     factors.push(tsNs, 10.0, 300.0, Side.BUY);
 *     while (factors.take(row)) {
 *         row.features(x);
 *     }
 * }
 * }</pre>
 *
 * <p>Settings are lines {@code name = value} for each that is not the usual one; {@code
 * clients/factors-c/factord_factors.h} lists them, {@code docs/factors.md} says what they mean.
 *
 * <p>Factors belong to one thread, at first the one that made them; {@link #handOver} gives them to
 * another. {@link #push}, {@link #take} and {@link #now} allocate nothing on Java's side.
 */
public final class Factors implements AutoCloseable {
    private static final int OK = 0;
    private static final int SETTINGS = -3;
    private static final int MISMATCH = -4;

    private Thread owner = Thread.currentThread();
    private long handle;

    /** Makes factors with the usual settings, which have seen no trade. */
    public Factors() {
        this("");
    }

    /**
     * Makes factors that have seen no trade.
     *
     * @param settings a line {@code name = value} for each that is not the usual one
     * @throws SettingsException when they cannot be used
     */
    public Factors(String settings) {
        byte[] why = new byte[FactorsNative.WHY_LEN];
        long made = FactorsNative.make(text(settings), why);
        if (made < 0) {
            throw failure((int) made, why);
        }
        handle = made;
    }

    /**
     * Takes a trade without order numbers and quotes.
     *
     * @param tsNs nanoseconds since 1970-01-01 UTC
     * @param price the price
     * @param qty the quantity
     * @param side who started it
     * @return how many closed windows wait to be taken, 0 for most trades
     */
    public int push(long tsNs, double price, double qty, Side side) {
        return push(tsNs, price, qty, side, 0, 0, 0.0, 0.0);
    }

    /**
     * Takes a trade with order numbers.
     *
     * @param tsNs nanoseconds since 1970-01-01 UTC
     * @param price the price
     * @param qty the quantity
     * @param side who started it
     * @param buyId the buyer's order number; 0 is none
     * @param sellId the seller's order number; 0 is none
     * @return how many closed windows wait to be taken, 0 for most trades
     */
    public int push(long tsNs, double price, double qty, Side side, long buyId, long sellId) {
        return push(tsNs, price, qty, side, buyId, sellId, 0.0, 0.0);
    }

    /**
     * Takes a trade. One that is too late for its window, or whose price, quantity or time cannot
     * be, is left out and counted ({@link #counts}): a live feed goes on.
     *
     * @param tsNs nanoseconds since 1970-01-01 UTC
     * @param price the price
     * @param qty the quantity
     * @param side who started it
     * @param buyId the buyer's order number; 0 is none
     * @param sellId the seller's order number; 0 is none
     * @param bid the best bid just before; 0, as the ask, without a quote
     * @param ask the best ask just before; 0, as the bid, without a quote
     * @return how many closed windows wait to be taken, 0 for most trades
     */
    public int push(
            long tsNs,
            double price,
            double qty,
            Side side,
            long buyId,
            long sellId,
            double bid,
            double ask) {
        checkUse();
        return counted(
                FactorsNative.push(
                        handle, tsNs, price, qty, side.number(), buyId, sellId, bid, ask));
    }

    /**
     * Says what time it is: closes the windows by time that ended before, without a trade.
     *
     * @param nowNs nanoseconds since 1970-01-01 UTC
     * @return how many closed windows wait to be taken
     */
    public int advance(long nowNs) {
        checkUse();
        return counted(FactorsNative.advance(handle, nowNs));
    }

    /**
     * Says that the trades have ended: closes the open window by time. The next trade opens a new
     * one.
     *
     * @return how many closed windows wait to be taken
     */
    public int finish() {
        checkUse();
        return counted(FactorsNative.finish(handle));
    }

    /**
     * Takes the oldest of the closed windows that wait.
     *
     * @param into what it is written to; as it was when none waits
     * @return whether one waited
     */
    public boolean take(FactorRow into) {
        checkUse();
        return counted(FactorsNative.take(handle, into.words)) == 1;
    }

    /**
     * Gives the window as it stands; before the first trade one without trades and rates.
     *
     * @param into what it is written to
     */
    public void now(FactorRow into) {
        checkUse();
        counted(FactorsNative.now(handle, into.words));
    }

    /**
     * Tells what was seen, left out and given so far.
     *
     * @return the counts by name, as {@code docs/factors.md} has them
     */
    public Map<String, Long> counts() {
        checkUse();
        String[] names = FactorsNative.COUNTS;
        long[] words = new long[names.length];
        counted(FactorsNative.count(handle, words));
        Map<String, Long> counts = new LinkedHashMap<>();
        for (int i = 0; i < words.length; i++) {
            counts.put(names[i], words[i]);
        }
        return Collections.unmodifiableMap(counts);
    }

    /**
     * Sees to it that a model was trained on windows of these settings. What the model does not
     * state is no mismatch.
     *
     * @param modelSettings what the model states, a line {@code name = value} each, as {@code
     *     factord model show FILE --json} has it under {@code settings}
     * @throws SettingsException names the first setting that differs and both values
     */
    public void check(String modelSettings) {
        checkUse();
        byte[] why = new byte[FactorsNative.WHY_LEN];
        int error = FactorsNative.check(handle, text(modelSettings), why);
        if (error != OK) {
            throw failure(error, why);
        }
    }

    /**
     * Tells the settings that decide what a row means.
     *
     * @return a line {@code name = value} each
     */
    public String settings() {
        checkUse();
        return new String(FactorsNative.settings(handle), StandardCharsets.UTF_8);
    }

    /**
     * Gives the factors to another thread; called by the one they belong to, before the other one
     * starts or otherwise learns of them.
     *
     * @param thread who may call from now on
     */
    public void handOver(Thread thread) {
        checkUse();
        owner = thread;
    }

    /**
     * Frees the memory; once is enough. It is for the factors' own thread too, or for anybody once
     * that thread has ended.
     */
    @Override
    public void close() {
        if (handle == 0) {
            return;
        }
        if (Thread.currentThread() != owner && owner.isAlive()) {
            throw misuse();
        }
        FactorsNative.free(handle);
        handle = 0;
    }

    private void checkUse() {
        if (Thread.currentThread() != owner || handle == 0) {
            throw misuse();
        }
    }

    private IllegalStateException misuse() {
        return new IllegalStateException(
                handle == 0
                        ? "the factors are closed"
                        : "the factors belong to " + owner + ": let it call handOver first");
    }

    private static int counted(int count) {
        if (count < 0) {
            throw new IllegalStateException(FactorsNative.message(count));
        }
        return count;
    }

    private static RuntimeException failure(int error, byte[] why) {
        if (error != SETTINGS && error != MISMATCH) {
            return new IllegalStateException(FactorsNative.message(error));
        }
        int len = 0;
        while (why[len] != 0) {
            len++;
        }
        return new SettingsException(new String(why, 0, len, StandardCharsets.UTF_8));
    }

    /** With the NUL that ends it for C. */
    private static byte[] text(String text) {
        if (text.indexOf('\0') >= 0) {
            throw new SettingsException("the settings hold a NUL");
        }
        return (text + '\0').getBytes(StandardCharsets.UTF_8);
    }
}
