package factord;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** An image: one version's parameters, as the daemon sends them in a file of its own. */
final class Image {
    private static final int LINE_WORDS = Abi.LINE_LEN / 8;
    /** The intercept alone on a line, then weights, means and scales. */
    private static final long FORM = 1;
    private static final int VECTORS = Abi.IMAGE_PARAMETERS + LINE_WORDS;
    /** Bytes of the longest one that this version can use. */
    static final int LEN_MAX = (VECTORS + 3 * Abi.FEATURE_COUNT_MAX) * 8;

    private Image() {}

    /**
     * Reads what should be the image of the artifact with a fingerprint; null when it is not one,
     * or of a kind or form that this version does not know.
     */
    static Evaluator read(byte[] bytes, long fingerprint) {
        long[] words = new long[bytes.length / 8];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(words);
        boolean ours = words.length >= VECTORS
                && words[Abi.IMAGE_MAGIC] == Abi.MAGIC
                && words[Abi.IMAGE_ABI] >>> 16 == Abi.ABI_WORD >>> 16
                && words[Abi.IMAGE_LAYOUT_HASH] == Abi.IMAGE_HASH
                && words[Abi.IMAGE_FINGERPRINT] == fingerprint
                && words[Abi.IMAGE_WORD_COUNT] == words.length
                && words[Abi.IMAGE_FORM] == FORM;
        if (!ours) {
            return null;
        }
        long shape = words[Abi.IMAGE_SHAPE];
        int width = Evaluator.width(shape);
        int[] vectors = {VECTORS, VECTORS + width, VECTORS + 2 * width};
        return Evaluator.read(words, shape, Abi.IMAGE_PARAMETERS, vectors);
    }
}
