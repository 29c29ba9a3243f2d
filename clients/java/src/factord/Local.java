package factord;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Evaluation in this process: the daemon's active models, read from MODELS or, when they do not fit
 * there, from their images. A private copy of each version is kept until the daemon publishes
 * another one; whether it did costs one load before and one after the evaluation.
 */
final class Local {
    /** In place of a status: what answers is not in this process, or not yet; the ring has it. */
    static final int ELSEWHERE = -1;
    // 8: more would mean that the daemon swaps faster than one evaluation takes.
    private static final int SWAPS_MAX = 8;

    /** Null for a user that may not evaluate locally. */
    private final ByteBuffer models;
    private final Images images;
    private final Vitals vitals;
    /** By the client's numbers; null where none was asked for. */
    private Copy[] copies = {};

    /** What serves one name, as it was published last. */
    private static final class Copy {
        /** What requests for the name carry, without flags. */
        final long meta;
        /** Null when nothing serves it. */
        final Deployment deployment;
        final long published;
        /** The versions by arm; null for those that are not here yet. */
        final Evaluator[] arms = new Evaluator[Abi.ARM_COUNT_MAX];

        Copy(long meta, Deployment deployment) {
            this.meta = meta;
            this.deployment = deployment;
            published = deployment == null ? 0 : deployment.published();
            arms[0] = deployment == null ? null : deployment.champion();
        }
    }

    Local(ByteBuffer models, Connection connection, Vitals vitals) {
        this.models = models;
        this.vitals = vitals;
        images = new Images(connection, vitals);
    }

    /**
     * Answers with the version that is active now, for a model by the client's number and by what
     * its requests carry, without flags; the status code, or {@link #ELSEWHERE}.
     */
    int answer(int model, long meta, long key, double[] x, Prediction into) {
        if (models == null) {
            return ELSEWHERE;
        }
        into.setTicket(0);
        if (!Names.isServed(meta)) {
            into.refuse(Abi.STATUS_UNKNOWN_MODEL, 0, 0, vitals.epoch());
            return Abi.STATUS_UNKNOWN_MODEL;
        }
        int status = ELSEWHERE;
        for (int swap = 0; swap < SWAPS_MAX; swap++) {
            Copy copy = fresh(model, meta);
            status = answer(copy, key, x, into);
            if (published(meta) == copy.published) {
                break;
            }
        }
        return status;
    }

    private int answer(Copy copy, long key, double[] x, Prediction into) {
        Deployment deployment = copy.deployment;
        if (deployment == null) {
            into.refuse(Abi.STATUS_UNKNOWN_MODEL, 0, 0, vitals.epoch());
            return Abi.STATUS_UNKNOWN_MODEL;
        }
        int arm = deployment.arm(key, x);
        Evaluator evaluator = copy.arms[arm];
        long fingerprint = deployment.fingerprint(arm);
        if (evaluator == null) {
            evaluator = images.evaluator(fingerprint);
            if (evaluator == null) {
                return ELSEWHERE;
            }
            copy.arms[arm] = evaluator;
        }
        long verdict = deployment.verdict(arm);
        return evaluator.answer(x, verdict, fingerprint, vitals.epoch(), into);
    }

    /** The copy of a number, as fresh as what is published. */
    private Copy fresh(int model, long meta) {
        Copy copy = model < copies.length ? copies[model] : null;
        return copy != null && copy.meta == meta && copy.published == published(meta)
                ? copy
                : refresh(model, meta);
    }

    private Copy refresh(int model, long meta) {
        if (model >= copies.length) {
            copies = Arrays.copyOf(copies, model + 1);
        }
        Deployment deployment = Deployment.read(models, (int) (meta & Abi.MODEL_MASK));
        // Another name's, where the row was given to it meanwhile.
        boolean own = deployment != null && deployment.isOf(meta);
        copies[model] = new Copy(meta, own ? deployment : null);
        return copies[model];
    }

    private long published(long meta) {
        return Deployment.published(models, (int) (meta & Abi.MODEL_MASK));
    }

    /**
     * Goes on with bringing all versions of a name here: {@link Status#OK} once they are, {@link
     * Status#NOT_FETCHED} while they are not, {@link Status#UNKNOWN_MODEL} when there are none.
     */
    Status fetch(int model, long meta) {
        if (models == null) {
            return Status.NOT_FETCHED;
        }
        if (!Names.isServed(meta)) {
            return Status.UNKNOWN_MODEL;
        }
        Copy copy = fresh(model, meta);
        if (copy.deployment == null) {
            return Status.UNKNOWN_MODEL;
        }
        Status status = Status.OK;
        for (int arm = 0; arm < Abi.ARM_COUNT_MAX; arm++) {
            long fingerprint = copy.deployment.fingerprint(arm);
            if (copy.arms[arm] == null && fingerprint != 0) {
                copy.arms[arm] = images.evaluator(fingerprint);
                status = copy.arms[arm] == null ? Status.NOT_FETCHED : status;
            }
        }
        return status;
    }
}
