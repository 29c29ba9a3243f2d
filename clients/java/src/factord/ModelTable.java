package factord;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** The model rows of one engine's STATUS, by the engine's numbers. */
final class ModelTable {
    private static final int SHA256_WORDS = 4;
    /** A row that is being written at this moment. */
    static final Row UNSETTLED = new Row(Abi.MODEL_NONE, null);

    private final ByteBuffer status;
    private List<Row> rows = List.of();

    /** A row, and what requests for its name carry. The model's id is the engine's number. */
    record Row(long meta, Model model) {
        boolean isOf(String name) {
            return model != null && model.name().equals(name);
        }
    }

    ModelTable(ByteBuffer status) {
        this.status = status;
    }

    /** Changes when names come or go. */
    long namesSequence() {
        // Pairs with the Release store of the daemon's `rows_changed`, as below.
        return Words.loadAcquire(status, Abi.STATUS_NAMES_SEQUENCE);
    }

    /** Changes with every change of the table. */
    long sequence() {
        return Words.loadAcquire(status, Abi.STATUS_ROWS_SEQUENCE);
    }

    /** The rows that were read last. */
    List<Row> rows() {
        return rows;
    }

    /** Reads all rows; false when some were being written at each try, and the last ones stay. */
    boolean read(int tries) {
        for (int attempt = 0; attempt < tries; attempt++) {
            long before = sequence();
            List<Row> found = found();
            if (found != null && sequence() == before) {
                rows = found;
                return true;
            }
            // The writer may wait for this very CPU.
            Thread.yield();
        }
        return false;
    }

    /** Null while a row is being written. */
    private List<Row> found() {
        List<Row> found = new ArrayList<>();
        int count = count();
        for (int number = 0; number < count; number++) {
            Row row = row(number);
            if (row == UNSETTLED) {
                return null;
            }
            if (row != null) {
                found.add(row);
            }
        }
        return found;
    }

    private int count() {
        long claimed = Words.load(status, Abi.STATUS_ROW_COUNT);
        return claimed >= 0 && claimed <= Abi.MODEL_COUNT_MAX ? (int) claimed : Abi.MODEL_COUNT_MAX;
    }

    /** The row of a name; null when it is not served, {@link #UNSETTLED} when it may be. */
    Row find(String name) {
        byte[] wanted = name.getBytes(StandardCharsets.ISO_8859_1);
        long firstWord = 0;
        for (int i = 0; i < Math.min(wanted.length, Long.BYTES); i++) {
            firstWord |= (wanted[i] & 0xFFL) << 8 * i;
        }
        boolean unsettled = false;
        int count = count();
        for (int number = 0; number < count; number++) {
            int start = start(number);
            boolean settled = Words.load(status, start + Abi.ROW_SEQUENCE) % 2 == 0;
            if (settled && Words.load(status, start + Abi.ROW_NAME) != firstWord) {
                continue;
            }
            Row row = row(number);
            if (row != null && row.isOf(name)) {
                return row;
            }
            unsettled |= row == UNSETTLED;
        }
        return unsettled ? UNSETTLED : null;
    }

    /** The row with a number below {@link Abi#MODEL_COUNT_MAX}; null where nothing is served. */
    Row row(int number) {
        int start = start(number);
        // Both fences pair with the daemon's `write_row`: an odd sequence is seen before any word
        // of the row changes, an even one after.
        long before = Words.load(status, start + Abi.ROW_SEQUENCE);
        VarHandle.acquireFence();
        Row row = copy(number, start);
        VarHandle.acquireFence();
        boolean whole = before % 2 == 0 && Words.load(status, start + Abi.ROW_SEQUENCE) == before;
        return whole ? row : UNSETTLED;
    }

    private static int start(int number) {
        return Abi.STATUS_ROWS + number * Abi.ROW_WORDS;
    }

    private Row copy(int number, int start) {
        long shape = Words.load(status, start + Abi.ROW_SHAPE);
        long served = Words.load(status, start + Abi.ROW_SERVED);
        int width = (int) (shape >>> 32) & 0xFFFF;
        int generation = (int) served;
        if (generation == 0 || width < 1 || width > Abi.FEATURE_COUNT_MAX) {
            return null;
        }
        byte[] name = bytes(start + Abi.ROW_NAME, Abi.ROW_NAME_LEN / 8);
        int len = 0;
        while (len < name.length && name[len] != 0) {
            len++;
        }
        Model model = new Model(
                number,
                // Names are ASCII. Whatever else comes stays apart from every other name.
                new String(name, 0, len, StandardCharsets.ISO_8859_1),
                (int) shape,
                width,
                (int) (shape >>> 48),
                generation,
                (int) (served >>> 32) & 0xFFFF,
                served >>> 48 == Abi.CLASS_HEAVY,
                Words.load(status, start + Abi.ROW_COST_NS),
                HexFormat.of().formatHex(bytes(start + Abi.ROW_SHA256, SHA256_WORDS)));
        long check = Words.load(status, start + Abi.ROW_CHECK);
        return new Row(number | check << Abi.CHECK_SHIFT, model);
    }

    private byte[] bytes(int start, int words) {
        byte[] bytes = new byte[words * 8];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (Words.load(status, start + i / 8) >>> i % 8 * 8);
        }
        return bytes;
    }
}
