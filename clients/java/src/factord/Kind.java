package factord;

/** What a model computes from its decision value. */
public enum Kind {
    /** {@code y} is the decision value itself. */
    LINEAR,
    /** {@code y} is the probability of class 1; the features are standardised first. */
    LOGISTIC;

    /** The kind of a code of the layout, or null when it is none. */
    static Kind ofCode(int code) {
        return switch (code) {
            case Abi.KIND_LINEAR -> LINEAR;
            case Abi.KIND_LOGISTIC -> LOGISTIC;
            default -> null;
        };
    }
}
