package factord;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** The model rows of STATUS. */
final class ModelTable {
    // A thousand: when the daemon died in the middle of an update, what was read last must do.
    private static final int TRIES_MAX = 1000;
    private static final int SHA256_WORDS = 4;

    private ModelTable() {}

    static long sequence(ByteBuffer status) {
        return Words.load(status, Abi.STATUS_MODELS_SEQUENCE);
    }

    static List<Model> read(ByteBuffer status) {
        List<Model> rows = new ArrayList<>();
        for (int attempt = 0; attempt < TRIES_MAX; attempt++) {
            // Both fences pair with the daemon's `write_models`: an odd sequence is seen before any
            // word of a row changes, an even one after.
            long before = sequence(status);
            VarHandle.acquireFence();
            rows.clear();
            for (int id = 0; id < Abi.MODEL_COUNT_MAX; id++) {
                Model row = row(status, id);
                if (row != null) {
                    rows.add(row);
                }
            }
            VarHandle.acquireFence();
            if (before % 2 == 0 && sequence(status) == before) {
                break;
            }
            Thread.onSpinWait();
        }
        return List.copyOf(rows);
    }

    private static Model row(ByteBuffer status, int id) {
        int start = Abi.STATUS_ROWS + id * Abi.ROW_WORDS;
        long generation = Words.load(status, start + Abi.ROW_GENERATION);
        long shape = Words.load(status, start + Abi.ROW_SHAPE);
        Kind kind = Kind.ofCode((int) shape);
        long width = shape >>> 32;
        boolean sound = width >= 1 && width <= Abi.FEATURE_COUNT_MAX;
        if (generation == 0 || generation >>> 32 != 0 || kind == null || !sound) {
            return null;
        }
        byte[] name = bytes(status, start + Abi.ROW_NAME, Abi.ROW_NAME_LEN / 8);
        int len = 0;
        while (len < name.length && name[len] != 0) {
            len++;
        }
        return new Model(
                id,
                new String(name, 0, len, StandardCharsets.UTF_8),
                kind,
                (int) width,
                (int) generation,
                HexFormat.of().formatHex(bytes(status, start + Abi.ROW_SHA256, SHA256_WORDS)));
    }

    private static byte[] bytes(ByteBuffer status, int start, int words) {
        byte[] bytes = new byte[words * 8];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (Words.load(status, start + i / 8) >>> i % 8 * 8);
        }
        return bytes;
    }
}
