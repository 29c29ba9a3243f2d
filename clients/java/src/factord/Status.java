package factord;

/** What became of one request. */
public enum Status {
    /** Answered. */
    OK("answered"),
    /** A feature is NaN or infinite, or the prediction would be. */
    BAD_INPUT("bad input: every feature, and the prediction, must be a finite number"),
    /** The daemon serves no model of that id. */
    UNKNOWN_MODEL("the daemon serves no such model: models() lists those it does"),
    /** The request's width is not the model's, or not the channel's. */
    WIDTH_MISMATCH("the number of features is not the model's"),
    /**
     * The model is served to channels of the other class, {@link AttachOptions#heavy}, and the daemon
     * refused a second channel: it has no worker of that class, or the user's quota is used up.
     */
    WRONG_CLASS(
            "the model is served on channels of the other class (option `heavy`), and the daemon"
                    + " grants this client no second one"),
    /** The ring is full: take answers first. */
    BACK_PRESSURE("the ring is full: take answers before submitting more"),
    /** The deadline passed before the answer came. Should it come later, it is dropped. */
    DEADLINE("no answer before the deadline"),
    /** The engine is gone and has not come back yet. */
    NOT_CONNECTED("not connected to a daemon"),
    /** The name is pinned to an artifact, and another one serves it: see {@link Client#pin}. */
    OTHER_VERSION("another version serves the name than the one it is pinned to"),
    /** The model's parameters are not in this process yet: see {@link Client#fetch}. */
    NOT_FETCHED(
            "the model's parameters are still on their way to this process: try again, or fetch"
                    + " them first"),
    /** The answer is for other words than those submitted: the memory was overwritten. */
    ECHO_MISMATCH("the answer is for different features than those submitted");

    private static final Status[] ALL = values();

    private final String text;

    Status(String text) {
        this.text = text;
    }

    /**
     * The status that a negative result of {@link Client#submit} stands for.
     *
     * @param ticket what {@link Client#submit} returned
     * @return why there is no ticket, or {@link #OK} when there is one
     */
    public static Status ofTicket(long ticket) {
        return ticket > 0 ? OK : ALL[(int) -ticket];
    }

    /** The status of a code: those of the daemon first, then the client's own. */
    static Status ofCode(int code) {
        return ALL[code];
    }

    int code() {
        return ordinal();
    }

    /**
     * What it means, in words for people.
     *
     * @return a sentence without a full stop
     */
    public String text() {
        return text;
    }
}
