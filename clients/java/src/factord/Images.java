package factord;

/**
 * Images that this process has: fetched over the channel's own connection, one at a time, without
 * waiting.
 */
final class Images {
    // 256: 25 KiB each at 1,024 features. The one that was asked for longest ago makes room.
    private static final int COUNT_MAX = 256;

    private final Connection connection;
    private final Vitals vitals;
    private final long[] fingerprints = new long[COUNT_MAX];
    /** Null for what is of a kind or form that this version does not know, or is served no more. */
    private final Evaluator[] evaluators = new Evaluator[COUNT_MAX];
    private int count;
    /** The place that the next one takes. */
    private int next;
    private boolean asked;
    private long askedFor;
    /** The epoch of the engine that was asked. */
    private long askedOf;

    Images(Connection connection, Vitals vitals) {
        this.connection = connection;
        this.vitals = vitals;
    }

    /**
     * The version with a fingerprint, ready to evaluate; null when it is not here yet, and then it
     * has been asked for, or cannot be used.
     */
    Evaluator evaluator(long fingerprint) {
        step();
        for (int place = 0; place < count; place++) {
            if (fingerprints[place] == fingerprint) {
                return evaluators[place];
            }
        }
        if (!asked && connection.ask(Abi.VERB_IMAGE, fingerprint)) {
            asked = true;
            askedFor = fingerprint;
            askedOf = vitals.epoch();
        }
        return null;
    }

    /** Takes the reply that is under way, if it is there. */
    private void step() {
        if (!asked) {
            return;
        }
        Evaluator evaluator = null;
        try {
            byte[] bytes = connection.takeReply(Image.LEN_MAX);
            if (bytes == null) {
                // An engine that took the channel over may not know of the question.
                asked = askedOf == vitals.epoch();
                return;
            }
            evaluator = Image.read(bytes, askedFor);
        } catch (AttachException useless) {
            // As good as none; the channel's own calls find out what became of the daemon.
            evaluator = null;
        }
        asked = false;
        fingerprints[next] = askedFor;
        evaluators[next] = evaluator;
        next = (next + 1) % COUNT_MAX;
        count = Math.min(count + 1, COUNT_MAX);
    }
}
