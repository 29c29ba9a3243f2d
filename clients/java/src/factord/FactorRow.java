package factord;

/**
 * One window, made once and filled by {@link Factors#take} and {@link Factors#now}, so that these
 * allocate nothing. Shares are between 0 and 1, or NaN where there is nothing to share.
 */
public final class FactorRow {
    static final int WORDS = 16;

    /** The fields of the C header's structure, in its order. */
    final long[] words = new long[WORDS];

    /** Makes a row of zeros. */
    public FactorRow() {}

    private double share(int index) {
        return Double.longBitsToDouble(words[index]);
    }

    /**
     * When the window starts.
     *
     * @return the first moment of a window by time, else the first trade's time; nanoseconds since
     *     1970-01-01 UTC
     */
    public long startNs() {
        return words[0];
    }

    /**
     * When the window ends.
     *
     * @return the first moment after a window by time, else the last trade's time; nanoseconds
     *     since 1970-01-01 UTC
     */
    public long endNs() {
        return words[1];
    }

    /**
     * Trades, auctions among them.
     *
     * @return how many
     */
    public long trades() {
        return words[2];
    }

    /**
     * The quantity traded; of contracts, how many.
     *
     * @return the sum
     */
    public double volume() {
        return share(3);
    }

    /**
     * The sum of price times quantity, or of what the contracts are worth.
     *
     * @return the sum
     */
    public double turnover() {
        return share(4);
    }

    /**
     * Turnover that buyers started / turnover with an aggressor.
     *
     * @return the share; NaN without any
     */
    public double buyRate() {
        return share(5);
    }

    /**
     * Turnover that sellers started / turnover with an aggressor.
     *
     * @return the share; NaN without any
     */
    public double sellRate() {
        return share(6);
    }

    /**
     * Turnover of large buys / turnover.
     *
     * @return the share; NaN without turnover or without a cut
     */
    public double largeBuy() {
        return share(7);
    }

    /**
     * Turnover of large sells / turnover.
     *
     * @return the share; NaN without turnover or without a cut
     */
    public double largeSell() {
        return share(8);
    }

    /**
     * Turnover without an aggressor, auctions among it / turnover.
     *
     * @return the share; NaN without turnover
     */
    public double unclassified() {
        return share(9);
    }

    /**
     * Turnover of auctions / turnover.
     *
     * @return the share; NaN without turnover
     */
    public double auction() {
        return share(10);
    }

    /**
     * Trades whose aggressor the feed's flag named.
     *
     * @return how many
     */
    public long byFlag() {
        return words[11];
    }

    /**
     * Trades whose aggressor order numbers told.
     *
     * @return how many
     */
    public long byOrders() {
        return words[12];
    }

    /**
     * Trades whose aggressor the quote told.
     *
     * @return how many
     */
    public long byQuote() {
        return words[13];
    }

    /**
     * Trades whose aggressor the tick rule told.
     *
     * @return how many
     */
    public long byTick() {
        return words[14];
    }

    /**
     * Tells whether the window has closed.
     *
     * @return false for a window as it stands
     */
    public boolean closed() {
        return words[15] != 0;
    }

    /**
     * Puts what the models take: buy rate, large buy rate, large sell rate.
     *
     * @param into three numbers
     */
    public void features(double[] into) {
        into[0] = buyRate();
        into[1] = largeBuy();
        into[2] = largeSell();
    }
}
