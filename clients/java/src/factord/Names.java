package factord;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * This client's own numbers of models, its handles. A name gets one when it is first seen and keeps
 * it for the client's life; beside it stands what requests carry for it, which is looked up again
 * whenever the engine's names have changed. A name that is pinned to an artifact has a number of
 * its own.
 */
final class Names {
    /** The number of no model: the engine answers that it serves no such model. */
    static final int NONE = (int) Abi.MODEL_NONE;
    /** A sequence of names that no engine has, of a number that was never looked up. */
    private static final long NEVER = -1;

    private record Pin(String name, long fingerprint) {}

    private static final class Entry {
        final String name;
        /** The only artifact whose answers count, or null. */
        final Pin pin;
        /** Engine's number and check, as requests carry them. */
        long meta = Abi.MODEL_NONE;
        /** The engine's sequence of names when they were looked up. */
        long seen = NEVER;

        Entry(String name, Pin pin) {
            this.name = name;
            this.pin = pin;
        }
    }

    private final Map<String, Integer> numbers = new HashMap<>();
    private final Map<Pin, Integer> pinned = new HashMap<>();
    private boolean arePinned;
    private Entry[] entries = new Entry[8];
    private int count;

    Names() {
        // Theirs are fixed, whether they are served or not.
        number("regression");
        number("classification");
    }

    /** What a request for a number carries, without flags. */
    long meta(int number, ModelTable table) {
        if (!isGiven(number)) {
            return Abi.MODEL_NONE;
        }
        Entry entry = entries[number];
        return entry.seen == table.namesSequence() ? entry.meta : lookUp(entry, table);
    }

    /** A row that is being written is left for the next call. */
    private static long lookUp(Entry entry, ModelTable table) {
        long sequence = table.namesSequence();
        ModelTable.Row row = null;
        if (isServed(entry.meta)) {
            row = table.row((int) (entry.meta & Abi.MODEL_MASK));
        }
        if (row == null || !row.isOf(entry.name)) {
            row = table.find(entry.name);
        }
        if (row != ModelTable.UNSETTLED) {
            entry.meta = row == null ? Abi.MODEL_NONE : row.meta();
            entry.seen = sequence;
        }
        return entry.meta;
    }

    static boolean isServed(long meta) {
        return (meta & Abi.MODEL_MASK) != Abi.MODEL_NONE;
    }

    private boolean isGiven(int number) {
        return number >= 0 && number < count;
    }

    /** The number of a name, new or not; {@link #NONE} when all are given. */
    int number(String name) {
        Integer known = numbers.get(name);
        int number = known != null ? known : add(new Entry(name, null));
        if (known == null && number != NONE) {
            numbers.put(name, number);
        }
        return number;
    }

    /** The same for a name that only one artifact may answer. */
    int number(String name, long fingerprint) {
        Pin pin = new Pin(name, fingerprint);
        Integer known = pinned.get(pin);
        int number = known != null ? known : add(new Entry(name, pin));
        if (known == null && number != NONE) {
            pinned.put(pin, number);
            arePinned = true;
        }
        return number;
    }

    private int add(Entry entry) {
        int number = count;
        if (number != NONE) {
            if (number == entries.length) {
                entries = Arrays.copyOf(entries, 2 * number);
            }
            entries[number] = entry;
            count++;
        }
        return number;
    }

    /** The number that a name has, or {@link #NONE}. */
    int known(String name) {
        Integer known = numbers.get(name);
        return known == null ? NONE : known;
    }

    /** Forgets the engine's numbers: another engine gives its own. */
    void forget() {
        for (int number = 0; number < count; number++) {
            entries[number].seen = NEVER;
        }
    }

    /** Tells whether any name is pinned. */
    boolean arePinned() {
        return arePinned;
    }

    /** Takes a prediction back that another artifact gave than the one its number is pinned to. */
    void judge(int number, Prediction answer) {
        Pin pin = isGiven(number) ? entries[number].pin : null;
        if (pin != null && answer.ok() && answer.fingerprint() != pin.fingerprint()) {
            answer.disown(Status.OTHER_VERSION);
        }
    }
}
