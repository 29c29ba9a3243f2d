package factord;

import java.util.Map;
import java.util.TreeMap;

/** Runs every test against a real daemon; ends with 1 when one failed. */
public final class Tests {
    private Tests() {}

    /**
     * Runs the tests whose names hold the argument, or all.
     *
     * @param arguments part of a name
     * @throws Exception when no daemon can be started
     */
    public static void main(String[] arguments) throws Exception {
        Map<String, Check.Body> tests = new TreeMap<>();
        int failed = 0;
        int run = 0;
        try (Daemon daemon = new Daemon()) {
            tests.putAll(new AnswerTests(daemon).tests());
            tests.putAll(new FailureTests(daemon).tests());
            tests.putAll(new LifeTests(daemon).tests());
            tests.putAll(new IdentityTests().tests());
            tests.putAll(new LayoutTests().tests());
            tests.putAll(new VersionTests().tests());
            tests.putAll(new TrustTests(daemon).tests());
            tests.putAll(new WaitingTests(daemon).tests());
            for (Map.Entry<String, Check.Body> test : tests.entrySet()) {
                if (arguments.length > 0 && !test.getKey().contains(arguments[0])) {
                    continue;
                }
                run++;
                failed += passes(test.getKey(), test.getValue()) ? 0 : 1;
            }
        }
        System.out.println(run - failed + " passed, " + failed + " failed");
        System.exit(failed == 0 && run > 0 ? 0 : 1);
    }

    private static boolean passes(String name, Check.Body body) {
        try {
            body.run();
            System.out.println(name + " ... ok");
            return true;
        } catch (Exception | AssertionError error) {
            System.out.println(name + " ... FAILED");
            error.printStackTrace(System.out);
            return false;
        }
    }
}
