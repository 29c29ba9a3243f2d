package factord;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;

/** A private copy of what serves one name, as MODELS has it. */
final class Deployment {
    // A thousand: each failed try means that the daemon published twice meanwhile.
    private static final int TRIES_MAX = 1000;
    private static final int[] VECTORS = {Abi.SLOT_WEIGHTS, Abi.SLOT_MEAN, Abi.SLOT_SCALE};

    /** The word that names slot and generation, as it was when the copy was made. */
    private final long published;
    private final long[] words;
    /** Null where its parameters stand elsewhere, or are no model that this version knows. */
    private final Evaluator champion;
    private final boolean divided;

    private Deployment(long published, long[] words) {
        this.published = published;
        this.words = words;
        champion = inlineChampion(words);
        divided = words[Abi.SLOT_SPLIT] != Abi.UNDIVIDED;
    }

    /** A word that changes whenever what serves a name does; 0 when nothing does. */
    static long published(ByteBuffer models, int number) {
        // Opaque: only compared with an earlier reading.
        return number < Abi.MODEL_COUNT_MAX
                ? Words.load(models, entry(number) + Abi.ENTRY_PUBLISHED)
                : 0;
    }

    private static int entry(int number) {
        return Abi.MODELS_ENTRIES + number * Abi.ENTRY_WORDS;
    }

    /** Copies what serves the name with a number; null when nothing does. */
    static Deployment read(ByteBuffer models, int number) {
        long[] words = new long[Abi.SLOT_WORDS];
        for (int attempt = 0; attempt < TRIES_MAX; attempt++) {
            long named = published(models, number);
            // Pairs with the Release store that ends the daemon's `publish`.
            VarHandle.acquireFence();
            long index = named & 0xFFFF_FFFFL;
            if (named == 0 || index >= Abi.ENTRY_SLOT_COUNT) {
                return null;
            }
            int slot = entry(number) + Abi.ENTRY_SLOTS + (int) index * Abi.SLOT_WORDS;
            for (int i = 0; i < words.length; i++) {
                words[i] = Words.load(models, slot + i);
            }
            // Pairs with the Release fence that follows the zero in the daemon's `publish`.
            VarHandle.acquireFence();
            if (Words.load(models, slot + Abi.SLOT_GENERATION) == named >>> 32) {
                return new Deployment(named, words);
            }
        }
        return null;
    }

    private static Evaluator inlineChampion(long[] words) {
        long shape = words[Abi.SLOT_SHAPE];
        boolean inline = words[Abi.SLOT_NAME] >>> 48 != 0;
        boolean fits = Evaluator.width(shape) <= Abi.INLINE_FEATURE_COUNT_MAX;
        return inline && fits
                ? Evaluator.read(words, shape, Abi.SLOT_INTERCEPT, VECTORS)
                : null;
    }

    /** Tells whether it is of the name that requests with this word are for. */
    boolean isOf(long meta) {
        return (words[Abi.SLOT_NAME] & 0xFFFF_FFFFL) == meta >>> Abi.CHECK_SHIFT;
    }

    long published() {
        return published;
    }

    Evaluator champion() {
        return champion;
    }

    /** Of an arm; 0 where there is none. */
    long fingerprint(int arm) {
        return words[Abi.SLOT_FINGERPRINTS + arm];
    }

    /** What an answer of an arm carries: status 0, the arm, the generation. */
    long verdict(int arm) {
        return published >>> 32 << 32 | (long) arm << 16;
    }

    /** The arm that a request goes to: the same as in the ring. */
    int arm(long key, double[] x) {
        if (!divided) {
            return 0;
        }
        long split = words[Abi.SLOT_SPLIT];
        long z = words[Abi.SLOT_SALT] ^ (key == 0 ? unit(x) : key);
        z = (z ^ z >>> 30) * Abi.ARM_FIRST_MULTIPLIER;
        z = (z ^ z >>> 27) * Abi.ARM_SECOND_MULTIPLIER;
        long ticket = (z ^ z >>> 31) >>> 56;
        int arm = 0;
        for (int end = 0; end < Abi.ARM_COUNT_MAX - 1; end++) {
            arm += ticket >= (split >>> 16 * end & 0xFFFF) ? 1 : 0;
        }
        return arm;
    }

    /** What stands for a request without a key. */
    private static long unit(double[] x) {
        long hash = 0;
        int turn = Abi.ECHO_FIRST_ROTATION;
        for (double value : x) {
            turn += Abi.ECHO_ROTATION_STEP;
            hash ^= Long.rotateLeft(Double.doubleToRawLongBits(value), turn);
        }
        return hash;
    }
}
