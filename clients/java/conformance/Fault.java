package conformance;

/** Why a case does not hold. */
final class Fault extends Exception {
    private static final long serialVersionUID = 1;

    Fault(String why) {
        super(why);
    }

    static void ensure(boolean holds, String why) throws Fault {
        if (!holds) {
            throw new Fault(why);
        }
    }
}
