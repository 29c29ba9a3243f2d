package factord;

/** What the tests assert with. */
final class Check {
    /** Ten seconds: long enough for any machine. */
    static final long LONG_NS = 10_000_000_000L;

    private Check() {}

    /** A body that may throw. */
    interface Body {
        void run() throws Exception;
    }

    static void that(boolean holds, Object found) {
        if (!holds) {
            throw new AssertionError("found " + found);
        }
    }

    static void equal(Object found, Object expected) {
        if (!expected.equals(found)) {
            throw new AssertionError("found " + found + ", expected " + expected);
        }
    }

    static void sameBits(double found, double expected) {
        if (Double.doubleToRawLongBits(found) != Double.doubleToRawLongBits(expected)) {
            throw new AssertionError("found " + found + ", expected " + expected);
        }
    }

    static <T extends Exception> T thrown(Class<T> type, Body body) {
        try {
            body.run();
        } catch (Exception error) {
            if (type.isInstance(error)) {
                return type.cast(error);
            }
            throw new AssertionError("threw " + error, error);
        }
        throw new AssertionError("threw no " + type.getSimpleName());
    }

    /** What a body threw, or null. */
    static Throwable failure(Body body) {
        try {
            body.run();
            return null;
        } catch (Exception | AssertionError error) {
            return error;
        }
    }

    /** Polls until there is an answer. */
    static void pollUntil(Client client, Prediction into) {
        long start = System.nanoTime();
        while (!client.poll(into)) {
            that(System.nanoTime() - start < LONG_NS, "no answer");
            Thread.yield();
        }
    }
}
