package factord;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** The model rows of one engine's STATUS, as they were last read whole, by the engine's numbers. */
final class ModelTable {
    private static final int SHA256_WORDS = 4;

    private final ByteBuffer status;
    private List<Model> rows = List.of();
    /** The even sequence of those rows; odd before the first reading. */
    private long readAt = 1;

    ModelTable(ByteBuffer status) {
        this.status = status;
    }

    long sequence() {
        return Words.load(status, Abi.STATUS_MODELS_SEQUENCE);
    }

    /** Tells whether the daemon has written the table since it was read. */
    boolean changed() {
        return sequence() != readAt;
    }

    /** The sequence of the rows that were read last. */
    long readAt() {
        return readAt;
    }

    List<Model> rows() {
        return rows;
    }

    /** Reads the table; false when it was being written at each try, and the rows stay. */
    boolean read(int tries) {
        for (int attempt = 0; attempt < tries; attempt++) {
            // Both fences pair with the daemon's `write_models`: an odd sequence is seen before any
            // word of a row changes, an even one after.
            long before = sequence();
            VarHandle.acquireFence();
            if (before % 2 == 0) {
                List<Model> found = found();
                VarHandle.acquireFence();
                if (sequence() == before) {
                    rows = found;
                    readAt = before;
                    return true;
                }
            }
            Thread.onSpinWait();
        }
        return false;
    }

    private List<Model> found() {
        List<Model> found = new ArrayList<>();
        for (int id = 0; id < Abi.MODEL_COUNT_MAX; id++) {
            Model row = row(id);
            if (row != null) {
                found.add(row);
            }
        }
        return found;
    }

    private Model row(int id) {
        int start = Abi.STATUS_ROWS + id * Abi.ROW_WORDS;
        long generation = Words.load(status, start + Abi.ROW_GENERATION);
        long shape = Words.load(status, start + Abi.ROW_SHAPE);
        long width = shape >>> 32;
        boolean sound = width >= 1 && width <= Abi.FEATURE_COUNT_MAX;
        if (generation == 0 || generation >>> 32 != 0 || !sound) {
            return null;
        }
        byte[] name = bytes(start + Abi.ROW_NAME, Abi.ROW_NAME_LEN / 8);
        int len = 0;
        while (len < name.length && name[len] != 0) {
            len++;
        }
        return new Model(
                id,
                // Names are ASCII. Whatever else comes stays apart from every other name.
                new String(name, 0, len, StandardCharsets.ISO_8859_1),
                (int) shape,
                (int) width,
                (int) generation,
                HexFormat.of().formatHex(bytes(start + Abi.ROW_SHA256, SHA256_WORDS)));
    }

    private byte[] bytes(int start, int words) {
        byte[] bytes = new byte[words * 8];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (Words.load(status, start + i / 8) >>> i % 8 * 8);
        }
        return bytes;
    }
}
