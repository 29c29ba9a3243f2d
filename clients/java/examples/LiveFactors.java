import factord.FactorRow;
import factord.Factors;
import factord.Side;

/**
 * Trades into features, as a market-data handler makes them; no daemon is needed. The trades are
 * made up, of random signs: see {@code factord simulate} for a flow with a memory.
 */
public final class LiveFactors {
    private static final int TRADES = 100_000;

    private LiveFactors() {}

    /**
     * Pushes one trade at a time, and takes windows as they close.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        try (Factors factors = new Factors("window = 60s\nper = trade\nlarge = 200000")) {
            FactorRow row = new FactorRow();
            double[] features = new double[3];
            int windows = 0;
            for (long number = 0; number < TRADES; number++) {
                // Any mixing does: the last bits of multiples of a large odd number.
                long mixed = number * 0x9e3779b97f4a7c15L >>> 32;
                Side side = (mixed & 1) == 0 ? Side.BUY : Side.SELL;
                double price = 20.0 + 0.01 * (mixed >> 1 & 63);
                double qty = 100.0 * (1 + (mixed >> 7) % 200);
                factors.push(number * 50_000_000, price, qty, side);
                // Here a strategy predicts, by Client.predict.
                while (factors.take(row)) {
                    windows++;
                    row.features(features);
                }
            }
            System.out.println(
                    TRADES + " trades, " + windows + " windows; buy rate " + features[0]
                            + ", large buys " + features[1] + ", large sells " + features[2]);
        }
    }
}
