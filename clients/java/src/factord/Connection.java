package factord;

import factord.AttachException.Reason;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The control socket of one channel: the client's messages of the handshake, none of which waits,
 * and the news that the daemon is gone. Closing it frees the channel on the daemon's side.
 */
final class Connection implements AutoCloseable {
    /** The most descriptors of a message: STATUS, REQ, RESP and MODELS, with a welcome. */
    private static final int DESCRIPTOR_COUNT = 4;
    /** The second word of each message tells its kind; the first is the magic. */
    private static final int KIND = 1;
    private static final int EINTR = 4;
    private static final int EAGAIN = 11;
    private static final int EPIPE = 32;
    private static final int EMSGSIZE = 90;
    private static final int ECONNRESET = 104;

    private final Place place;
    private final int fd;
    private final byte[] bytes = new byte[Abi.MESSAGE_LEN];
    private final ByteBuffer message = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    private final int[] descriptors = new int[DESCRIPTOR_COUNT];
    private long nonce;

    Connection(Place place) throws AttachException {
        this.place = place;
        Arrays.fill(descriptors, -1);
        fd = Native.socket();
        if (fd < 0) {
            throw new AttachException(
                    Reason.SYSTEM, "attach failed: " + Native.message(-fd));
        }
    }

    /** Connects; false when the daemon has no room at the moment. */
    boolean reach() throws AttachException {
        int error = -Native.connect(fd, place.bytes());
        if (error == EAGAIN || error == EINTR) {
            return false;
        }
        if (error != 0) {
            throw place.unreachable(error);
        }
        place.checkPeer(fd);
        return true;
    }

    /** What a daemon granted: the words of its welcome, and the descriptors that came with it. */
    record Welcome(long abi, long epoch, long clientId, boolean mayEvaluate, int[] descriptors) {}

    /** Greets the daemon. */
    void greet(AttachOptions options) {
        nonce = System.nanoTime() ^ ProcessHandle.current().pid() << 32;
        start(Abi.HELLO);
        put(Abi.HELLO_ABI, Abi.ABI_WORD);
        put(Abi.HELLO_FEATURE_COUNT, options.featureCount());
        put(Abi.HELLO_SLOT_COUNT, options.slotCount());
        put(Abi.HELLO_NONCE, nonce);
        byte[] text = options.name().getBytes(StandardCharsets.UTF_8);
        message.put(Abi.HELLO_NAME * 8, text, 0, Math.min(text.length, Abi.NAME_LEN - 1));
        put(Abi.HELLO_OUTPUT_COUNT, options.outputCount());
        put(Abi.HELLO_CLASS, options.classCode());
        send();
    }

    /** The daemon's welcome, or null when it is not there yet; {@link #drop} closes what came. */
    Welcome welcome(AttachOptions options) throws AttachException {
        if (!receive(Abi.WELCOME, "expected a welcome")) {
            return null;
        }
        long abi = get(Abi.WELCOME_ABI);
        long hash = get(Abi.WELCOME_LAYOUT_HASH);
        if (abi >>> 16 != Abi.ABI_WORD >>> 16 || hash != Abi.RINGS_HASH) {
            throw incompatible(layout(abi, hash), layout(Abi.ABI_WORD, Abi.RINGS_HASH));
        }
        if (get(Abi.WELCOME_NONCE) != nonce
                || get(Abi.WELCOME_FEATURE_COUNT) != options.featureCount()
                || get(Abi.WELCOME_SLOT_COUNT) != options.slotCount()
                || get(Abi.WELCOME_OUTPUT_COUNT) != options.outputCount()
                || get(Abi.WELCOME_CLASS) != options.classCode()) {
            throw protocol("the welcome is for a different greeting");
        }
        boolean mayEvaluate = (get(Abi.WELCOME_RIGHTS) & Abi.RIGHT_LOCAL) != 0;
        if (descriptorCount() != (mayEvaluate ? DESCRIPTOR_COUNT : DESCRIPTOR_COUNT - 1)) {
            throw protocol("expected three descriptors, or four");
        }
        return new Welcome(
                abi,
                get(Abi.WELCOME_EPOCH),
                get(Abi.WELCOME_CLIENT_ID),
                mayEvaluate,
                descriptors);
    }

    /** Says that the regions are mapped. */
    void mapped() {
        start(Abi.MAPPED);
        send();
    }

    /** Tells whether the worker serves the channel. */
    boolean ready() throws AttachException {
        if (!receive(Abi.READY, "expected ready")) {
            return false;
        }
        if (descriptorCount() != 0) {
            throw protocol("expected ready");
        }
        return true;
    }

    /** Asks for a control verb, if that can be done at once; tells whether a reply will come. */
    boolean ask(long verb, long argument) {
        start(Abi.COMMAND);
        put(Abi.COMMAND_ABI, Abi.ABI_WORD);
        put(Abi.COMMAND_VERB, verb);
        put(Abi.COMMAND_ARGUMENT, argument);
        int error = -send();
        // A daemon that is gone answers by that.
        return error == 0 || error == EPIPE || error == ECONNRESET;
    }

    /**
     * Takes the reply to what was asked: null when it is not there yet, and no bytes when the
     * daemon does not have it or it is longer than can be used.
     */
    byte[] takeReply(int lenMax) throws AttachException {
        String step = "expected a reply with its bytes";
        try {
            if (!receive(Abi.REPLY, step)) {
                return null;
            }
            if (descriptorCount() != 1) {
                throw protocol(step);
            }
            // A peer says how long the file is.
            long len = Native.length(descriptors[0]);
            if (get(Abi.REPLY_CODE) != 0 || len < 0 || len > lenMax) {
                return new byte[0];
            }
            byte[] file = new byte[(int) len];
            return Native.read(descriptors[0], file) == 0 ? file : new byte[0];
        } finally {
            drop();
        }
    }

    /** Closes the descriptors that came with the last message. */
    void drop() {
        for (int i = 0; i < descriptors.length; i++) {
            if (descriptors[i] >= 0) {
                Native.close(descriptors[i]);
            }
            descriptors[i] = -1;
        }
    }

    private int descriptorCount() {
        int count = 0;
        for (int descriptor : descriptors) {
            count += descriptor >= 0 ? 1 : 0;
        }
        return count;
    }

    private void start(int kind) {
        message.clear();
        message.put(0, new byte[Abi.MESSAGE_LEN]);
        put(0, Abi.MAGIC);
        put(KIND, kind);
    }

    private void put(int index, long word) {
        message.putLong(index * 8, word);
    }

    private long get(int index) {
        return message.getLong(index * 8);
    }

    /** A send that fails says nothing: the daemon may have refused already, as is read next. */
    private int send() {
        return Native.send(fd, bytes);
    }

    /** Takes the next message, which must be of one kind; false when there is none yet. */
    private boolean receive(int kind, String step) throws AttachException {
        int len = Native.receive(fd, bytes, descriptors);
        if (len == -EAGAIN) {
            return false;
        }
        if (len == 0 || len == -ECONNRESET) {
            throw hungUp(step);
        }
        if (len < 0 && len != -EMSGSIZE) {
            throw new AttachException(
                    Reason.SYSTEM, "attach failed: " + Native.message(-len));
        }
        if (len != Abi.MESSAGE_LEN || get(0) != Abi.MAGIC) {
            throw protocol(step);
        }
        if (get(KIND) == Abi.REFUSED) {
            throw refused();
        }
        if (get(KIND) != kind) {
            throw protocol(step);
        }
        return true;
    }

    private AttachException refused() {
        long code = get(Abi.REFUSED_CODE);
        if (code == Refusal.ABI) {
            return incompatible(version(get(Abi.REFUSED_ABI)), version(Abi.ABI_WORD));
        }
        String text = Refusal.text(code, get(Abi.REFUSED_A), get(Abi.REFUSED_B));
        boolean mayPass = code == Refusal.BUSY || code == Refusal.TOO_MANY;
        return new AttachException(Reason.REFUSED, "attach refused: " + text, mayPass);
    }

    private static String version(long word) {
        return (word >>> 16 & 0xFFFF) + "." + (word & 0xFFFF);
    }

    private static String layout(long abi, long hash) {
        return version(abi) + " layout " + String.format("%016x", hash);
    }

    private static AttachException incompatible(String daemon, String client) {
        return new AttachException(
                Reason.ABI,
                "daemon speaks ABI " + daemon + ", this client " + client
                        + ": rebuild the client");
    }

    private AttachException protocol(String step) {
        return new AttachException(
                Reason.PROTOCOL,
                "attach failed: the peer at " + place + " does not speak the protocol (" + step
                        + ")");
    }

    /** A daemon that dies hangs up as well, so this may pass. */
    private AttachException hungUp(String step) {
        return new AttachException(
                Reason.PROTOCOL,
                "attach failed: the peer at " + place + " hung up (" + step + ")",
                true);
    }

    /** Tells whether the daemon closed the connection or died; a system call. */
    boolean hungUp() {
        return Native.hungUp(fd);
    }

    /** Waits until a message is there, for a time at most. */
    void await(long limitNs) {
        Native.waitReadable(fd, limitNs);
    }

    @Override
    public void close() {
        drop();
        Native.close(fd);
    }
}
