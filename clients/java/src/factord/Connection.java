package factord;

import factord.AttachException.Reason;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * The control socket of one channel: the client's half of the handshake, and the news that the
 * daemon is gone. Closing it frees the channel on the daemon's side.
 */
final class Connection implements AutoCloseable {
    /** How long either side waits for the other's next message. */
    private static final int HANDSHAKE_DEADLINE_MS = 1000;
    /** The descriptors of a welcome: STATUS, MODELS, REQ, RESP. */
    private static final int DESCRIPTOR_COUNT = 4;
    /** The second word of each message tells its kind; the first is the magic. */
    private static final int KIND = 1;
    private static final int EMSGSIZE = 90;
    private static final int ETIMEDOUT = 110;

    private final String path;
    private final int fd;

    private Connection(String path, int fd) {
        this.path = path;
        this.fd = fd;
    }

    /** The path of the control socket, by the rule that the daemon follows too. */
    static String socketPath(Path option) {
        if (option != null) {
            return option.toString();
        }
        String named = variable("FACTORD_SOCKET");
        if (named != null) {
            return named;
        }
        String runtime = variable("XDG_RUNTIME_DIR");
        if (runtime != null) {
            return runtime + "/factord/factord.sock";
        }
        int user = Native.userId();
        String folder = user == 0
                ? "/run/factord"
                : "/tmp/factord-" + Integer.toUnsignedString(user);
        return folder + "/factord.sock";
    }

    private static String variable(String name) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? null : value;
    }

    static Connection open(String path) throws AttachException {
        int fd = Native.connect(path.getBytes(StandardCharsets.UTF_8), HANDSHAKE_DEADLINE_MS);
        if (fd < 0) {
            throw new AttachException(
                    Reason.UNREACHABLE,
                    "no daemon at " + path + ": " + Native.message(-fd)
                            + "; start one with `factord serve`, or name its socket");
        }
        return new Connection(path, fd);
    }

    /** What a daemon granted: the words of its welcome, and the descriptors that came with it. */
    record Welcome(long abi, long epoch, long clientId, int[] descriptors) {
        void close() {
            for (int descriptor : descriptors) {
                if (descriptor >= 0) {
                    Native.close(descriptor);
                }
            }
        }
    }

    /** Greets the daemon; whoever asked closes the welcome's descriptors. */
    Welcome greet(int featureCount, int slotCount, String name) throws AttachException {
        long nonce = System.nanoTime() ^ ProcessHandle.current().pid() << 32;
        ByteBuffer hello = message(Abi.HELLO);
        put(hello, Abi.HELLO_ABI, Abi.ABI_WORD);
        put(hello, Abi.HELLO_FEATURE_COUNT, featureCount);
        put(hello, Abi.HELLO_SLOT_COUNT, slotCount);
        put(hello, Abi.HELLO_NONCE, nonce);
        byte[] text = name.getBytes(StandardCharsets.UTF_8);
        hello.put(Abi.HELLO_NAME * 8, text, 0, Math.min(text.length, Abi.NAME_LEN - 1));
        send(hello);
        int[] descriptors = {-1, -1, -1, -1};
        boolean granted = false;
        try {
            ByteBuffer reply = receive(descriptors, Abi.WELCOME, "expected a welcome");
            long abi = get(reply, Abi.WELCOME_ABI);
            long hash = get(reply, Abi.WELCOME_LAYOUT_HASH);
            if (abi >>> 16 != Abi.ABI_WORD >>> 16 || hash != Abi.LAYOUT_HASH) {
                throw incompatible(layout(abi, hash), layout(Abi.ABI_WORD, Abi.LAYOUT_HASH));
            }
            if (get(reply, Abi.WELCOME_NONCE) != nonce
                    || get(reply, Abi.WELCOME_FEATURE_COUNT) != featureCount
                    || get(reply, Abi.WELCOME_SLOT_COUNT) != slotCount) {
                throw protocol("the welcome answers another greeting");
            }
            if (count(descriptors) != DESCRIPTOR_COUNT) {
                throw protocol("expected four descriptors");
            }
            granted = true;
            long epoch = get(reply, Abi.WELCOME_EPOCH);
            return new Welcome(abi, epoch, get(reply, Abi.WELCOME_CLIENT_ID), descriptors);
        } finally {
            if (!granted) {
                new Welcome(0, 0, 0, descriptors).close();
            }
        }
    }

    /** Says that the regions are mapped, and waits until the worker serves the channel. */
    void mapped() throws AttachException {
        send(message(Abi.MAPPED));
        int[] descriptors = {-1, -1, -1, -1};
        try {
            receive(descriptors, Abi.READY, "expected ready");
            if (count(descriptors) != 0) {
                throw protocol("expected ready");
            }
        } finally {
            new Welcome(0, 0, 0, descriptors).close();
        }
    }

    private static int count(int[] descriptors) {
        int count = 0;
        for (int descriptor : descriptors) {
            count += descriptor >= 0 ? 1 : 0;
        }
        return count;
    }

    private static ByteBuffer message(int kind) {
        ByteBuffer message =
                ByteBuffer.allocate(Abi.MESSAGE_LEN).order(ByteOrder.LITTLE_ENDIAN);
        put(message, 0, Abi.MAGIC);
        put(message, KIND, kind);
        return message;
    }

    private static void put(ByteBuffer message, int index, long word) {
        message.putLong(index * 8, word);
    }

    private static long get(ByteBuffer message, int index) {
        return message.getLong(index * 8);
    }

    private void send(ByteBuffer message) throws AttachException {
        int result = Native.send(fd, message.array());
        if (result < 0) {
            throw system(result);
        }
    }

    /** The next message, which must be of one kind; a refusal is thrown in its own words. */
    private ByteBuffer receive(int[] descriptors, int kind, String step) throws AttachException {
        byte[] bytes = new byte[Abi.MESSAGE_LEN];
        int len = Native.receive(fd, bytes, descriptors, HANDSHAKE_DEADLINE_MS);
        if (len == -ETIMEDOUT) {
            throw new AttachException(
                    Reason.DEADLINE,
                    "attach failed: no answer within " + HANDSHAKE_DEADLINE_MS + " ms");
        }
        if (len < 0 && len != -EMSGSIZE) {
            throw system(len);
        }
        ByteBuffer message = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        if (len != Abi.MESSAGE_LEN || get(message, 0) != Abi.MAGIC) {
            throw protocol(step);
        }
        if (get(message, KIND) == Abi.REFUSED) {
            throw refused(message);
        }
        if (get(message, KIND) != kind) {
            throw protocol(step);
        }
        return message;
    }

    private static AttachException refused(ByteBuffer message) {
        long code = get(message, Abi.REFUSED_CODE);
        if (code == Refusal.ABI) {
            return incompatible(version(get(message, Abi.REFUSED_ABI)), version(Abi.ABI_WORD));
        }
        String text =
                Refusal.text(code, get(message, Abi.REFUSED_A), get(message, Abi.REFUSED_B));
        return new AttachException(Reason.REFUSED, "attach refused: " + text);
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
                "attach failed: the peer at " + path + " does not speak the protocol (" + step
                        + ")");
    }

    private static AttachException system(int error) {
        return new AttachException(
                Reason.SYSTEM, "attach failed: " + Native.message(-error));
    }

    /** Tells whether the daemon closed the connection or died; a system call. */
    boolean hungUp() {
        return Native.hungUp(fd);
    }

    @Override
    public void close() {
        Native.close(fd);
    }
}
