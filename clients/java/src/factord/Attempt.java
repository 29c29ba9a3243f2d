package factord;

import java.util.concurrent.locks.LockSupport;

/**
 * An attach under way. No step of it waits for the daemon, so that a call may carry it on between
 * two looks; each has a deadline.
 */
final class Attempt implements AutoCloseable {
    /** How long either side waits for the other's next message. */
    private static final long DEADLINE_NS = 1_000_000_000;
    // 100: a table is written in some microseconds.
    private static final int TABLE_TRIES = 100;
    /** Between two tries to connect to a daemon that has no room. */
    private static final long PAUSE_NS = 1_000_000;

    /** What the daemon does next: take the connection, welcome, serve, finish its table. */
    private enum Step { CONNECTION, WELCOME, READY, TABLE }

    private final Place place;
    private final AttachOptions options;
    private final Connection connection;
    private Session session;
    private Step step = Step.CONNECTION;
    private long startNs = System.nanoTime();
    private long reachAtNs = startNs;

    Attempt(Place place, AttachOptions options) throws AttachException {
        this.place = place;
        this.options = options;
        place.check();
        connection = new Connection(place);
    }

    /**
     * Goes as far as it can without waiting. The session, once it is served; null when it is the
     * daemon's turn. An attempt that has failed is closed.
     */
    Session carryOn() throws AttachException {
        boolean sound = false;
        try {
            // Each step but the last is taken once.
            while (takeStep()) {
                if (step == Step.TABLE) {
                    sound = true;
                    return session;
                }
                step = Step.values()[step.ordinal() + 1];
                startNs = System.nanoTime();
            }
            if (System.nanoTime() - startNs >= DEADLINE_NS) {
                throw late();
            }
            sound = true;
            return null;
        } finally {
            if (!sound) {
                close();
            }
        }
    }

    /** The same, waiting for a greeted daemon for a time at most. */
    Session carryOn(long patienceNs) throws AttachException {
        long start = System.nanoTime();
        Session next = carryOn();
        while (next == null && isGreeted()) {
            long leftNs = patienceNs - (System.nanoTime() - start);
            if (leftNs <= 0) {
                break;
            }
            await(leftNs);
            next = carryOn();
        }
        return next;
    }

    /** Tells whether the daemon has done what the step waits for; then the client has, too. */
    private boolean takeStep() throws AttachException {
        return switch (step) {
            case CONNECTION -> reach();
            case WELCOME -> map();
            case READY -> connection.ready();
            case TABLE -> session.table().read(TABLE_TRIES);
        };
    }

    private boolean reach() throws AttachException {
        if (System.nanoTime() - reachAtNs < 0) {
            return false;
        }
        if (!connection.reach()) {
            reachAtNs = System.nanoTime() + PAUSE_NS;
            return false;
        }
        connection.greet(options);
        return true;
    }

    private boolean map() throws AttachException {
        Connection.Welcome welcome = connection.welcome(options);
        if (welcome == null) {
            return false;
        }
        session = Session.map(connection, welcome, options);
        connection.drop();
        connection.mapped();
        return true;
    }

    private AttachException late() {
        long ms = DEADLINE_NS / 1_000_000;
        return switch (step) {
            case CONNECTION -> place.full(ms);
            case TABLE -> new AttachException(
                    AttachException.Reason.REGION,
                    "attach failed: the model table of the daemon at " + place
                            + " has been half written for " + ms + " ms",
                    true);
            default -> new AttachException(
                    AttachException.Reason.DEADLINE,
                    "attach failed: the daemon at " + place + " gave no answer within " + ms
                            + " ms: it is stopped, hangs, or is overloaded",
                    true);
        };
    }

    /** Tells whether the daemon waits as well, and not for longer than a second. */
    private boolean isGreeted() {
        return step != Step.CONNECTION;
    }

    /** Waits until it may be worth carrying on, for a time at most. */
    void await(long limitNs) {
        if (step == Step.WELCOME || step == Step.READY) {
            long leftNs = DEADLINE_NS - (System.nanoTime() - startNs);
            connection.await(Math.max(Math.min(leftNs, limitNs), 0));
        } else {
            LockSupport.parkNanos(Math.min(PAUSE_NS, limitNs));
        }
    }

    @Override
    public void close() {
        if (session != null) {
            session.close();
        } else {
            connection.close();
        }
    }
}
