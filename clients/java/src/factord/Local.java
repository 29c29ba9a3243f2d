package factord;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;

/**
 * Evaluation in this process: the daemon's active models, read from MODELS. A private copy of each
 * is kept until the daemon publishes another one; whether it did costs one load before and one
 * after the evaluation.
 */
final class Local {
    // 8: more would mean that the daemon swaps faster than one evaluation takes.
    private static final int SWAPS_MAX = 8;
    // A thousand: each failed try means that the daemon published twice meanwhile.
    private static final int TRIES_MAX = 1000;

    private final ByteBuffer models;
    private final long epoch;
    private final Evaluator[] copies = new Evaluator[Abi.MODEL_COUNT_MAX];

    Local(ByteBuffer models, long epoch) {
        this.models = models;
        this.epoch = epoch;
        for (int id = 0; id < copies.length; id++) {
            copies[id] = new Evaluator();
        }
    }

    /** Answers with the model that is active now; its status code. */
    int answer(int model, double[] x, Prediction into) {
        into.setTicket(0);
        if (model < 0 || model >= copies.length) {
            into.refuse(Abi.STATUS_UNKNOWN_MODEL, 0, epoch);
            return Abi.STATUS_UNKNOWN_MODEL;
        }
        Evaluator copy = copies[model];
        if (copy.fresh(published(model))) {
            int status = copy.answer(x, epoch, into);
            if (copy.fresh(published(model))) {
                return status;
            }
        }
        return answerAnew(model, x, into);
    }

    private int answerAnew(int model, double[] x, Prediction into) {
        Evaluator copy = copies[model];
        int status = Abi.STATUS_UNKNOWN_MODEL;
        for (int swap = 0; swap < SWAPS_MAX; swap++) {
            long named = refresh(model, copy);
            status = copy.answer(x, epoch, into);
            if (published(model) == named) {
                break;
            }
        }
        return status;
    }

    /** Copies the active model; the word that named it. */
    private long refresh(int model, Evaluator copy) {
        long named = 0;
        for (int attempt = 0; attempt < TRIES_MAX; attempt++) {
            named = published(model);
            // Pairs with the Release store that ends the daemon's `publish`.
            VarHandle.acquireFence();
            long slotIndex = named & 0xFFFF_FFFFL;
            if (named == 0 || slotIndex >= Abi.ENTRY_SLOT_COUNT) {
                break;
            }
            int slot = entry(model) + Abi.ENTRY_SLOTS + (int) slotIndex * Abi.SLOT_WORDS;
            if (copy.copy(models, slot, named)) {
                return named;
            }
        }
        copy.clear();
        return named;
    }

    private static int entry(int model) {
        return Abi.MODELS_ENTRIES + model * Abi.ENTRY_WORDS;
    }

    private long published(int model) {
        return Words.load(models, entry(model) + Abi.ENTRY_PUBLISHED);
    }
}
