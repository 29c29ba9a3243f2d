package factord;

/** Thrown by the calls that return a {@link Prediction} when there is none. */
public final class PredictException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Why there is no prediction. */
    private final Status status;

    PredictException(Status status) {
        super(status.text());
        this.status = status;
    }

    /**
     * Why there is no prediction.
     *
     * @return anything but {@link Status#OK}
     */
    public Status status() {
        return status;
    }
}
