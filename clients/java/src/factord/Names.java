package factord;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * This client's own numbers of models. A name gets one when it is first seen and keeps it for the
 * client's life; beside it stands the number by which the engine of the present attachment knows
 * the name, which may be another one after every restart.
 */
final class Names {
    /** The number of no model: the engine answers that it serves no such model. */
    static final int NONE = (int) Abi.MODEL_MASK;

    private final Map<String, Integer> numbers = new HashMap<>();
    /** The engine's numbers, by the client's. */
    private int[] ofEngine = {};

    Names() {
        // Theirs are fixed, whether they are served or not.
        number("regression");
        number("classification");
    }

    /** The engine's number, or {@link #NONE}. */
    int ofEngine(int number) {
        return isGiven(number) ? ofEngine[number] : NONE;
    }

    boolean isGiven(int number) {
        return number >= 0 && number < ofEngine.length;
    }

    private int number(String name) {
        Integer known = numbers.get(name);
        if (known != null) {
            return known;
        }
        int number = ofEngine.length;
        if (number == NONE) {
            return NONE;
        }
        numbers.put(name, number);
        ofEngine = Arrays.copyOf(ofEngine, number + 1);
        ofEngine[number] = NONE;
        return number;
    }

    /** Enters rows of the present engine; a name that has its number there keeps it. */
    void enter(List<Model> rows) {
        for (Model row : rows) {
            int number = number(row.name());
            if (number != NONE && ofEngine[number] == NONE) {
                ofEngine[number] = row.id();
            }
        }
    }

    /** Goes over to another engine; its numbers, by those of the last one. */
    int[] move(List<Model> rows) {
        int[] before = ofEngine;
        ofEngine = none(before.length);
        enter(rows);
        int[] moved = none(Abi.MODEL_COUNT_MAX);
        for (int number = 0; number < before.length; number++) {
            if (before[number] != NONE) {
                moved[before[number]] = ofEngine[number];
            }
        }
        return moved;
    }

    private static int[] none(int count) {
        int[] numbers = new int[count];
        Arrays.fill(numbers, NONE);
        return numbers;
    }

    /** The rows by this client's numbers; they have been entered. */
    List<Model> own(List<Model> rows) {
        return rows.stream().map(this::own).filter(Objects::nonNull).toList();
    }

    /** Null for a row that repeats a name: only the first one is asked. */
    private Model own(Model row) {
        Integer number = numbers.get(row.name());
        return number == null || ofEngine[number] != row.id() ? null : row.withId(number);
    }
}
