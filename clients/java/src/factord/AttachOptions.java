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
 * @param idle what a waiting call does between two looks
 */
public record AttachOptions(
        Path socket, String name, int featureCount, int slotCount, Idle idle) {
    /** Three features, eight slots, spinning. */
    public static final AttachOptions DEFAULT =
            new AttachOptions(null, "client", 3, 8, Idle.SPIN);

    /**
     * Attaches elsewhere.
     *
     * @param socket the control socket
     * @return a copy of these options
     */
    public AttachOptions withSocket(Path socket) {
        return new AttachOptions(socket, name, featureCount, slotCount, idle);
    }

    /**
     * Attaches under another name.
     *
     * @param name shown to operators
     * @return a copy of these options
     */
    public AttachOptions withName(String name) {
        return new AttachOptions(socket, name, featureCount, slotCount, idle);
    }

    /**
     * Attaches for models of another width.
     *
     * @param featureCount features of every request
     * @return a copy of these options
     */
    public AttachOptions withFeatureCount(int featureCount) {
        return new AttachOptions(socket, name, featureCount, slotCount, idle);
    }

    /**
     * Attaches with longer or shorter rings.
     *
     * @param slotCount slots in each ring
     * @return a copy of these options
     */
    public AttachOptions withSlotCount(int slotCount) {
        return new AttachOptions(socket, name, featureCount, slotCount, idle);
    }

    /**
     * Waits in another way.
     *
     * @param idle what a waiting call does between two looks
     * @return a copy of these options
     */
    public AttachOptions withIdle(Idle idle) {
        return new AttachOptions(socket, name, featureCount, slotCount, idle);
    }
}
