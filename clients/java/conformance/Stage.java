package conformance;

import factord.AttachException;
import factord.AttachOptions;
import factord.Client;
import factord.Idle;
import factord.Model;
import factord.Prediction;
import factord.Status;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What every case needs: the daemon, the conductor, the golden rows. */
final class Stage {
    /** For everything that must come, on a busy machine too. */
    static final long PLENTY_NS = 10_000_000_000L;
    static final long SECOND_NS = 1_000_000_000;
    /** The shape of most channels. */
    static final int SLOTS = 64;
    private static final int ATTEMPTS = 10;
    /** An id that no model of the suite has. */
    static final int NO_MODEL = 15;

    private final String socket = variable("FACTORD_SOCKET");
    private final String conductor = variable("FACTORD_CONDUCT");
    private final Path golden = Path.of(variable("FACTORD_GOLDEN"));

    static String variable(String name) {
        String value = System.getenv(name);
        if (value == null) {
            throw new IllegalStateException(name + " is not in the environment");
        }
        return value;
    }

    String socket() {
        return socket;
    }

    /** Has the conductor do something; what it prints behind `ok`. */
    String conduct(String... words) throws IOException, Fault {
        List<String> command = new ArrayList<>(List.of(conductor));
        command.addAll(Arrays.asList(words));
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT).start();
        process.getOutputStream().close();
        byte[] bytes = process.getInputStream().readAllBytes();
        int code = process.onExit().join().exitValue();
        Fault.ensure(code == 0, "the conductor cannot " + String.join(" ", words));
        String text = new String(bytes, StandardCharsets.UTF_8).strip();
        return text.startsWith("ok") ? text.substring(2).strip() : text;
    }

    List<Row> rows(String name) throws IOException, Fault {
        return Row.read(golden.resolve(name + ".golden"), 2);
    }

    List<Request> requests() throws IOException, Fault {
        return Request.read(golden.resolve("divided.golden"));
    }

    List<Row> badRows() throws IOException, Fault {
        return Row.read(golden.resolve("bad.golden"), 0);
    }

    /** The cores are shared with the daemon and with whatever else runs: clients back off. */
    static AttachOptions options(String socket) {
        return AttachOptions.DEFAULT.withSocket(Path.of(socket)).withName("conformance")
                .withSlotCount(SLOTS).withIdle(Idle.BACKOFF).withQuiet(true);
    }

    Client channel() throws AttachException {
        return attach(options(socket));
    }

    /** A channel of a false daemon. */
    Client impostor(String name) throws IOException, Fault {
        return attach(options(conduct("impostor", name)));
    }

    /** Attaches; once more where a busy machine let a second go by. */
    static Client attach(AttachOptions options) throws AttachException {
        for (int attempt = 1; attempt < ATTEMPTS; attempt++) {
            try {
                return Client.attach(options);
            } catch (AttachException error) {
                if (error.reason() != AttachException.Reason.DEADLINE) {
                    throw error;
                }
            }
        }
        return Client.attach(options);
    }

    /** Attaching to a false daemon must fail. */
    AttachException impostorFails(String name) throws IOException, Fault {
        String path = conduct("impostor", name);
        try {
            return fails(options(path));
        } catch (Fault attached) {
            throw new Fault(name + ": " + attached.getMessage());
        }
    }

    static AttachException fails(AttachOptions options) throws Fault {
        try {
            Client.attach(options).close();
        } catch (AttachException error) {
            return error;
        }
        throw new Fault("attached");
    }

    static int id(Client client, String name) throws Fault {
        return model(client, name).id();
    }

    static Model model(Client client, String name) throws Fault {
        for (Model row : client.models()) {
            if (row.name().equals(name)) {
                return row;
            }
        }
        throw new Fault(name + " is not in the model table");
    }

    /** The answer is of this version. */
    static void isOf(Prediction answer, int generation, int arm, long fingerprint) throws Fault {
        boolean same = answer.generation() == generation && answer.arm() == arm
                && answer.fingerprint() == fingerprint;
        String found = String.format(
                "generation %d, arm %d, %016x", answer.generation(), answer.arm(),
                answer.fingerprint());
        Fault.ensure(same, String.format(
                "%s instead of %d, %d, %016x", found, generation, arm, fingerprint));
    }

    static void refused(Status found, Status expected, String what) throws Fault {
        Fault.ensure(found == expected, what + ": " + found + " instead of " + expected);
    }

    /** Takes the next answer; while the engine comes back there is none. */
    static void next(Client client, Prediction into) throws Fault {
        long start = System.nanoTime();
        while (!client.poll(into)) {
            Fault.ensure(System.nanoTime() - start < PLENTY_NS, "no answer within 10 s");
            Thread.yield();
        }
    }

    static void took(long startNs, long leastNs, long mostNs) throws Fault {
        long ns = System.nanoTime() - startNs;
        Fault.ensure(ns >= leastNs && ns <= mostNs, "it took " + ns / 1_000_000 + " ms");
    }
}
