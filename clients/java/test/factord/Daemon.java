package factord;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A real daemon in a folder of its own; killed and cleaned up when closed. */
final class Daemon implements AutoCloseable {
    private final Path folder = Files.createTempDirectory("factord-java-");
    private final Path socket = folder.resolve("control.sock");
    private final List<String> arguments = new ArrayList<>();
    private Process process;

    /** One that serves the models that are built in. */
    Daemon() throws IOException {
        this(null);
    }

    /** One that serves the models of a folder, with further options. */
    Daemon(Path models, String... further) throws IOException {
        arguments.addAll(List.of(program(), "--socket", socket(), "serve", "--no-http"));
        arguments.addAll(List.of("--idle", "backoff"));
        if (models != null) {
            arguments.addAll(List.of("--models", models.toString()));
        }
        arguments.addAll(List.of(further));
        // A run that is ended from outside leaves no engine behind.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> process.destroyForcibly()));
        start();
    }

    static String program() throws IOException {
        String program = System.getenv("FACTORD");
        if (program == null) {
            throw new IOException("FACTORD names no daemon: run the tests with `make check`");
        }
        return program;
    }

    /** Has the daemon's own program do something, which must succeed. */
    static void run(String... words) throws IOException {
        List<String> command = new ArrayList<>(List.of(program()));
        command.addAll(List.of(words));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        byte[] text = process.getInputStream().readAllBytes();
        int code = process.onExit().join().exitValue();
        if (code != 0) {
            throw new IOException(command + ": " + new String(text, StandardCharsets.UTF_8));
        }
    }

    void reload() throws IOException {
        run("--socket", socket(), "model", "reload");
    }

    /** Starts an engine whose worker sleeps at times, and waits until it is ready. */
    void start() throws IOException {
        ProcessBuilder builder = new ProcessBuilder(arguments);
        builder.redirectError(ProcessBuilder.Redirect.appendTo(folder.resolve("log").toFile()));
        process = builder.start();
        BufferedReader lines = process.inputReader(StandardCharsets.UTF_8);
        String line = lines.readLine();
        while (line != null && !line.contains("Ctrl-C")) {
            line = lines.readLine();
        }
        if (line == null) {
            String log = Files.readString(folder.resolve("log"));
            throw new IOException("the daemon ended before it was ready:\n" + log);
        }
    }

    /** SIGKILL, and the wait that frees what it held. */
    void kill() {
        process.destroyForcibly().onExit().orTimeout(10, TimeUnit.SECONDS).join();
    }

    /** SIGSTOP, and the wait until every thread stands still. */
    void stop() throws IOException {
        signal("STOP");
        long start = System.nanoTime();
        while (!standsStill()) {
            Check.that(System.nanoTime() - start < Check.LONG_NS, "a daemon that does not stop");
            Thread.onSpinWait();
        }
    }

    private boolean standsStill() throws IOException {
        try (Stream<Path> tasks = Files.list(Path.of("/proc/" + process.pid() + "/task"))) {
            for (Path task : tasks.toList()) {
                String stat = Files.readString(task.resolve("stat"));
                if (!stat.substring(stat.lastIndexOf(')')).startsWith(") T")) {
                    return false;
                }
            }
            return true;
        }
    }

    void resume() throws IOException {
        signal("CONT");
    }

    private void signal(String name) throws IOException {
        new ProcessBuilder("kill", "-s", name, Long.toString(process.pid())).start()
                .onExit().join();
    }

    String socket() {
        return socket.toString();
    }

    AttachOptions options() {
        return AttachOptions.DEFAULT.withSocket(socket).withName("java test")
                .withSlotCount(64).withIdle(Idle.BACKOFF).withQuiet(true);
    }

    /** Waits while it is busy with what a test before has left behind. */
    Client attach() throws AttachException {
        return Client.attach(options().withWaitNs(Check.LONG_NS));
    }

    @Override
    public void close() throws IOException {
        kill();
        try (Stream<Path> rest = Files.list(folder)) {
            for (Path path : rest.toList()) {
                Files.delete(path);
            }
        }
        Files.delete(folder);
    }
}
