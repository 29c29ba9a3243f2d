package factord;

/** Answers taken before their callers asked for them, in order; as many as the ring has slots. */
final class Early {
    private final Prediction[] answers;
    private int first;
    private int size;

    Early(int capacity) {
        answers = new Prediction[capacity];
        for (int i = 0; i < capacity; i++) {
            answers[i] = new Prediction();
        }
    }

    int size() {
        return size;
    }

    void add(Prediction answer) {
        answers[(first + size) & (answers.length - 1)].copy(answer);
        size++;
    }

    void take(Prediction into) {
        into.copy(answers[first]);
        first = (first + 1) & (answers.length - 1);
        size--;
    }
}
