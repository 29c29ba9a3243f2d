package factord;

import java.io.IOException;

/**
 * The engine as this client sees it: noticing its death, and coming back when it does. The ticket
 * of position p of the present session is base + p.
 */
final class Engine {
    // 25 ms without a heartbeat make the client ask whether the engine lives: it beats every 10 ms.
    private static final long HEARTBEAT_STALE_NS = 25_000_000;
    // 100 ms between two questions to the socket of an engine whose heart beats: nothing beside a
    // call that has waited for so long, and soon enough for a person.
    private static final long ASK_NS = 100_000_000;
    /** First and longest pause between two attempts to attach again. */
    private static final long RETRY_FIRST_NS = 1_000_000;
    private static final long RETRY_LAST_NS = 100_000_000;

    private final String path;
    private final AttachOptions options;
    private Session session;
    private boolean connected = true;
    private long base;
    private long heartbeat;
    private long movedAtNs;
    private long askedAtNs;
    private long retryAtNs;
    private long retryPauseNs = RETRY_FIRST_NS;

    Engine(AttachOptions options) throws AttachException {
        if (!Session.isShape(options.featureCount(), options.slotCount())) {
            throw new AttachException(
                    AttachException.Reason.REFUSED,
                    "attach refused: "
                            + Refusal.text(
                                    Refusal.GEOMETRY, options.featureCount(), options.slotCount()));
        }
        this.options = options;
        path = Connection.socketPath(options.socket());
        adopt(Session.open(path, options));
    }

    private void adopt(Session next) {
        session = next;
        connected = true;
        movedAtNs = System.nanoTime();
        askedAtNs = movedAtNs;
    }

    Session session() {
        return session;
    }

    boolean connected() {
        return connected;
    }

    long base() {
        return base;
    }

    /** The ticket of the next request. */
    long nextTicket() {
        return base + session.nextAnswer() + session.inFlight();
    }

    /** Notices a dead engine and attaches again; called about once a microsecond of waiting. */
    void lookAfter() {
        long now = System.nanoTime();
        if (connected) {
            long count = session.heartbeatCount();
            if (count != heartbeat) {
                heartbeat = count;
                movedAtNs = now;
            }
            long stillNs = now - movedAtNs;
            // The heart beats on when the daemon hangs up on this client alone.
            long unaskedNs = now - askedAtNs;
            if (Math.min(stillNs, unaskedNs) > HEARTBEAT_STALE_NS || unaskedNs > ASK_NS) {
                askedAtNs = now;
                connected = !session.hungUp();
                retryPauseNs = RETRY_FIRST_NS;
                retryAtNs = now;
            }
        }
        if (!connected && now - retryAtNs >= 0) {
            attachAgain();
            retryPauseNs = Math.min(2 * retryPauseNs, RETRY_LAST_NS);
            retryAtNs = System.nanoTime() + retryPauseNs;
        }
    }

    private void attachAgain() {
        // What the dead engine answered is still there; the caller takes it before the next try.
        if (session.ready(1) > 0) {
            return;
        }
        Session next;
        try {
            next = Session.open(path, options);
        } catch (IOException notYet) {
            return;
        }
        Session last = session;
        long first = base + last.nextAnswer();
        last.publishAgain(next);
        base = first - next.nextAnswer();
        adopt(next);
        last.close();
    }

    boolean closed() {
        return session == null;
    }

    void close() {
        session.close();
        session = null;
    }
}
