package factord;

import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The factors: every column of every window of the golden file, bit for bit, and what they do with
 * what cannot be. Needs no daemon; ends with 1 when a test failed.
 */
public final class FactorsTests {
    private static final long NAN = 0x7ff8000000000000L;

    private final List<String[]> events = new ArrayList<>();
    /** Settings, and the lines that they must give: rows, the window as it stands, counts. */
    private final List<StringBuilder> settings = new ArrayList<>();
    private final List<List<String>> lines = new ArrayList<>();

    private FactorsTests(Path golden) throws Exception {
        for (String line : Files.readAllLines(golden)) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "#" -> {}
                case "trade", "advance" -> events.add(words);
                case "case" -> {
                    settings.add(new StringBuilder());
                    lines.add(new ArrayList<>());
                }
                case "set" -> settings.get(settings.size() - 1).append(line, 4, line.length())
                        .append('\n');
                default -> lines.get(lines.size() - 1).add(line);
            }
        }
    }

    /**
     * Runs the tests.
     *
     * @param arguments the golden file
     * @throws Exception when it cannot be read
     */
    public static void main(String[] arguments) throws Exception {
        FactorsTests tests = new FactorsTests(Path.of(arguments[0]));
        Map<String, Check.Body> all = new LinkedHashMap<>();
        all.put("every_column_of_every_window_has_the_bits_of_the_crate", tests::golden);
        all.put("factors_are_for_their_thread_until_they_are_closed", tests::owner);
        all.put("settings_are_refused_and_compared_by_name", tests::compared);
        all.put("pushes_and_takes_allocate_nothing", tests::allocations);
        int failed = 0;
        for (Map.Entry<String, Check.Body> test : all.entrySet()) {
            Throwable failure = Check.failure(test.getValue());
            System.out.println(test.getKey() + " ... " + (failure == null ? "ok" : "FAILED"));
            if (failure != null) {
                failure.printStackTrace(System.out);
                failed++;
            }
        }
        System.out.println(all.size() - failed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }

    private static Side side(String word) {
        return switch (word) {
            case "B" -> Side.BUY;
            case "S" -> Side.SELL;
            case "N" -> Side.AUCTION;
            default -> Side.UNKNOWN;
        };
    }

    private static int feed(Factors factors, String[] event) {
        long ns = Long.parseLong(event[1]);
        if (event[0].equals("advance")) {
            return factors.advance(ns);
        }
        return factors.push(
                ns,
                Double.parseDouble(event[2]),
                Double.parseDouble(event[3]),
                side(event[4]),
                Long.parseUnsignedLong(event[5]),
                Long.parseUnsignedLong(event[6]),
                Double.parseDouble(event[7]),
                Double.parseDouble(event[8]));
    }

    private static String line(String head, FactorRow row) {
        StringBuilder line = new StringBuilder(head);
        for (long word : new long[] {row.startNs(), row.endNs(), row.trades()}) {
            line.append(' ').append(word);
        }
        double[] shares = {
            row.volume(), row.turnover(), row.buyRate(), row.sellRate(), row.largeBuy(),
            row.largeSell(), row.unclassified(), row.auction()
        };
        for (double share : shares) {
            long bits = Double.isNaN(share) ? NAN : Double.doubleToRawLongBits(share);
            line.append(String.format(" %016x", bits));
        }
        for (long word : new long[] {row.byFlag(), row.byOrders(), row.byQuote(), row.byTick()}) {
            line.append(' ').append(word);
        }
        return line.toString();
    }

    private static void take(Factors factors, int waiting, String head, List<String> found) {
        FactorRow row = new FactorRow();
        int taken = 0;
        for (; factors.take(row); taken++) {
            Check.that(row.closed(), row);
            found.add(line(head, row));
        }
        Check.equal(taken, waiting);
    }

    private List<String> found(Factors factors) {
        List<String> found = new ArrayList<>();
        for (int i = 0; i < events.size(); i++) {
            take(factors, feed(factors, events.get(i)), "row " + (i + 1), found);
        }
        FactorRow now = new FactorRow();
        factors.now(now);
        Check.that(!now.closed(), now);
        found.add(line("now", now));
        take(factors, factors.finish(), "row finish", found);
        StringBuilder counts = new StringBuilder("counts");
        factors.counts().values().forEach(count -> counts.append(' ').append(count));
        found.add(counts.toString());
        return found;
    }

    private void golden() {
        int count = 0;
        for (int i = 0; i < settings.size(); i++) {
            try (Factors factors = new Factors(settings.get(i).toString())) {
                Check.equal(found(factors), lines.get(i));
                count += lines.get(i).size();
            }
        }
        System.out.println(
                events.size() + " trades and ticks, " + settings.size() + " cases, " + count
                        + " lines");
        Check.that(events.size() > 500 && settings.size() >= 10 && count >= 150, count);
    }

    private void owner() throws Exception {
        Factors factors = new Factors("window = 1trades\nper = trade");
        Check.equal(factors.push(7, 10.0, 300.0, Side.BUY), 1);
        Throwable[] failure = new Throwable[1];
        Thread other = new Thread(() -> failure[0] = Check.failure(factors::finish));
        other.start();
        other.join();
        Check.that(failure[0] instanceof IllegalStateException, failure[0]);
        FactorRow row = new FactorRow();
        double[] features = new double[3];
        Check.that(factors.take(row) && !factors.take(row) && row.startNs() == 7, row.startNs());
        row.features(features);
        Check.sameBits(features[0], 1.0);
        Check.equal(factors.counts().get("trades"), 1L);
        factors.close();
        factors.close();
        Check.thrown(IllegalStateException.class, () -> factors.push(8, 1.0, 1.0, Side.SELL));
        Check.thrown(IllegalStateException.class, factors::settings);
    }

    private void compared() {
        Exception refused =
                Check.thrown(SettingsException.class, () -> new Factors("windows = 60s"));
        Check.that(refused.getMessage().startsWith("there is no setting \"windows\""), refused);
        Check.thrown(SettingsException.class, () -> new Factors("per = trade\0window = 5m"));
        try (Factors factors = new Factors("window = 5m\nper = trade")) {
            factors.check("");
            factors.check("window = 300s\nnot_known_yet = 7");
            factors.check(factors.settings());
            Check.that(factors.settings().contains("window = 300s\n"), factors.settings());
            Exception other =
                    Check.thrown(SettingsException.class, () -> factors.check("window = 60s"));
            Check.equal(
                    other.getMessage(),
                    "window: the model was trained on 60s, these factors have 300s: make them with"
                            + " the model's, or train anew");
        }
    }

    private void allocations() {
        var threads =
                (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Factors factors = new Factors("window = 5trades\nper = trade")) {
            FactorRow row = new FactorRow();
            long self = Thread.currentThread().getId();
            long least = Long.MAX_VALUE;
            // The first rounds are interpreted, and compiled.
            for (int round = 0; round < 5; round++) {
                long before = threads.getThreadAllocatedBytes(self);
                int windows = 0;
                for (int i = 0; i < 100_000; i++) {
                    if (factors.push(round * 100_000L + i, 10.0, 300.0, Side.BUY) > 0) {
                        windows += factors.take(row) ? 1 : 0;
                    }
                }
                Check.equal(windows, 20_000);
                least = Math.min(least, threads.getThreadAllocatedBytes(self) - before);
            }
            // What the measurement itself may take.
            Check.that(least < 1_000, least + " bytes in 100000 trades");
        }
    }
}
