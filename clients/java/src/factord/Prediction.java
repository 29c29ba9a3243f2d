package factord;

/**
 * One answer, made once and filled by every call that is given it, so that calls allocate nothing.
 * Its values are those of the last answer until the next call.
 */
public final class Prediction {
    private long ticket;
    private int status = Status.NOT_CONNECTED.code();
    private double y = Double.NaN;
    private double second = Double.NaN;
    private int generation;
    private int arm;
    private long fingerprint;
    private long epoch;
    private long tReceived;
    private long tDone;

    /** Makes an empty one, whose status is {@link Status#NOT_CONNECTED}. */
    public Prediction() {}

    /**
     * Which request this answers.
     *
     * @return the ticket that {@link Client#submit} gave; 0 for an evaluation in this process
     */
    public long ticket() {
        return ticket;
    }

    /**
     * What became of the request.
     *
     * @return {@link Status#OK} when there is a prediction
     */
    public Status status() {
        return Status.ofCode(status);
    }

    /**
     * Tells whether there is a prediction.
     *
     * @return whether the status is {@link Status#OK}
     */
    public boolean ok() {
        return status == Abi.STATUS_OK;
    }

    /**
     * The first output. Linear: the prediction. Logistic: the probability of class 1.
     *
     * @return the output; NaN when there is no prediction
     */
    public double y() {
        return y;
    }

    /**
     * The second output. Linear: 0. Logistic: the class, 0 or 1.
     *
     * @return the output; NaN when there is no prediction
     */
    public double second() {
        return second;
    }

    /**
     * The generation of what serves the name: it grows with every change.
     *
     * @return from 1; 0 when no model answered
     */
    public int generation() {
        return generation;
    }

    /**
     * Which of the versions that share the name's requests answered.
     *
     * @return 0 for the champion, up to 3
     */
    public int arm() {
        return arm;
    }

    /**
     * Which artifact answered: compare it with {@link Model#fingerprint}.
     *
     * @return the first eight bytes of its SHA-256, little-endian; 0 when none did
     */
    public long fingerprint() {
        return fingerprint;
    }

    /**
     * The epoch of the engine that answered.
     *
     * @return nanoseconds since 1970 at its start; 0 when none answered
     */
    public long epoch() {
        return epoch;
    }

    /**
     * When the engine saw the request.
     *
     * @return ticks of the time stamp counter; 0 unless {@link Client#stamp} asked for them
     */
    public long tReceived() {
        return tReceived;
    }

    /**
     * When the engine was about to publish the answer.
     *
     * @return ticks of the time stamp counter; 0 unless {@link Client#stamp} asked for them
     */
    public long tDone() {
        return tDone;
    }

    @Override
    public String toString() {
        return ok()
                ? "Prediction[y=" + y + ", second=" + second + ", generation=" + generation + "]"
                : "Prediction[" + status() + "]";
    }

    void setTicket(long ticket) {
        this.ticket = ticket;
    }

    /** An answer of the engine that has a prediction. */
    void answer(double y, double second, long verdict, long fingerprint, long epoch) {
        this.y = y;
        this.second = second;
        this.status = Abi.STATUS_OK;
        this.arm = (int) (verdict >>> 16) & 0xFFFF;
        this.generation = (int) (verdict >>> 32);
        this.fingerprint = fingerprint;
        this.epoch = epoch;
    }

    void stamps(long tReceived, long tDone) {
        this.tReceived = tReceived;
        this.tDone = tDone;
    }

    /** An answer without a prediction. */
    void refuse(int status, int generation, long fingerprint, long epoch) {
        this.status = status;
        this.generation = generation;
        this.fingerprint = fingerprint;
        this.epoch = epoch;
        y = Double.NaN;
        second = Double.NaN;
        arm = 0;
        tReceived = 0;
        tDone = 0;
    }

    /** The client's own word that there is no answer. */
    Status fail(Status why) {
        ticket = 0;
        refuse(why.code(), 0, 0, 0);
        return why;
    }

    /** An answer whose prediction does not count; who gave it is still said. */
    void disown(Status why) {
        refuse(why.code(), generation, fingerprint, epoch);
    }

    void copy(Prediction other) {
        ticket = other.ticket;
        status = other.status;
        y = other.y;
        second = other.second;
        generation = other.generation;
        arm = other.arm;
        fingerprint = other.fingerprint;
        epoch = other.epoch;
        tReceived = other.tReceived;
        tDone = other.tDone;
    }

    int code() {
        return status;
    }
}
