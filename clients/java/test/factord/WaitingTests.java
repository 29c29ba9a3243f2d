package factord;

import static factord.Check.LONG_NS;

import factord.AttachException.Reason;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;

/** Calls while the engine is away, stands still or takes no connection. */
final class WaitingTests {
    private static final double[] ROW = {0.5, 0.2, 0.3};
    private static final int EAGAIN = 11;
    private static final long MS = 1_000_000;
    /** What does not wait is over by then, on a busy machine too. */
    private static final long SOON_NS = 500 * MS;

    private final Daemon daemon;

    WaitingTests(Daemon daemon) {
        this.daemon = daemon;
    }

    Map<String, Check.Body> tests() {
        return Map.of(
                "calls_keep_their_deadlines_beside_an_engine_that_takes_no_connection", this::full,
                "a_first_attach_to_a_full_backlog_ends_and_says_why", this::firstAttach,
                "attaching_waits_for_a_daemon_as_long_as_it_is_told", this::waits,
                "an_interrupted_thread_waits_for_no_daemon", this::interrupted,
                "a_program_that_calls_once_in_a_while_attaches_again", this::rare,
                "a_submit_drops_answers_that_nobody_waits_for", this::reaped,
                "a_dead_engine_s_late_answers_do_not_keep_a_submit_from_attaching", this::lastWords);
    }

    /** Connections that were closed wait like any other. */
    private void fillBacklog() {
        byte[] path = daemon.socket().getBytes(StandardCharsets.UTF_8);
        int result = 0;
        for (int connection = 0; connection < 10_000 && result == 0; connection++) {
            int fd = Native.socket();
            result = Native.connect(fd, path);
            Native.close(fd);
        }
        Check.equal(result, -EAGAIN);
    }

    private static long soon(Check.Body call) throws Exception {
        long start = System.nanoTime();
        call.run();
        long tookNs = System.nanoTime() - start;
        Check.that(tookNs < SOON_NS, tookNs + " ns");
        return tookNs;
    }

    private void full() throws Exception {
        Prediction answer = new Prediction();
        try (Client client = daemon.attach()) {
            double y = client.predict(0, ROW, LONG_NS).y();
            daemon.kill();
            daemon.start();
            daemon.stop();
            for (int turn = 0; turn < 40; turn++) {
                if (turn == 20) {
                    fillBacklog();
                }
                soon(() -> client.submit(0, ROW));
                soon(() -> Check.that(!client.poll(answer), answer));
                long tookNs = soon(() -> client.predict(0, ROW, 10 * MS, answer));
                Check.that(tookNs >= 10 * MS && !answer.ok(), tookNs + " ns, " + answer);
                soon(() -> client.predictLocal(0, ROW, answer));
                // A second after the last heartbeat there is no answer any more.
                boolean stale = answer.status() == Status.NOT_CONNECTED;
                Check.that(stale || answer.ok() && answer.y() == y, answer);
            }
            daemon.resume();
            Check.sameBits(client.predict(0, ROW, LONG_NS).y(), y);
        } finally {
            daemon.resume();
        }
    }

    private void firstAttach() throws Exception {
        daemon.stop();
        try {
            fillBacklog();
            long start = System.nanoTime();
            AttachException error = Check.thrown(
                    AttachException.class, () -> Client.attach(daemon.options()));
            Check.that(System.nanoTime() - start < LONG_NS / 2, System.nanoTime() - start);
            Check.equal(error.reason(), Reason.DEADLINE);
            Check.that(error.getMessage().contains(daemon.socket()), error.getMessage());
        } finally {
            daemon.resume();
        }
    }

    private void waits() throws Exception {
        AttachOptions options = daemon.options();
        daemon.kill();
        long start = System.nanoTime();
        AttachException error = Check.thrown(
                AttachException.class, () -> Client.attach(options.withWaitNs(200 * MS)));
        Check.equal(error.reason(), Reason.UNREACHABLE);
        Check.that(System.nanoTime() - start >= 200 * MS, System.nanoTime() - start);
        Throwable[] trouble = new Throwable[1];
        Thread starter = new Thread(() -> trouble[0] = Check.failure(() -> {
            Thread.sleep(200);
            daemon.start();
        }));
        starter.start();
        try (Client client = Client.attach(options.withWaitNs(2 * LONG_NS))) {
            Check.that(client.predict(0, ROW, LONG_NS).ok(), "an answer");
        } finally {
            starter.join();
        }
        Check.that(trouble[0] == null, trouble[0]);
    }

    private void interrupted() {
        AttachOptions options = daemon.options().withSocket(Path.of(daemon.socket() + ".nobody"));
        long start = System.nanoTime();
        Thread.currentThread().interrupt();
        try {
            Check.thrown(
                    AttachException.class, () -> Client.attach(options.withWaitNs(LONG_NS)));
            Check.that(System.nanoTime() - start < LONG_NS, System.nanoTime() - start);
        } finally {
            Check.that(Thread.interrupted(), "an interrupt is lost");
        }
    }

    private void rare() throws Exception {
        Prediction answer = new Prediction();
        try (Client client = daemon.attach()) {
            daemon.stop();
            Check.that(client.submit(0, ROW) > 0, "a ticket");
            daemon.kill();
            daemon.start();
            int calls = 0;
            for (; calls < 20 && !client.poll(answer); calls++) {
                // More than the second for which the daemon waits for a client.
                Thread.sleep(1200);
            }
            Check.that(answer.ok(), answer + " after " + calls + " calls");
        }
    }

    private void reaped() throws Exception {
        double[][] rows = Rows.wild(64, 60);
        Prediction answer = new Prediction();
        Predictions answers = new Predictions(rows.length);
        try (Client client = daemon.attach()) {
            daemon.stop();
            // One that somebody waits for stands before those that nobody does.
            Check.equal(client.submit(1, ROW), 1L);
            Status late = client.predictBatch(0, Rows.flat(rows), answers, 30 * MS);
            Check.equal(late, Status.DEADLINE);
            Check.equal(Status.ofTicket(client.submit(0, ROW)), Status.BACK_PRESSURE);
            daemon.resume();
            long ticket = submitUntil(client);
            Check.pollUntil(client, answer);
            Check.equal(answer.ticket(), 1L);
            Check.sameBits(answer.y(), client.predictLocal(1, ROW).y());
            Check.pollUntil(client, answer);
            Check.equal(answer.ticket(), ticket);
            Check.sameBits(answer.y(), client.predictLocal(0, ROW).y());
            Check.that(!client.poll(answer), answer);
        } finally {
            daemon.resume();
        }
    }

    /** Submits until it is taken, and never polls; the ticket. */
    private static long submitUntil(Client client) {
        long start = System.nanoTime();
        long ticket = client.submit(0, ROW);
        while (ticket < 0) {
            Check.that(System.nanoTime() - start < LONG_NS, Status.ofTicket(ticket));
            Thread.yield();
            ticket = client.submit(0, ROW);
        }
        return ticket;
    }

    private void lastWords() throws IOException {
        Prediction answer = new Prediction();
        try (Client client = daemon.attach()) {
            daemon.stop();
            Check.equal(client.predict(0, ROW, 30 * MS, answer), Status.DEADLINE);
            daemon.resume();
            long start = System.nanoTime();
            while (client.engine().session().ready(1) == 0) {
                Check.that(System.nanoTime() - start < LONG_NS, "no late answer");
                Thread.yield();
            }
            long epoch = client.epoch();
            daemon.kill();
            daemon.start();
            while (client.connected() && client.epoch() == epoch) {
                Check.that(System.nanoTime() - start < 3 * LONG_NS, "a death unnoticed");
                client.engine().lookAfter(0);
            }
            long ticket = submitUntil(client);
            Check.pollUntil(client, answer);
            Check.that(answer.ok() && answer.ticket() == ticket, answer);
            Check.that(answer.epoch() > epoch, "of the engine that died");
        } finally {
            daemon.resume();
        }
    }
}
