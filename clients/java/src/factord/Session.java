package factord;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.LongBuffer;

/**
 * One attachment to one engine: its regions and the client's ends of both rings. Positions are
 * private, only grow and start at 1; the slot of position n is n & (slots - 1).
 */
final class Session implements AutoCloseable {
    private static final int LINE_WORDS = Abi.LINE_LEN / 8;
    private static final int SLOTS = Abi.RING_HEADER_LINES * LINE_WORDS;
    private static final int OUTPUTS_IN_FIRST_LINE = 2;

    /** The regions of a channel, in the order of their descriptors; the last one may be missing. */
    private static final int STATUS = 0;
    private static final int REQ = 1;
    private static final int RESP = 2;
    private static final int MODELS = 3;

    private final Connection connection;
    private final Region[] regions;
    private final Vitals vitals;
    private final ModelTable table;
    private final ByteBuffer req;
    private final ByteBuffer resp;
    /** The same regions, for payload: acquire and release of the sequence order plain accesses. */
    private final LongBuffer reqWords;
    private final LongBuffer respWords;
    private final Local local;
    private final int featureCount;
    private final int stride;
    private final int responseStride;
    private final int mask;
    /** The echo that the answer in each slot must carry. */
    private final long[] echoes;
    /** The client's number of the model that each slot's request is for. */
    private final char[] models;
    /** Who answers, as the header said when it was last read. */
    private long epochSequence;
    private long epochNow;
    private long epochSince;
    private long epochBefore;
    private long nextRequest = 1;
    private long nextAnswer = 1;

    /** Words of a request slot. */
    private static int stride(int featureCount) {
        int lines = (Abi.REQUEST_FEATURES + featureCount + LINE_WORDS - 1) / LINE_WORDS;
        return lines * LINE_WORDS;
    }

    /** Words of a response slot; two outputs stand in its first line. */
    private static int responseStride(int outputCount) {
        int further = Math.max(outputCount - OUTPUTS_IN_FIRST_LINE, 0);
        return LINE_WORDS + (further + LINE_WORDS - 1) / LINE_WORDS * LINE_WORDS;
    }

    /** Tells whether a ring of requests may have this shape. */
    static boolean isShape(int featureCount, int slotCount) {
        return featureCount >= 1
                && featureCount <= Abi.FEATURE_COUNT_MAX
                && Integer.bitCount(slotCount) == 1
                && slotCount >= 1
                && slotCount <= Abi.SLOT_COUNT_MAX
                && reqLines(featureCount, slotCount) * Abi.LINE_LEN <= Abi.REGION_LEN_MAX;
    }

    /** Tells whether a ring of responses may have this shape. */
    static boolean hasRoom(int outputCount, int slotCount) {
        return outputCount >= OUTPUTS_IN_FIRST_LINE
                && outputCount <= Abi.OUTPUT_COUNT_MAX
                && respLines(outputCount, slotCount) * Abi.LINE_LEN <= Abi.REGION_LEN_MAX;
    }

    private static long reqLines(int featureCount, int slotCount) {
        long lines = stride(featureCount) / LINE_WORDS;
        return Abi.RING_HEADER_LINES + slotCount * lines;
    }

    private static long respLines(int outputCount, int slotCount) {
        long lines = responseStride(outputCount) / LINE_WORDS;
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
            regions[STATUS] = Region.open("STATUS", fds[STATUS], Abi.STATUS_LINES, false);
            long lines = reqLines(options.featureCount(), slots);
            regions[REQ] = Region.open("REQ", fds[REQ], lines, true);
            lines = respLines(options.outputCount(), slots);
            // Only read; writable, since an answer's line then travels faster.
            regions[RESP] = Region.open("RESP", fds[RESP], lines, true);
            if (welcome.mayEvaluate()) {
                regions[MODELS] = Region.open("MODELS", fds[MODELS], Abi.MODELS_LINES, false);
                checkModels(regions[MODELS], welcome);
            }
            check(regions, welcome, options);
            Session session = new Session(connection, regions, options);
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
        Region status = regions[STATUS];
        status.expect("STATUS", "magic", Abi.STATUS_MAGIC, Abi.MAGIC);
        status.expect("STATUS", "abi", Abi.STATUS_ABI, welcome.abi());
        status.expect("STATUS", "layout hash", Abi.STATUS_LAYOUT_HASH, Abi.STATUS_HASH);
        Region resp = regions[RESP];
        resp.expect("RESP", "magic", Abi.RESP_MAGIC, Abi.MAGIC);
        resp.expect("RESP", "abi", Abi.RESP_ABI, welcome.abi());
        resp.expect("RESP", "layout hash", Abi.RESP_LAYOUT_HASH, Abi.RINGS_HASH);
        resp.expect("RESP", "client id", Abi.RESP_CLIENT_ID, welcome.clientId());
        resp.expect("RESP", "features", Abi.RESP_FEATURE_COUNT, options.featureCount());
        resp.expect("RESP", "slots", Abi.RESP_SLOT_COUNT, options.slotCount());
        resp.expect("RESP", "outputs", Abi.RESP_OUTPUT_COUNT, options.outputCount());
        resp.expect("RESP", "class", Abi.RESP_CLASS, options.classCode());
    }

    private static void checkModels(Region models, Connection.Welcome welcome)
            throws AttachException {
        models.expect("MODELS", "magic", Abi.MODELS_MAGIC, Abi.MAGIC);
        models.expect("MODELS", "abi", Abi.MODELS_ABI, welcome.abi());
        models.expect("MODELS", "layout hash", Abi.MODELS_LAYOUT_HASH, Abi.MODELS_HASH);
        models.expect("MODELS", "entries", Abi.MODELS_MODEL_COUNT, Abi.MODEL_COUNT_MAX);
    }

    private Session(Connection connection, Region[] regions, AttachOptions options) {
        this.connection = connection;
        this.regions = regions;
        ByteBuffer status = regions[STATUS].buffer();
        vitals = new Vitals(status);
        table = new ModelTable(status);
        Region models = regions[MODELS];
        local = new Local(models == null ? null : models.buffer(), connection, vitals);
        req = regions[REQ].buffer();
        resp = regions[RESP].buffer();
        reqWords = regions[REQ].words();
        respWords = regions[RESP].words();
        featureCount = options.featureCount();
        stride = stride(featureCount);
        responseStride = responseStride(options.outputCount());
        mask = options.slotCount() - 1;
        echoes = new long[options.slotCount()];
        this.models = new char[options.slotCount()];
        readEpochs();
    }

    int inFlight() {
        return (int) (nextRequest - nextAnswer);
    }

    /** The position of the next answer. */
    long nextAnswer() {
        return nextAnswer;
    }

    /**
     * Publishes one request for a model by the client's number, whose features start at `from`, and
     * returns its position; `meta` and `key` are what it carries. The caller makes sure that the
     * slot's previous answer has been taken.
     */
    long push(int model, long meta, long key, double[] x, int from) {
        long sequence = nextRequest;
        int index = (int) sequence & mask;
        int slot = SLOTS + index * stride;
        int turn = Abi.ECHO_FIRST_ROTATION;
        long echo = sequence * Abi.ECHO_MULTIPLIER ^ meta ^ Long.rotateLeft(key, turn);
        reqWords.put(slot + Abi.REQUEST_META, meta);
        reqWords.put(slot + Abi.REQUEST_KEY, key);
        for (int i = 0; i < featureCount; i++) {
            long bits = Double.doubleToRawLongBits(x[from + i]);
            reqWords.put(slot + Abi.REQUEST_FEATURES + i, bits);
            turn += Abi.ECHO_ROTATION_STEP;
            echo ^= Long.rotateLeft(bits, turn);
        }
        // Pairs with the Acquire fence of the worker's look; publishes the payload.
        Words.storeRelease(req, slot + Abi.REQUEST_SEQUENCE, sequence);
        echoes[index] = echo;
        models[index] = (char) model;
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
        int slot = SLOTS + ((int) nextAnswer & mask) * responseStride;
        // Pairs with the Release store of the worker's push.
        if (Words.loadAcquire(resp, slot + Abi.RESPONSE_SEQUENCE) != nextAnswer) {
            return false;
        }
        take(slot, into);
        return true;
    }

    private void take(int slot, Prediction into) {
        long echo = echoes[(int) nextAnswer & mask];
        long answered = epochOf(nextAnswer);
        nextAnswer++;
        long verdict = respWords.get(slot + Abi.RESPONSE_VERDICT);
        long fingerprint = respWords.get(slot + Abi.RESPONSE_FINGERPRINT);
        int code = (int) verdict & 0xFFFF;
        if (respWords.get(slot + Abi.RESPONSE_ECHO) != echo) {
            into.refuse(Status.ECHO_MISMATCH.code(), 0, 0, answered);
        } else if (code == Abi.STATUS_OK) {
            into.answer(
                    Double.longBitsToDouble(respWords.get(slot + Abi.RESPONSE_Y)),
                    Double.longBitsToDouble(respWords.get(slot + Abi.RESPONSE_SECOND)),
                    verdict,
                    fingerprint,
                    answered);
            into.stamps(
                    respWords.get(slot + Abi.RESPONSE_T_RECEIVED),
                    respWords.get(slot + Abi.RESPONSE_T_DONE));
        } else {
            into.refuse(refusal(code), (int) (verdict >>> 32), fingerprint, answered);
        }
    }

    /** Puts the answer that was taken last back: the next pop takes it again. */
    void putBack() {
        nextAnswer--;
    }

    /** The status code of the answer to a position that was not taken yet; -1 while there is none. */
    int statusAt(long position) {
        int slot = SLOTS + ((int) position & mask) * responseStride;
        // Pairs with the Release store of the worker's push.
        if (position >= nextRequest
                || Words.loadAcquire(resp, slot + Abi.RESPONSE_SEQUENCE) != position) {
            return -1;
        }
        return (int) respWords.get(slot + Abi.RESPONSE_VERDICT) & 0xFFFF;
    }

    /** The client's number of the model that the last answer taken is for. */
    int lastModel() {
        return modelAt(nextAnswer - 1);
    }

    /** The client's number of the model that a position's request is for. */
    int modelAt(long position) {
        return models[(int) position & mask];
    }

    /** The epoch of the engine that answered a position, whose answer is there. */
    private long epochOf(long position) {
        // Opaque: the engine changed it before it published that answer.
        if (Words.load(resp, Abi.RESP_EPOCH_SEQUENCE) != epochSequence) {
            readEpochs();
        }
        return Long.compareUnsigned(position, epochSince) >= 0 ? epochNow : epochBefore;
    }

    /** Reads who answers; what was read before stays when that changes meanwhile. */
    private void readEpochs() {
        // The fences pair with the daemon's `begin_epoch`, which writes these words in the other
        // order: each state between is right for every answer that there can be.
        long sequence = Words.load(resp, Abi.RESP_EPOCH_SEQUENCE);
        VarHandle.acquireFence();
        long now = Words.load(resp, Abi.RESP_EPOCH);
        VarHandle.acquireFence();
        long since = Words.load(resp, Abi.RESP_EPOCH_SINCE);
        VarHandle.acquireFence();
        long before = Words.load(resp, Abi.RESP_EPOCH_BEFORE);
        VarHandle.acquireFence();
        if (Words.load(resp, Abi.RESP_EPOCH_SEQUENCE) == sequence) {
            epochSequence = sequence;
            epochNow = now;
            epochSince = since;
            epochBefore = before;
        }
    }

    /** A code that this version does not know says no more than that the input was refused. */
    private static int refusal(int code) {
        return code >= Abi.STATUS_UNKNOWN_MODEL && code <= Abi.STATUS_WRONG_CLASS
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
            int slot = SLOTS + ((int) position & mask) * responseStride;
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
     * `names` knows by what they go there.
     */
    void publishAgain(Session next, Names names) {
        double[] features = new double[featureCount];
        for (long position = nextAnswer; position < nextRequest; position++) {
            publishIn(next, position, names.meta(modelAt(position), next.table), features);
        }
    }

    /**
     * Publishes the unanswered request of a position in `next` as well, where requests for its model
     * carry `meta`; `features` has room for one row.
     */
    void publishIn(Session next, long position, long meta, double[] features) {
        int slot = SLOTS + ((int) position & mask) * stride;
        long before = reqWords.get(slot + Abi.REQUEST_META);
        long after = meta | before & Abi.FLAG_STAMP;
        long key = reqWords.get(slot + Abi.REQUEST_KEY);
        for (int i = 0; i < featureCount; i++) {
            long bits = reqWords.get(slot + Abi.REQUEST_FEATURES + i);
            features[i] = Double.longBitsToDouble(bits);
        }
        long again = next.push(modelAt(position), after, key, features, 0);
        // That of what the caller asked for: if anybody wrote over the request, the answer has
        // another one.
        next.echoes[(int) again & mask] = echoes[(int) position & mask]
                ^ position * Abi.ECHO_MULTIPLIER ^ before
                ^ again * Abi.ECHO_MULTIPLIER ^ after;
    }

    /** Counts one evaluation in this process, in the header that this client owns; the new count. */
    long countLocal(int status) {
        int index = Abi.REQ_LOCAL_BY_STATUS + status;
        long count = Words.load(req, index) + 1;
        Words.store(req, index, count);
        return count;
    }

    Local local() {
        return local;
    }

    Vitals vitals() {
        return vitals;
    }

    boolean hungUp() {
        return connection.hungUp();
    }

    ModelTable table() {
        return table;
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
