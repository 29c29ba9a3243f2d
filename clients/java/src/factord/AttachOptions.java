package factord;

import java.nio.file.Path;

/**
 * How to attach. The defaults suit the models that are built in; each {@code with} method gives a
 * copy that differs in one thing:
 *
 * <pre>{@code
 * AttachOptions options = AttachOptions.DEFAULT.withName("strategy-7").withSlotCount(256);
 * }</pre>
 *
 * @param socket the control socket; null looks for it by the daemon's own rule: {@code
 *     FACTORD_SOCKET}, {@code $XDG_RUNTIME_DIR/factord/}, {@code /run/factord/} for root, else
 *     {@code /tmp/factord-UID/}
 * @param name shown to operators; at most 31 bytes are kept
 * @param featureCount features of every request of this channel, 1 to 1,024
 * @param slotCount slots in each ring, the most requests under way: a power of two up to 4,096. Few
 *     make a single round trip faster, many make a batch faster
 * @param outputCount outputs that a response has room for, 2 to 64: as many as the widest of the
 *     models gives
 * @param heavy whether to ask for a channel to the workers of costly models, which answer nothing
 *     else
 * @param idle what a waiting call does between two looks
 * @param waitNs how long {@link Client#attach} tries again while there is no daemon, or it is busy
 *     or does not answer, nanoseconds; 0 for one try, which takes some seconds at most. A thread
 *     that is interrupted tries no more
 * @param daemonUid the user who runs the daemon, where the socket is below {@code /tmp}, {@code
 *     /var/tmp} or {@code /dev/shm} and that user is neither root nor this process's; null takes
 *     it from {@code FACTORD_DAEMON_UID}, if that is there
 * @param quiet whether to keep silent on stderr; otherwise a client whose thread can only run where
 *     a worker polls says so once. {@code FACTORD_QUIET} in the environment does the same
 */
public record AttachOptions(
        Path socket,
        String name,
        int featureCount,
        int slotCount,
        int outputCount,
        boolean heavy,
        Idle idle,
        long waitNs,
        Long daemonUid,
        boolean quiet) {
    /** Three features, eight slots, two outputs, spinning, one try. */
    public static final AttachOptions DEFAULT =
            new AttachOptions(null, "client", 3, 8, Idle.SPIN);

    /**
     * Two outputs, one try, and no user told.
     *
     * @param socket the control socket, or null
     * @param name shown to operators
     * @param featureCount features of every request
     * @param slotCount slots in each ring
     * @param idle what a waiting call does between two looks
     */
    public AttachOptions(Path socket, String name, int featureCount, int slotCount, Idle idle) {
        this(socket, name, featureCount, slotCount, 2, false, idle, 0, null, false);
    }

    /**
     * Attaches elsewhere.
     *
     * @param socket the control socket
     * @return a copy of these options
     */
    public AttachOptions withSocket(Path socket) {
        return new AttachOptions(
                socket, name, featureCount, slotCount, outputCount, heavy, idle, waitNs, daemonUid,
                quiet);
    }

    /**
     * Attaches under another name.
     *
     * @param name shown to operators
     * @return a copy of these options
     */
    public AttachOptions withName(String name) {
        return new AttachOptions(
                socket, name, featureCount, slotCount, outputCount, heavy, idle, waitNs, daemonUid,
                quiet);
    }

    /**
     * Attaches for models of another width.
     *
     * @param featureCount features of every request
     * @return a copy of these options
     */
    public AttachOptions withFeatureCount(int featureCount) {
        return new AttachOptions(
                socket, name, featureCount, slotCount, outputCount, heavy, idle, waitNs, daemonUid,
                quiet);
    }

    /**
     * Attaches with longer or shorter rings.
     *
     * @param slotCount slots in each ring
     * @return a copy of these options
     */
    public AttachOptions withSlotCount(int slotCount) {
        return new AttachOptions(
                socket, name, featureCount, slotCount, outputCount, heavy, idle, waitNs, daemonUid,
                quiet);
    }

    /**
     * Attaches for models of more outputs.
     *
     * @param outputCount outputs that a response has room for
     * @return a copy of these options
     */
    public AttachOptions withOutputCount(int outputCount) {
        return new AttachOptions(
                socket, name, featureCount, slotCount, outputCount, heavy, idle, waitNs, daemonUid,
                quiet);
    }

    /**
     * Attaches for costly models, or for the others.
     *
     * @param heavy whether the models are costly ones
     * @return a copy of these options
     */
    public AttachOptions withHeavy(boolean heavy) {
        return new AttachOptions(
                socket, name, featureCount, slotCount, outputCount, heavy, idle, waitNs, daemonUid,
                quiet);
    }

    /**
     * Waits in another way.
     *
     * @param idle what a waiting call does between two looks
     * @return a copy of these options
     */
    public AttachOptions withIdle(Idle idle) {
        return new AttachOptions(
                socket, name, featureCount, slotCount, outputCount, heavy, idle, waitNs, daemonUid,
                quiet);
    }

    /**
     * Waits for the daemon to be there.
     *
     * @param waitNs how long attaching is tried again, nanoseconds
     * @return a copy of these options
     */
    public AttachOptions withWaitNs(long waitNs) {
        return new AttachOptions(
                socket, name, featureCount, slotCount, outputCount, heavy, idle, waitNs, daemonUid,
                quiet);
    }

    /**
     * Trusts the daemon of another user.
     *
     * @param daemonUid the user, as {@code id -u} prints it
     * @return a copy of these options
     */
    public AttachOptions withDaemonUid(long daemonUid) {
        return new AttachOptions(
                socket, name, featureCount, slotCount, outputCount, heavy, idle, waitNs, daemonUid,
                quiet);
    }

    /**
     * Attaches without a word on stderr, or with one.
     *
     * @param quiet whether to keep silent
     * @return a copy of these options
     */
    public AttachOptions withQuiet(boolean quiet) {
        return new AttachOptions(
                socket, name, featureCount, slotCount, outputCount, heavy, idle, waitNs, daemonUid,
                quiet);
    }

    /** The code of the class that is asked for. */
    long classCode() {
        return heavy ? Abi.CLASS_HEAVY : Abi.CLASS_LIGHT;
    }
}
