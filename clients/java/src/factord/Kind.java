package factord;

/** What a model computes from its decision value: plain numbers, as a daemon may know more. */
public final class Kind {
    /** {@code y} is the decision value itself. */
    public static final int LINEAR = Abi.KIND_LINEAR;
    /** {@code y} is the probability of class 1; the features are standardised first. */
    public static final int LOGISTIC = Abi.KIND_LOGISTIC;

    private Kind() {}
}
