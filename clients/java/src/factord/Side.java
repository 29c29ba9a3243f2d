package factord;

/** Who started a trade, according to the feed. */
public enum Side {
    /** The feed does not say. */
    UNKNOWN(0),
    /** The buyer. */
    BUY(1),
    /** The seller. */
    SELL(-1),
    /** Nobody: an auction. */
    AUCTION(2);

    private final int number;

    Side(int number) {
        this.number = number;
    }

    /** As the native library has it. */
    int number() {
        return number;
    }
}
