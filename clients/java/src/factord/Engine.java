package factord;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * The engine as this client sees it: noticing its death, and coming back when it does. The ticket
 * of position p of the present session is base + p.
 */
final class Engine {
    // 25 ms without a heartbeat make the client ask whether the engine lives: it beats every 10 ms.
    private static final long HEARTBEAT_STALE_NS = 25_000_000;
    // 100 ms between two questions to the socket of an engine whose heart beats: nothing beside a
    // call that has waited for so long, and soon enough for a person.
    static final long ASK_NS = 100_000_000;
    /** First and longest pause between two attempts to attach again. */
    static final long RETRY_FIRST_NS = 1_000_000;
    static final long RETRY_LAST_NS = 100_000_000;

    // 500 ms between two looks: an attempt would die of old age, as the daemon gives up on a client
    // that leaves it waiting for a second. Calls that come so rarely give its answers a little time.
    static final long RARE_NS = 500_000_000;
    /** The time that a call gives which waits for nothing. */
    static final long PATIENCE_NS = 2_000_000;
    // A thousand, some milliseconds: when the daemon died in the middle of an update, what was read
    // last must do.
    private static final int TABLE_TRIES = 1000;

    private final Place place;
    private final AttachOptions options;
    private final Names names = new Names();
    private final Second second;
    private Session session;
    /** Under way while there is no engine, or null. */
    private Attempt attempt;
    private boolean connected = true;
    private long base;
    /** What the table's sequence of the present session is counted from. */
    private long sequenceBase;
    private long heartbeat;
    private long movedAtNs;
    private long askedAtNs;
    private long lookedAtNs;
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
        if (!Session.hasRoom(options.outputCount(), options.slotCount())) {
            throw new AttachException(
                    AttachException.Reason.REFUSED,
                    "attach refused: "
                            + Refusal.text(
                                    Refusal.OUTPUTS, options.outputCount(), options.slotCount()));
        }
        this.options = options;
        place = Place.find(options);
        second = new Second(place, options);
        adopt(attach());
        if (!options.quiet()) {
            Neighbour.mention(session.vitals().workerCores());
        }
    }

    /** Attaches for the first time, which may wait; one try, or as many as the time is for. */
    private Session attach() throws AttachException {
        long start = System.nanoTime();
        long pauseNs = RETRY_FIRST_NS;
        // Ends when the time is over.
        for (;;) {
            try {
                return attachOnce();
            } catch (AttachException error) {
                long leftNs = options.waitNs() - (System.nanoTime() - start);
                boolean over = options.waitNs() <= 0 || leftNs <= 0
                        || Thread.currentThread().isInterrupted();
                if (!error.mayPass() || over) {
                    throw error;
                }
                LockSupport.parkNanos(Math.min(pauseNs, leftNs));
                pauseNs = Math.min(2 * pauseNs, RETRY_LAST_NS);
            }
        }
    }

    private Session attachOnce() throws AttachException {
        Attempt only = new Attempt(place, options);
        // Ends by itself: each step has a deadline.
        for (;;) {
            Session next = only.carryOn();
            if (next != null) {
                return next;
            }
            only.await(Long.MAX_VALUE);
        }
    }

    private void adopt(Session next) {
        session = next;
        connected = true;
        movedAtNs = System.nanoTime();
        askedAtNs = movedAtNs;
    }

    /** What a request for a model carries, without flags. */
    long meta(int model) {
        return names.meta(model, session.table());
    }

    /**
     * Takes the next answer if it is there, from the second channel where it comes from there; see
     * {@link Session#pop}.
     */
    boolean pop(Prediction into) {
        if (!session.pop(into)) {
            return false;
        }
        if (into.code() == Abi.STATUS_WRONG_CLASS && !second.settle(session, names, into)) {
            return false;
        }
        if (names.arePinned()) {
            names.judge(session.lastModel(), into);
        }
        return true;
    }

    /** Evaluates in this process; see {@link Local#answer}. */
    int answerLocal(int model, long key, double[] x, Prediction into) {
        int status = session.local().answer(model, meta(model), key, x, into);
        if (names.arePinned() && status != Local.ELSEWHERE) {
            names.judge(model, into);
        }
        return status;
    }

    /** One step of bringing all versions of a model here; see {@link Local#fetch}. */
    Status fetch(int model) {
        return session.local().fetch(model, meta(model));
    }

    /** The engine's models, by this client's numbers. */
    List<Model> models() {
        ModelTable table = session.table();
        table.read(TABLE_TRIES);
        List<Model> models = new ArrayList<>();
        for (ModelTable.Row row : table.rows()) {
            Model model = row.model();
            int number = names.number(model.name());
            if (number != Names.NONE) {
                models.add(model.withId(number));
            }
        }
        return models;
    }

    /** The row of a model by its name and this client's number; null when it is not served. */
    Model model(String name) {
        Model row = find(name);
        int number = row == null ? Names.NONE : names.number(name);
        return number == Names.NONE ? null : row.withId(number);
    }

    private Model find(String name) {
        ModelTable table = session.table();
        ModelTable.Row row = table.find(name);
        for (int attempt = 1; row == ModelTable.UNSETTLED && attempt < TABLE_TRIES; attempt++) {
            Thread.yield();
            row = table.find(name);
        }
        return row == null ? null : row.model();
    }

    /** This client's number of a name that is served now; {@link Names#NONE} for any other. */
    int number(String name) {
        int known = names.known(name);
        if (known != Names.NONE) {
            return Names.isServed(meta(known)) ? known : Names.NONE;
        }
        return find(name) == null ? Names.NONE : names.number(name);
    }

    /** A number for a name that only one artifact may answer. */
    int pin(String name, long fingerprint) {
        Model row = find(name);
        if (row == null) {
            throw new PinException(name, PinException.Reason.NOT_SERVED);
        }
        if (row.armCount() > 1) {
            throw new PinException(name, PinException.Reason.DIVIDED);
        }
        int number = names.number(name, fingerprint);
        if (number == Names.NONE) {
            throw new PinException(name, PinException.Reason.TOO_MANY_NAMES);
        }
        return number;
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

    /**
     * Notices a dead engine and attaches again; called about once a microsecond of waiting. It waits
     * for no longer than it is told to, and only where no attempt would get through otherwise.
     */
    void lookAfter(long patienceNs) {
        long now = System.nanoTime();
        if (connected) {
            long count = session.vitals().heartbeatCount();
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
        if (connected) {
            second.lookAfter(session, names, now, patienceNs);
        } else {
            attachAgain(now, patienceNs);
        }
    }

    /** Tells whether a request waits for a second channel to be there. */
    boolean opensSecond() {
        return second.isOpening();
    }

    private void attachAgain(long now, long patienceNs) {
        // What the dead engine answered is still there; the caller takes it before the next try. But
        // for what the second channel would have answered.
        int next = session.statusAt(session.nextAnswer());
        boolean isAnswered = next >= 0 && next != Abi.STATUS_WRONG_CLASS;
        if (isAnswered || attempt == null && now - retryAtNs < 0) {
            return;
        }
        try {
            Session came = carryOn(now, patienceNs);
            if (came != null) {
                attempt = null;
                goOver(came);
            }
        } catch (AttachException notYet) {
            attempt = null;
            retryAtNs = System.nanoTime() + retryPauseNs;
            retryPauseNs = Math.min(2 * retryPauseNs, RETRY_LAST_NS);
        }
    }

    private Session carryOn(long now, long patienceNs) throws AttachException {
        boolean rare = attempt != null && now - lookedAtNs > RARE_NS;
        lookedAtNs = now;
        if (rare) {
            attempt.close();
        }
        if (rare || attempt == null) {
            attempt = new Attempt(place, options);
        }
        return attempt.carryOn(rare ? patienceNs - (System.nanoTime() - now) : 0);
    }

    private void goOver(Session next) {
        Session last = session;
        sequenceBase = modelsSequence() + 1 - next.table().sequence();
        long first = base + last.nextAnswer();
        names.forget();
        last.publishAgain(next, names);
        base = first - next.nextAnswer();
        adopt(next);
        last.close();
        // Its requests stand in this ring as well, and go over again where they have to.
        second.close();
    }

    /** Changes with every change of the table, also by another engine. */
    long modelsSequence() {
        return sequenceBase + session.table().sequence();
    }

    boolean closed() {
        return session == null;
    }

    void close() {
        if (attempt != null) {
            attempt.close();
        }
        second.close();
        session.close();
        session = null;
    }
}
