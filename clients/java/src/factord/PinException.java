package factord;

/** Thrown when a name was not pinned to an artifact. */
public final class PinException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Why not. */
    public enum Reason {
        /** No model of that name is served. */
        NOT_SERVED("the daemon serves no model of that name: models() lists those it does"),
        /** Several versions share the name's requests. */
        DIVIDED("several versions share the name's requests: a pinned name has one"),
        /** All numbers are given. */
        TOO_MANY_NAMES("this client has bound 65535 names: use another client");

        private final String text;

        Reason(String text) {
            this.text = text;
        }
    }

    /** Why not. */
    private final Reason reason;

    PinException(String name, Reason reason) {
        super(name + " was not pinned: " + reason.text);
        this.reason = reason;
    }

    /**
     * Why not, for programs; the message is for people.
     *
     * @return the reason
     */
    public Reason reason() {
        return reason;
    }
}
