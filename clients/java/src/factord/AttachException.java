package factord;

import java.io.IOException;

/** Thrown when no channel to the daemon could be had. */
public final class AttachException extends IOException {
    private static final long serialVersionUID = 1;

    /** What went wrong. */
    public enum Reason {
        /** Nothing listens at the path. */
        UNREACHABLE,
        /** The daemon said no. */
        REFUSED,
        /** The two sides were built from layouts that do not fit. */
        ABI,
        /** A region is not what the handshake said. */
        REGION,
        /** The peer is no daemon, or broke the handshake. */
        PROTOCOL,
        /** The daemon did not answer, or take the connection, in time. */
        DEADLINE,
        /** The system refused. */
        SYSTEM,
        /** Others could have made what is at the path, or listens there. */
        UNTRUSTED
    }

    /** What went wrong. */
    private final Reason reason;
    /** Whether another try may fare better. */
    private final boolean mayPass;

    AttachException(Reason reason, String message) {
        this(reason, message, false);
    }

    AttachException(Reason reason, String message, boolean mayPass) {
        super(message);
        this.reason = reason;
        this.mayPass = mayPass;
    }

    /** Tells whether another try may fare better, with nothing changed but the daemon's state. */
    boolean mayPass() {
        return mayPass;
    }

    /**
     * What went wrong, for programs; the message is for people.
     *
     * @return the kind of failure
     */
    public Reason reason() {
        return reason;
    }
}
