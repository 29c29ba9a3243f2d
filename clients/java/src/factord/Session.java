package factord;

import java.nio.ByteBuffer;
import java.nio.LongBuffer;

/**
 * One attachment to one engine: its regions and the client's ends of both rings. Positions are
 * private, only grow and start at 1; the slot of position n is n & (slots - 1).
 */
final class Session implements AutoCloseable {
    private static final int LINE_WORDS = Abi.LINE_LEN / 8;
    private static final int SLOTS = Abi.RING_HEADER_LINES * LINE_WORDS;

    private final Connection connection;
    private final Region[] regions;
    private final ByteBuffer status;
    private final ModelTable table;
    private final ByteBuffer req;
    private final ByteBuffer resp;
    /** The same regions, for payload: acquire and release of the sequence order plain accesses. */
    private final LongBuffer reqWords;
    private final LongBuffer respWords;
    private final Local local;
    private final long epoch;
    private final int featureCount;
    private final int stride;
    private final int mask;
    /** The echo that the answer in each slot must carry. */
    private final long[] echoes;
    private long nextRequest = 1;
    private long nextAnswer = 1;

    /** Words of a request slot. */
    private static int stride(int featureCount) {
        int lines = (Abi.REQUEST_FEATURES + featureCount + LINE_WORDS - 1) / LINE_WORDS;
        return lines * LINE_WORDS;
    }

    /** Tells whether a ring may have this shape. */
    static boolean isShape(int featureCount, int slotCount) {
        return featureCount >= 1
                && featureCount <= Abi.FEATURE_COUNT_MAX
                && Integer.bitCount(slotCount) == 1
                && slotCount >= 1
                && slotCount <= Abi.SLOT_COUNT_MAX
                && reqLines(featureCount, slotCount) * Abi.LINE_LEN <= Abi.REGION_LEN_MAX;
    }

    private static long reqLines(int featureCount, int slotCount) {
        long lines = stride(featureCount) / LINE_WORDS;
        return Abi.RING_HEADER_LINES + slotCount * lines;
    }

    /** Maps the regions of a welcome and checks their headers; the session owns the connection. */
    static Session map(
            Connection connection, Connection.Welcome welcome, AttachOptions options)
            throws AttachException {
        Region[] regions = new Region[4];
        boolean sound = false;
        try {
            int slots = options.slotCount();
            int[] fds = welcome.descriptors();
            regions[0] = Region.open("STATUS", fds[0], Abi.STATUS_LINES, false);
            regions[1] = Region.open("MODELS", fds[1], Abi.MODELS_LINES, false);
            long lines = reqLines(options.featureCount(), slots);
            regions[2] = Region.open("REQ", fds[2], lines, true);
            // Only read; writable, since an answer's line then travels faster.
            regions[3] = Region.open("RESP", fds[3], Abi.RING_HEADER_LINES + slots, true);
            check(regions, welcome, options);
            Session session = new Session(connection, regions, welcome.epoch(), options);
            sound = true;
            return session;
        } finally {
            if (!sound) {
                unmap(regions);
            }
        }
    }

    /** Every word of a header must be what the welcome said; the request region starts blank. */
    private static void check(Region[] regions, Connection.Welcome welcome, AttachOptions options)
            throws AttachException {
        Region status = regions[0];
        status.expect("STATUS", "magic", Abi.STATUS_MAGIC, Abi.MAGIC);
        status.expect("STATUS", "abi", Abi.STATUS_ABI, welcome.abi());
        status.expect("STATUS", "layout hash", Abi.STATUS_LAYOUT_HASH, Abi.LAYOUT_HASH);
        status.expect("STATUS", "epoch", Abi.STATUS_EPOCH, welcome.epoch());
        Region models = regions[1];
        models.expect("MODELS", "magic", Abi.MODELS_MAGIC, Abi.MAGIC);
        models.expect("MODELS", "abi", Abi.MODELS_ABI, welcome.abi());
        models.expect("MODELS", "layout hash", Abi.MODELS_LAYOUT_HASH, Abi.LAYOUT_HASH);
        models.expect("MODELS", "entries", Abi.MODELS_MODEL_COUNT, Abi.MODEL_COUNT_MAX);
        Region resp = regions[3];
        resp.expect("RESP", "magic", Abi.RESP_MAGIC, Abi.MAGIC);
        resp.expect("RESP", "abi", Abi.RESP_ABI, welcome.abi());
        resp.expect("RESP", "layout hash", Abi.RESP_LAYOUT_HASH, Abi.LAYOUT_HASH);
        resp.expect("RESP", "epoch", Abi.RESP_EPOCH, welcome.epoch());
        resp.expect("RESP", "client id", Abi.RESP_CLIENT_ID, welcome.clientId());
        resp.expect("RESP", "features", Abi.RESP_FEATURE_COUNT, options.featureCount());
        resp.expect("RESP", "slots", Abi.RESP_SLOT_COUNT, options.slotCount());
    }

    private Session(Connection connection, Region[] regions, long epoch, AttachOptions options) {
        this.connection = connection;
        this.regions = regions;
        this.epoch = epoch;
        status = regions[0].buffer();
        table = new ModelTable(status);
        local = new Local(regions[1].buffer(), epoch);
        req = regions[2].buffer();
        resp = regions[3].buffer();
        reqWords = regions[2].words();
        respWords = regions[3].words();
        featureCount = options.featureCount();
        stride = stride(featureCount);
        mask = options.slotCount() - 1;
        echoes = new long[options.slotCount()];
    }

    int inFlight() {
        return (int) (nextRequest - nextAnswer);
    }

    /** The position of the next answer. */
    long nextAnswer() {
        return nextAnswer;
    }

    /**
     * Publishes one request, whose features start at `from`, and returns its position. The caller
     * makes sure that the slot's previous answer has been taken.
     */
    long push(long meta, double[] x, int from) {
        long sequence = nextRequest;
        int index = (int) sequence & mask;
        int slot = SLOTS + index * stride;
        int turn = Abi.ECHO_TURN_FIRST;
        long echo = sequence * Abi.ECHO_MULTIPLIER ^ meta;
        reqWords.put(slot + Abi.REQUEST_META, meta);
        for (int i = 0; i < featureCount; i++) {
            long bits = Double.doubleToRawLongBits(x[from + i]);
            reqWords.put(slot + Abi.REQUEST_FEATURES + i, bits);
            echo ^= Long.rotateLeft(bits, turn);
            turn += Abi.ECHO_TURN_STEP;
        }
        // Pairs with the Acquire fence of the worker's look; publishes the payload.
        Words.storeRelease(req, slot + Abi.REQUEST_SEQUENCE, sequence);
        echoes[index] = echo;
        nextRequest = sequence + 1;
        return sequence;
    }

    /**
     * Takes the next answer if it is there; its ticket is the caller's to say. What nobody asked is
     * no answer: a daemon that lies may fill its ring ahead of any request.
     */
    boolean pop(Prediction into) {
        if (nextAnswer == nextRequest) {
            return false;
        }
        int slot = SLOTS + ((int) nextAnswer & mask) * LINE_WORDS;
        // Pairs with the Release store of the worker's push.
        if (Words.loadAcquire(resp, slot + Abi.RESPONSE_SEQUENCE) != nextAnswer) {
            return false;
        }
        take(slot, into);
        return true;
    }

    private void take(int slot, Prediction into) {
        long echo = echoes[(int) nextAnswer & mask];
        nextAnswer++;
        long verdict = respWords.get(slot + Abi.RESPONSE_VERDICT);
        long answered = respWords.get(slot + Abi.RESPONSE_EPOCH);
        int code = (int) verdict & 0xFFFF;
        if (respWords.get(slot + Abi.RESPONSE_ECHO) != echo) {
            into.refuse(Status.ECHO_MISMATCH.code(), 0, answered);
        } else if (code == Abi.STATUS_OK) {
            into.answer(
                    Double.longBitsToDouble(respWords.get(slot + Abi.RESPONSE_Y)),
                    Double.longBitsToDouble(respWords.get(slot + Abi.RESPONSE_SECOND)),
                    verdict,
                    answered);
            into.stamps(
                    respWords.get(slot + Abi.RESPONSE_T_RECEIVED),
                    respWords.get(slot + Abi.RESPONSE_T_DONE));
        } else {
            into.refuse(refusal(code), (int) (verdict >>> 32), answered);
        }
    }

    /** A code that this version does not know says no more than that the input was refused. */
    private static int refusal(int code) {
        return code == Abi.STATUS_UNKNOWN_MODEL || code == Abi.STATUS_WIDTH_MISMATCH
                ? code
                : Abi.STATUS_BAD_INPUT;
    }

    /**
     * Counts the answers that are there, at most `limit`. The loads do not depend on each other, so
     * that the lines of all of them travel at the same time.
     */
    int ready(int limit) {
        int most = Math.min(limit, inFlight());
        int count = 0;
        while (count < most) {
            long position = nextAnswer + count;
            int slot = SLOTS + ((int) position & mask) * LINE_WORDS;
            // Opaque: nothing is read but the sequence; `pop` looks again.
            if (Words.load(resp, slot + Abi.RESPONSE_SEQUENCE) != position) {
                break;
            }
            count++;
        }
        return count;
    }

    /**
     * Publishes every unanswered request of this session in `next`, in order, for the same models:
     * `moved` holds their numbers there by those here.
     */
    void publishAgain(Session next, int[] moved) {
        double[] features = new double[featureCount];
        for (long position = nextAnswer; position < nextRequest; position++) {
            int slot = SLOTS + ((int) position & mask) * stride;
            long before = reqWords.get(slot + Abi.REQUEST_META);
            int model = (int) (before & Abi.MODEL_MASK);
            int there = model < moved.length ? moved[model] : Names.NONE;
            long after = before & ~Abi.MODEL_MASK | there;
            for (int i = 0; i < featureCount; i++) {
                long bits = reqWords.get(slot + Abi.REQUEST_FEATURES + i);
                features[i] = Double.longBitsToDouble(bits);
            }
            long again = next.push(after, features, 0);
            // That of what the caller asked for: if the dead engine wrote over the request, the
            // answer has another one.
            next.echoes[(int) again & mask] = echoes[(int) position & mask]
                    ^ position * Abi.ECHO_MULTIPLIER ^ before
                    ^ again * Abi.ECHO_MULTIPLIER ^ after;
        }
    }

    /**
     * Evaluates in this process, and counts it by status in the header that this client owns; the
     * new count.
     */
    long answerLocal(int model, double[] x, Prediction into) {
        int index = Abi.REQ_LOCAL_BY_STATUS + local.answer(model, x, into);
        long count = Words.load(req, index) + 1;
        Words.store(req, index, count);
        return count;
    }

    long heartbeatCount() {
        return Words.load(status, Abi.STATUS_HEARTBEAT_COUNT);
    }

    boolean hungUp() {
        return connection.hungUp();
    }

    ModelTable table() {
        return table;
    }

    long epoch() {
        return epoch;
    }

    @Override
    public void close() {
        connection.close();
        unmap(regions);
    }

    private static void unmap(Region[] regions) {
        for (Region region : regions) {
            if (region != null) {
                region.close();
            }
        }
    }
}
