package conformance;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The runner of the Java client: the numbered cases, and the calls of the README. */
public final class Main {
    private static final Map<String, Case> CASES = new LinkedHashMap<>();

    static {
        CASES.put("attach", AttachCases::attach);
        CASES.put("wrong-abi", AttachCases::wrongAbi);
        CASES.put("golden-regression", AnswerCases::goldenRegression);
        CASES.put("golden-classification", AnswerCases::goldenClassification);
        CASES.put("bad-input", AnswerCases::badInput);
        CASES.put("unknown-model", AnswerCases::unknownModel);
        CASES.put("width-mismatch", AnswerCases::widthMismatch);
        CASES.put("back-pressure", AnswerCases::backPressure);
        CASES.put("pipelined-order", AnswerCases::pipelinedOrder);
        CASES.put("deadline", EngineCases::deadline);
        CASES.put("engine-killed", EngineCases::engineKilled);
        CASES.put("batch-golden", AnswerCases::batchGolden);
        CASES.put("batch-across-kill", EngineCases::batchAcrossKill);
        CASES.put("model-swapped", EngineCases::modelSwapped);
        CASES.put("local-equals-ring", AnswerCases::localEqualsRing);
        CASES.put("wide", AnswerCases::wide);
        CASES.put("refused-peer", AttachCases::refusedPeer);
        CASES.put("golden-image", HostileCases::goldenImage);
        CASES.put("half-made-region", HostileCases::halfMadeRegion);
        CASES.put("hostile-regions", HostileCases::hostileRegions);
        CASES.put("hostile-answers", HostileCases::hostileAnswers);
        CASES.put("identity", Identity::run);
        CASES.put("forked", TrustCases::forked);
        CASES.put("untrusted", TrustCases::untrusted);
        CASES.put("backlog-full", WaitingCases::backlogFull);
        CASES.put("reaped", WaitingCases::reaped);
        CASES.put("attach-wait", WaitingCases::attachWait);
        CASES.put("pinned", VersionCases::pinned);
        CASES.put("unit-keys", VersionCases::unitKeys);
        CASES.put("second-channel", ClassCases::secondChannel);
    }

    private Main() {}

    /**
     * Runs what the suite's README says.
     *
     * @param arguments names of cases, `ping`, `late`, `csv IN OUT`, or `units COUNT OUT`
     * @throws Exception when one of the calls cannot go on
     */
    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 1 && arguments[0].equals("ping")) {
            System.exit(Pinger.run() ? 0 : 2);
        }
        if (arguments.length == 3 && arguments[0].equals("csv")) {
            Table.run(Path.of(arguments[1]), Path.of(arguments[2]));
            return;
        }
        if (arguments.length == 3 && arguments[0].equals("units")) {
            Units.run(Long.parseLong(arguments[1]), Path.of(arguments[2]));
            return;
        }
        if (arguments.length == 1 && arguments[0].equals("late")) {
            Late.run(new Stage());
            return;
        }
        List<String> wanted = List.of(arguments);
        Stage stage = new Stage();
        int number = 0;
        int passed = 0;
        int failed = 0;
        for (Map.Entry<String, Case> entry : CASES.entrySet()) {
            number++;
            if (!wanted.isEmpty() && !wanted.contains(entry.getKey())) {
                continue;
            }
            String why = failure(stage, entry.getValue());
            String outcome = why == null ? "ok" : "FAILED: " + why;
            System.out.printf("%02d %s ... %s%n", number, entry.getKey(), outcome);
            passed += why == null ? 1 : 0;
            failed += why == null ? 0 : 1;
        }
        System.out.println(passed + " passed, " + failed + " failed");
        System.exit(failed == 0 && passed > 0 ? 0 : 1);
    }

    private static String failure(Stage stage, Case body) {
        try {
            stage.conduct("reset");
            body.run(stage);
            return null;
        } catch (Fault fault) {
            return fault.getMessage();
        } catch (Exception error) {
            return error.toString().replace('\n', ' ');
        }
    }
}
