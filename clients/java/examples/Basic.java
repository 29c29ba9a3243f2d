import factord.Client;
import factord.Prediction;

/** Ten lines from nothing to a prediction. Start a daemon first: {@code factord serve}. */
public final class Basic {
    private Basic() {}

    /**
     * Predicts one row.
     *
     * @param arguments none
     * @throws Exception when there is no daemon, or no prediction
     */
    public static void main(String[] arguments) throws Exception {
        try (Client client = Client.attach()) {
            int model = client.model("regression").orElseThrow().id();
            Prediction answer = client.predict(model, new double[] {0.5, 0.2, 0.3}, 100_000_000);
            System.out.println(answer.y() + " by generation " + answer.generation());
        }
    }
}
