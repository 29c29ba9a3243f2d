package factord;

/**
 * The second channel: to the workers of the other class than the client's own.
 *
 * <p>Every request stands in the client's own ring, which keeps the order. One that is answered
 * "wrong class" there stays untaken, is published in the second channel's ring as well, and gets
 * the answer that comes from there. So the requests are still there when either channel is lost.
 */
final class Second {
    // 1 s in which "wrong class" stays an answer after the daemon refused a second channel: a quota
    // may be free again by then, and one attach a second burdens nobody.
    private static final long DECLINED_NS = 1_000_000_000;

    private final Place place;
    private final AttachOptions options;
    private final int mask;
    /** Null while there is none. */
    private Session session;
    /** On the way to one, or null. */
    private Attempt attempt;
    /** A request waits for one. */
    private boolean isWanted;
    /** The own ring's positions whose requests were published here, in order: a queue. */
    private long[] positions;
    private int first;
    private int size;
    /** The first position of the own ring whose answer was not looked at. */
    private long next;
    private double[] features;
    private long lookedAtNs;
    private long askedAtNs;
    private long retryAtNs;
    private long retryPauseNs;
    private boolean isDeclined;
    private long declinedAtNs;

    Second(Place place, AttachOptions options) {
        this.place = place;
        this.options = options.withHeavy(!options.heavy());
        mask = options.slotCount() - 1;
        close();
    }

    /** Tells whether a request waits for the channel to be there. */
    boolean isOpening() {
        return isWanted && session == null;
    }

    /**
     * Puts this channel's answer in the place of "wrong class", which was taken from the client's own
     * ring last. False: it is not there yet, and the refusal was put back.
     */
    boolean settle(Session own, Names names, Prediction into) {
        isDeclined = isDeclined && System.nanoTime() - declinedAtNs < DECLINED_NS;
        if (isDeclined || pop(own.nextAnswer() - 1, into)) {
            return true;
        }
        own.putBack();
        isWanted = true;
        goOver(own, names);
        return false;
    }

    private boolean pop(long position, Prediction into) {
        while (session != null && size > 0) {
            long asked = positions[first];
            if (asked > position || !session.pop(into)) {
                return false;
            }
            first = (first + 1) & mask;
            size--;
            // An earlier one was answered otherwise after all: the daemon changed its word.
            if (asked == position) {
                return true;
            }
        }
        return false;
    }

    /**
     * Publishes what was answered "wrong class" in this channel's ring, which has a slot for each of
     * the own.
     */
    private void goOver(Session own, Names names) {
        if (session == null) {
            return;
        }
        next = Math.max(next, own.nextAnswer());
        for (int status = own.statusAt(next); status >= 0; status = own.statusAt(next)) {
            if (status == Abi.STATUS_WRONG_CLASS) {
                long meta = names.meta(own.modelAt(next), own.table());
                own.publishIn(session, next, meta, features);
                positions[(first + size) & mask] = next;
                size++;
            }
            next++;
        }
    }

    /** Has a channel where one is wanted, and notices when the daemon hangs up on it. */
    void lookAfter(Session own, Names names, long now, long patienceNs) {
        if (session != null) {
            if (size > 0 && now - askedAtNs > Engine.ASK_NS) {
                askedAtNs = now;
                if (session.hungUp()) {
                    close();
                }
            }
        } else if (isWanted && (attempt != null || now - retryAtNs >= 0)) {
            open(own, names, now, patienceNs);
        }
    }

    private void open(Session own, Names names, long now, long patienceNs) {
        boolean isRare = attempt != null && now - lookedAtNs > Engine.RARE_NS;
        lookedAtNs = now;
        try {
            if (isRare) {
                attempt.close();
            }
            if (isRare || attempt == null) {
                attempt = new Attempt(place, options);
            }
            Session came = attempt.carryOn(isRare ? patienceNs : 0);
            if (came == null) {
                return;
            }
            attempt = null;
            // That of another engine has to wait until the own channel goes over to it, too.
            if (came.vitals().epoch() != own.vitals().epoch()) {
                came.close();
                retryLater();
                return;
            }
            session = came;
            positions = new long[options.slotCount()];
            features = new double[options.featureCount()];
            askedAtNs = now;
            goOver(own, names);
        } catch (AttachException refused) {
            attempt = null;
            if (refused.mayPass()) {
                retryLater();
            } else {
                isWanted = false;
                isDeclined = true;
                declinedAtNs = System.nanoTime();
            }
        }
    }

    private void retryLater() {
        retryAtNs = System.nanoTime() + retryPauseNs;
        retryPauseNs = Math.min(2 * retryPauseNs, Engine.RETRY_LAST_NS);
    }

    /** Gives the channel up; what it owes still stands in the client's own ring. */
    void close() {
        if (attempt != null) {
            attempt.close();
        }
        if (session != null) {
            session.close();
        }
        attempt = null;
        session = null;
        isWanted = false;
        first = 0;
        size = 0;
        next = 0;
        retryAtNs = System.nanoTime();
        retryPauseNs = Engine.RETRY_FIRST_NS;
    }
}
