package factord;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/**
 * A channel to the daemon: predictions through shared memory.
 *
 * <pre>{@code
 * try (Client client = Client.attach()) {
 *     int model = client.model("regression").orElseThrow().id();
 *     Prediction answer = client.predict(model, new double[] {0.5, 0.2, 0.3}, 10_000_000);
 *     System.out.println(answer.y() + " by generation " + answer.generation());
 * }
 * }</pre>
 *
 * <p>After {@link #attach} a call makes no system call, takes no lock and allocates nothing while
 * the engine answers; one that waits asks the socket ten times a second. When the engine dies, or
 * hangs up on this client alone, the client attaches again with back-off and publishes its
 * unanswered requests once more; the caller sees a failure only past its own deadline. Every answer
 * is delivered once, in the order of submission, and its echo is checked.
 *
 * <p>A client whose request meets a model of the other class, light or heavy, attaches a second
 * channel by itself, as it comes back to an engine: step by step, within the calls' deadlines, with
 * the same options. It counts as any channel. Tickets keep their order over both, so that what was
 * submitted behind a costly request is polled behind it: where that matters, use two clients. A
 * request goes over when the client next polls or waits. Where the daemon grants no second channel,
 * the status is {@link Status#WRONG_CLASS}, and a second later the client may ask again.
 *
 * <p>A client belongs to one thread, at first the one that attached; {@link #handOver} gives it to
 * another. Its memory is gone once it is closed, so every call checks both.
 */
public final class Client implements AutoCloseable {
    // 64: some 1 us, ten round trips of a quiet machine; only then come clocks and back-off.
    private static final int QUICK_LOOKS = 64;
    // 4,096: at some 5 ns each, every 20 us.
    private static final long LOCAL_CALLS_PER_LOOK = 4096;
    // 16 local calls between two readings of the clock while the heart does not beat: the daemon
    // beats every 10 ms, so that most calls of a quick caller see no new beat.
    private static final int STILL_CALLS_MASK = 15;
    /** After this long without a heartbeat, local calls answer no more. */
    private static final long LOCAL_STALE_NS = 1_000_000_000;
    /**
     * How long a local call waits, when what it needs is not in this process: for the ring or, where
     * the channel has another width, for the model to come.
     */
    private static final long ELSEWHERE_NS = 10_000_000;
    /** Between two looks for an image. */
    private static final long FETCH_PAUSE_NS = 50_000;

    private final AttachOptions options;
    private final Engine engine;
    private final Waiting waiting;
    private final int clockMask;
    private final Batch batch;
    /** Answers taken while waiting for a later one. */
    private final Early early;
    /** Tickets whose callers gave up. */
    private final Tickets abandoned;
    /** What the calls that return a prediction return. */
    private final Prediction own = new Prediction();
    /** Where an answer is looked at before it is known whose it is. */
    private final Prediction scratch = new Prediction();
    private Thread owner = Thread.currentThread();
    private long flags;
    private int emptyLooks;
    /** The heartbeat at the last local call, and the local calls since it moved. */
    private long localBeat;
    private int stillCalls;

    private Client(AttachOptions options) throws AttachException {
        Objects.requireNonNull(options.name(), "name");
        waiting = new Waiting(Objects.requireNonNull(options.idle(), "idle"));
        this.options = options;
        engine = new Engine(options);
        clockMask = waiting.clockMask();
        batch = new Batch(this, options);
        early = new Early(options.slotCount());
        abandoned = new Tickets(options.slotCount());
    }

    /**
     * Attaches to the daemon that is found by the common rule, with three features a request.
     *
     * @return the channel, to be closed
     * @throws AttachException when no daemon listens, it refuses, or it speaks another ABI
     */
    public static Client attach() throws AttachException {
        return attach(AttachOptions.DEFAULT);
    }

    /**
     * Attaches to a daemon.
     *
     * @param options how
     * @return the channel, to be closed
     * @throws AttachException when no daemon listens, it refuses, or it speaks another ABI
     */
    public static Client attach(AttachOptions options) throws AttachException {
        return new Client(options);
    }

    /**
     * Predicts one row and waits for the answer.
     *
     * @param model the model's id, from {@link #model}
     * @param x one number a feature
     * @param deadlineNs the longest wait, nanoseconds
     * @return the answer; the same object each time, good until the next call that returns one
     * @throws PredictException when there is none
     */
    public Prediction predict(int model, double[] x, long deadlineNs) {
        return predict(model, 0, x, deadlineNs);
    }

    /**
     * Predicts one row of a unit: see {@link #submit(int, long, double[])}.
     *
     * @param model the model's id, from {@link #model}
     * @param key the unit's key; 0 for none
     * @param x one number a feature
     * @param deadlineNs the longest wait, nanoseconds
     * @return the answer; the same object each time, good until the next call that returns one
     * @throws PredictException when there is none
     */
    public Prediction predict(int model, long key, double[] x, long deadlineNs) {
        return valid(predict(model, key, x, deadlineNs, own));
    }

    /**
     * Predicts one row and waits for the answer; never throws for want of one.
     *
     * @param model the model's id, from {@link #model}
     * @param x one number a feature
     * @param deadlineNs the longest wait, nanoseconds
     * @param into receives the answer
     * @return the answer's status; {@link Status#DEADLINE}, or {@link Status#NOT_CONNECTED} when
     *     the engine is gone, past the deadline
     */
    public Status predict(int model, double[] x, long deadlineNs, Prediction into) {
        return predict(model, 0, x, deadlineNs, into);
    }

    /**
     * Predicts one row of a unit: see {@link #submit(int, long, double[])}; never throws for want
     * of an answer.
     *
     * @param model the model's id, from {@link #model}
     * @param key the unit's key; 0 for none
     * @param x one number a feature
     * @param deadlineNs the longest wait, nanoseconds
     * @param into receives the answer
     * @return the answer's status, as of {@link #predict(int, double[], long, Prediction)}
     */
    public Status predict(int model, long key, double[] x, long deadlineNs, Prediction into) {
        checkUse();
        return predictInRing(model, key, x, deadlineNs, into);
    }

    private Status predictInRing(
            int model, long key, double[] x, long deadlineNs, Prediction into) {
        long ticket = publish(model, key, x);
        if (ticket < 0) {
            return predictLate(model, key, x, deadlineNs, ticket, into);
        }
        // With nothing else under way the next answer is this one's and needs no sorting.
        if (engine.session().inFlight() == 1) {
            for (int look = 0; look < QUICK_LOOKS; look++) {
                if (engine.pop(into)) {
                    into.setTicket(ticket);
                    return into.status();
                }
                Thread.onSpinWait();
            }
        }
        return waitFor(ticket, deadlineNs, into);
    }

    /** Waits for room in the ring, then predicts. */
    private Status predictLate(
            int model, long key, double[] x, long deadlineNs, long refused, Prediction into) {
        long start = System.nanoTime();
        long ticket = refused;
        waiting.reset();
        while (ticket == -Status.BACK_PRESSURE.code() || ticket == -Status.NOT_CONNECTED.code()) {
            if (System.nanoTime() - start >= deadlineNs) {
                boolean gone = !engine.connected();
                return into.fail(gone ? Status.NOT_CONNECTED : Status.BACK_PRESSURE);
            }
            lookAfterEngine(0);
            waiting.once();
            ticket = publish(model, key, x);
        }
        if (ticket < 0) {
            return into.fail(Status.ofTicket(ticket));
        }
        return waitFor(ticket, deadlineNs - (System.nanoTime() - start), into);
    }

    private Status waitFor(long ticket, long deadlineNs, Prediction into) {
        waiting.reset();
        boolean timed = false;
        long start = 0;
        int looks = 0;
        // Ends at the deadline.
        for (;;) {
            if (takeNext(into)) {
                if (into.ticket() == ticket) {
                    return into.status();
                }
                keep(into);
                continue;
            }
            looks++;
            if ((looks & clockMask) == 0) {
                long now = System.nanoTime();
                if (!timed) {
                    // The first reading comes about a microsecond after the start.
                    timed = true;
                    start = now;
                }
                if (now - start >= deadlineNs) {
                    giveUp(ticket);
                    return into.fail(missing());
                }
                engine.lookAfter(0);
            }
            waiting.once();
        }
    }

    /** Why an answer has not come by its deadline. */
    Status missing() {
        return engine.connected() ? Status.DEADLINE : Status.NOT_CONNECTED;
    }

    /** Keeps an answer for a later poll. */
    void keep(Prediction answer) {
        early.add(answer);
    }

    /** Drops the answer of a ticket, should it come. */
    void giveUp(long ticket) {
        abandoned.add(ticket);
    }

    /**
     * Publishes a request without waiting.
     *
     * @param model the model's id, from {@link #model}
     * @param x one number a feature
     * @return the request's ticket, counted up from 1; or a negative number, which {@link
     *     Status#ofTicket} turns into {@link Status#BACK_PRESSURE} when as many requests are under
     *     way as the ring has slots, {@link Status#NOT_CONNECTED} when the engine is gone, {@link
     *     Status#WIDTH_MISMATCH} when {@code x} has not the channel's number of features, or {@link
     *     Status#UNKNOWN_MODEL} when no model can have the id
     */
    public long submit(int model, double[] x) {
        return submit(model, 0, x);
    }

    /**
     * Publishes a request for a unit, such as a symbol, an order or a strategy, without waiting:
     * all requests of one key go to the same version where several share a name.
     *
     * @param model the model's id, from {@link #model}
     * @param key the unit's key; 0 for none, where the features choose the version
     * @param x one number a feature
     * @return the request's ticket, or a negative number, as of {@link #submit(int, double[])}
     */
    public long submit(int model, long key, double[] x) {
        checkUse();
        long ticket = publish(model, key, x);
        if (ticket == -Status.NOT_CONNECTED.code()) {
            lookAfterEngine(Engine.PATIENCE_NS);
            ticket = publish(model, key, x);
        }
        return ticket;
    }

    /** As {@link #submit}, without looking for the engine. */
    private long publish(int model, long key, double[] x) {
        if (x.length != options.featureCount()) {
            return -Status.WIDTH_MISMATCH.code();
        }
        if ((model & ~Abi.MODEL_MASK) != 0) {
            return -Status.UNKNOWN_MODEL.code();
        }
        if (room() <= 0 && !makeRoom()) {
            return -Status.BACK_PRESSURE.code();
        }
        if (!engine.connected()) {
            return -Status.NOT_CONNECTED.code();
        }
        long meta = engine.meta(model) | flags;
        return engine.base() + engine.session().push(model, meta, key, x, 0);
    }

    /** Takes what nobody waits for any more out of the ring; tells whether there is room then. */
    private boolean makeRoom() {
        if (!abandoned.isEmpty()) {
            clear();
        }
        return room() > 0;
    }

    /** Takes all answers that are there; those that somebody waits for are kept for a poll. */
    private void clear() {
        while (takeNext(scratch)) {
            keep(scratch);
        }
    }

    private void lookAfterEngine(long patienceNs) {
        if (!engine.connected()) {
            // A dead engine's answers are taken before its ring is given up.
            clear();
        }
        engine.lookAfter(patienceNs);
    }

    /** How many more requests the ring takes. */
    int room() {
        return options.slotCount() - engine.session().inFlight() - early.size();
    }

    /**
     * Takes the next answer, in the order of submission, without waiting.
     *
     * @param into receives the answer, its status and its ticket
     * @return whether there was one; while the engine is gone ({@link #connected}), requests under
     *     way are kept and published again once it is back, so polling on is right
     */
    public boolean poll(Prediction into) {
        checkUse();
        return pollOnce(into);
    }

    /**
     * Takes the answers that are there, in the order of submission, without waiting.
     *
     * @param into receives one answer after the other, as many as it has places
     * @return how many there were
     */
    public int pollMany(Prediction[] into) {
        checkUse();
        int count = 0;
        while (count < into.length && pollOnce(into[count])) {
            count++;
        }
        return count;
    }

    private boolean pollOnce(Prediction into) {
        if (early.size() > 0) {
            early.take(into);
            return true;
        }
        if (takeNext(into)) {
            return true;
        }
        emptyLooks++;
        if ((emptyLooks & clockMask) == 0 || !engine.connected() || engine.opensSecond()) {
            engine.lookAfter(Engine.PATIENCE_NS);
        }
        return false;
    }

    /** Takes the next answer that somebody waits for. */
    boolean takeNext(Prediction into) {
        while (engine.pop(into)) {
            long ticket = engine.base() + engine.session().nextAnswer() - 1;
            if (!abandoned.removeFirst(ticket)) {
                into.setTicket(ticket);
                return true;
            }
        }
        return false;
    }

    /**
     * Predicts many rows through a full ring. Bad rows are no failure of the call: their own status
     * says so.
     *
     * @param model the model's id, from {@link #model}
     * @param rows row after row, each of the channel's number of features
     * @param into receives one answer a row, in order
     * @param deadlineNs the longest wait for the whole call, nanoseconds
     * @return {@link Status#OK} when every row has its answer; {@link Status#DEADLINE}, {@link
     *     Status#NOT_CONNECTED} or, when there never was room, {@link Status#BACK_PRESSURE} when
     *     some have not, which then say so too; {@link Status#WIDTH_MISMATCH} when there are no
     *     whole rows or more of them than there is room for, and {@link Status#UNKNOWN_MODEL} when
     *     no model can have the id: nothing was sent
     */
    public Status predictBatch(int model, double[] rows, Predictions into, long deadlineNs) {
        return predictBatch(model, 0, rows, into, deadlineNs);
    }

    /**
     * Predicts many rows of one unit, as {@link #predictBatch(int, double[], Predictions, long)}.
     *
     * @param model the model's id, from {@link #model}
     * @param key the unit key, unsigned; 0 for none
     * @param rows row after row, each of the channel's number of features
     * @param into receives one answer a row, in order
     * @param deadlineNs the longest wait for the whole call, nanoseconds
     * @return as without a key
     */
    public Status predictBatch(
            int model, long key, double[] rows, Predictions into, long deadlineNs) {
        checkUse();
        return batch.predict(model, key, rows, into, deadlineNs);
    }

    /**
     * Asks several models about one row: one request each, published together.
     *
     * @param models the models' ids, from {@link #model}
     * @param x one number a feature
     * @param deadlineNs the longest wait for the whole call, nanoseconds
     * @param into receives one answer a model, in their order
     * @return {@link Status#OK} when every model has answered, if only by a refusal, which its
     *     answer says; {@link Status#DEADLINE}, {@link Status#NOT_CONNECTED} or, when there never
     *     was room, {@link Status#BACK_PRESSURE} when some have not, whose answers then say so too;
     *     {@link Status#WIDTH_MISMATCH} when {@code x} has not the channel's number of features or
     *     there are more models than places for answers, and {@link Status#UNKNOWN_MODEL} when no
     *     model can have one of the ids: nothing was sent
     */
    public Status predictEach(int[] models, double[] x, long deadlineNs, Prediction[] into) {
        checkUse();
        return batch.predictEach(models, x, into, deadlineNs);
    }

    /**
     * Evaluates the daemon's active model in this process: the same bits as through the ring,
     * without moving a cache line. Hot swaps are seen at once, answers name version and epoch, and
     * the daemon learns how many there were. The engine still owns the models: a second after its
     * last heartbeat, local calls answer no more.
     *
     * <p>The parameters of models of more than eight features and of further arms come to this
     * process when they are first asked for. Until they are here, or where this user may not
     * evaluate locally, the call goes through the ring if {@code x} has the channel's width, and
     * waits for them otherwise; either takes at most 10 ms. {@link #fetch} does so before it counts.
     *
     * @param model the model's id, from {@link #model}
     * @param x as many numbers as the model has features, whatever the channel's number
     * @return the answer; the same object each time, good until the next call that returns one
     * @throws PredictException when there is none
     */
    public Prediction predictLocal(int model, double[] x) {
        return predictLocal(model, 0, x);
    }

    /**
     * Evaluates in this process for a unit: see {@link #submit(int, long, double[])}.
     *
     * @param model the model's id, from {@link #model}
     * @param key the unit's key; 0 for none
     * @param x as many numbers as the model has features, whatever the channel's number
     * @return the answer; the same object each time, good until the next call that returns one
     * @throws PredictException when there is none
     */
    public Prediction predictLocal(int model, long key, double[] x) {
        return valid(predictLocal(model, key, x, own));
    }

    /**
     * Evaluates the daemon's active model in this process, as {@link #predictLocal(int, double[])};
     * never throws for want of an answer.
     *
     * @param model the model's id, from {@link #model}
     * @param x as many numbers as the model has features
     * @param into receives the answer
     * @return {@link Status#OK}, {@link Status#BAD_INPUT}, {@link Status#UNKNOWN_MODEL}, {@link
     *     Status#WIDTH_MISMATCH} or {@link Status#OTHER_VERSION}; {@link Status#NOT_CONNECTED} a
     *     second after the engine's last heartbeat, {@link Status#NOT_FETCHED} when the model's
     *     parameters did not come in time; those of {@link
     *     #predict(int, double[], long, Prediction)} when it went through the ring
     */
    public Status predictLocal(int model, double[] x, Prediction into) {
        return predictLocal(model, 0, x, into);
    }

    /**
     * Evaluates in this process for a unit: see {@link #submit(int, long, double[])}; never throws
     * for want of an answer.
     *
     * @param model the model's id, from {@link #model}
     * @param key the unit's key; 0 for none
     * @param x as many numbers as the model has features
     * @param into receives the answer
     * @return as of {@link #predictLocal(int, double[], Prediction)}
     */
    public Status predictLocal(int model, long key, double[] x, Prediction into) {
        checkUse();
        if (isStale()) {
            lookAfterEngine(Engine.PATIENCE_NS);
            return into.fail(Status.NOT_CONNECTED);
        }
        int status = engine.answerLocal(model, key, x, into);
        if (status == Local.ELSEWHERE) {
            if (x.length == options.featureCount()) {
                return predictInRing(model, key, x, ELSEWHERE_NS, into);
            }
            Status fetched = fetch(model, ELSEWHERE_NS);
            status = engine.answerLocal(model, key, x, into);
            if (status == Local.ELSEWHERE) {
                return into.fail(fetched == Status.OK ? Status.NOT_FETCHED : fetched);
            }
        }
        if (engine.session().countLocal(status) % LOCAL_CALLS_PER_LOOK == 0) {
            lookAfterEngine(Engine.PATIENCE_NS);
        }
        return into.status();
    }

    /** Tells whether the engine's last heartbeat is too old for an answer in its name. */
    private boolean isStale() {
        Vitals vitals = engine.session().vitals();
        long beat = vitals.heartbeatCount();
        if (beat != localBeat) {
            localBeat = beat;
            stillCalls = 0;
        }
        boolean look = (stillCalls & STILL_CALLS_MASK) == 0;
        if (look && vitals.heartbeatAgeNs() > LOCAL_STALE_NS) {
            return true;
        }
        stillCalls++;
        return false;
    }

    /**
     * Brings a model's parameters into this process, if they are not there yet: those of models of
     * more than eight features and of further arms come as files of their own.
     *
     * @param model the model's id, from {@link #model}
     * @param deadlineNs the longest wait, nanoseconds
     * @return {@link Status#OK} once they are there; {@link Status#UNKNOWN_MODEL}, or {@link
     *     Status#NOT_FETCHED} past the deadline or when this user may not evaluate locally
     */
    public Status fetch(int model, long deadlineNs) {
        checkUse();
        long start = System.nanoTime();
        Status status = engine.fetch(model);
        while (status == Status.NOT_FETCHED && System.nanoTime() - start < deadlineNs) {
            lookAfterEngine(Engine.PATIENCE_NS);
            LockSupport.parkNanos(FETCH_PAUSE_NS);
            status = engine.fetch(model);
        }
        return status;
    }

    private Prediction valid(Status status) {
        if (status != Status.OK) {
            throw new PredictException(status);
        }
        return own;
    }

    /**
     * Asks for the engine's time stamps with every later request, or no longer.
     *
     * @param wanted whether answers carry them
     */
    public void stamp(boolean wanted) {
        checkUse();
        flags = wanted ? Abi.FLAG_STAMP : 0;
    }

    /**
     * The daemon's model table, as it is now.
     *
     * @return one row a model
     */
    public List<Model> models() {
        checkUse();
        return engine.models();
    }

    /**
     * The row of one model.
     *
     * @param name its name
     * @return empty when the daemon serves none of that name
     */
    public Optional<Model> model(String name) {
        checkUse();
        return Optional.ofNullable(engine.model(name));
    }

    /**
     * This client's number of a model, which its name keeps for the client's life. For a name that
     * is known it costs some loads, and reads the daemon's table only when names have come or gone.
     *
     * @param name its name
     * @return the model's id; -1 when the daemon serves none of that name
     */
    public int number(String name) {
        checkUse();
        int number = engine.number(name);
        return number == Names.NONE ? -1 : number;
    }

    /**
     * A number of its own for a name that only one artifact may answer: where another one serves
     * the name, requests fail with {@link Status#OTHER_VERSION}.
     *
     * @param name the model's name
     * @param sha256 SHA-256 of the artifact, 64 hexadecimal digits, as {@link Model#sha256} has it
     * @return the id to ask with
     * @throws PinException when the name is not served, or by several versions
     * @throws IllegalArgumentException when {@code sha256} is none
     */
    public int pin(String name, String sha256) {
        checkUse();
        return engine.pin(name, Model.fingerprint(sha256));
    }

    /**
     * A number that changes whenever the model table does, also by a restart of the engine; it costs
     * one load.
     *
     * @return the table's sequence
     */
    public long modelsSequence() {
        checkUse();
        return engine.modelsSequence();
    }

    /**
     * Requests whose answers were not taken yet.
     *
     * @return 0 to {@link #slotCount}
     */
    public int inFlight() {
        checkUse();
        return engine.session().inFlight();
    }

    /**
     * The CPUs that the daemon's workers are pinned to, in their order; a thread that spins on one
     * of them takes turns with the worker.
     *
     * @return one number a worker, -1 for one that is not pinned
     */
    public int[] workerCores() {
        checkUse();
        return engine.session().vitals().workerCores();
    }

    /**
     * Nanoseconds between two time stamps of answers.
     *
     * @param earlier ticks of the time stamp counter
     * @param later the same
     * @return negative when they stand the other way round; NaN before the daemon knows its rate
     */
    public double ticksToNs(long earlier, long later) {
        checkUse();
        long hz = engine.session().vitals().tscHz();
        return hz == 0 ? Double.NaN : (later - earlier) * 1e9 / hz;
    }

    /**
     * The epoch of the engine that serves this channel now.
     *
     * @return nanoseconds since 1970 at the engine's start
     */
    public long epoch() {
        checkUse();
        return engine.session().vitals().epoch();
    }

    /**
     * Features of every request of this channel.
     *
     * @return 1 to 1,024
     */
    public int featureCount() {
        return options.featureCount();
    }

    /**
     * Slots of each ring: the most requests that can be under way.
     *
     * @return a power of two
     */
    public int slotCount() {
        return options.slotCount();
    }

    /**
     * Tells whether the engine was there when last looked for.
     *
     * @return false while the client tries to attach again
     */
    public boolean connected() {
        checkUse();
        return engine.connected();
    }

    /**
     * Gives the client to another thread; called by the one it belongs to, before the other one
     * starts or otherwise learns of it.
     *
     * @param thread who may call from now on
     */
    public void handOver(Thread thread) {
        checkUse();
        owner = thread;
    }

    /**
     * Frees the channel and its memory; once is enough. It is for the client's own thread too, or
     * for anybody once that thread has ended.
     */
    @Override
    public void close() {
        if (engine.closed()) {
            return;
        }
        if (Thread.currentThread() != owner && owner.isAlive()) {
            throw misuse();
        }
        engine.close();
    }

    Engine engine() {
        return engine;
    }

    long flags() {
        return flags;
    }

    private void checkUse() {
        if (Thread.currentThread() != owner || engine.closed()) {
            throw misuse();
        }
    }

    private IllegalStateException misuse() {
        return new IllegalStateException(
                engine.closed()
                        ? "the client is closed"
                        : "the client belongs to " + owner + ": let it call handOver first");
    }
}
