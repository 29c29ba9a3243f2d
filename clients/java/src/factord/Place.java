package factord;

import factord.AttachException.Reason;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Where the daemon listens, and who may have made that. A folder that everybody may write to holds
 * whatever was made there first, so below one of those each step of the way must be of a user that
 * is trusted, and so must the daemon itself.
 */
final class Place {
    private static final Path[] PUBLIC = {
        Path.of("/tmp"), Path.of("/var/tmp"), Path.of("/dev/shm")
    };
    private static final String TOLD = "FACTORD_DAEMON_UID";
    private static final long NOBODY = -1;
    /** Of a mode: the kind of a file, a symbolic link, a folder, and others that may write. */
    private static final int KIND = 0170000;
    private static final int LINK = 0120000;
    private static final int FOLDER = 0040000;
    private static final int OTHERS_WRITE = 0022;
    private static final int ENOENT = 2;
    private static final int EACCES = 13;
    private static final int ENAMETOOLONG = 36;
    private static final int ECONNREFUSED = 111;

    private final String path;
    private final byte[] bytes;
    /** The same from the root on, without detours. */
    private final Path whole;
    private final long own = Integer.toUnsignedLong(Native.userId());
    private final long told;
    /** The folder that everybody may write to, or null, as found by the last check. */
    private Path root;

    private Place(String path, long told) {
        whole = Path.of(path).toAbsolutePath().normalize();
        // What is checked is what is connected to.
        this.path = path.contains("..") ? whole.toString() : path;
        this.told = told;
        bytes = this.path.getBytes(StandardCharsets.UTF_8);
    }

    /** Finds the socket by the rule that the daemon follows too. */
    static Place find(AttachOptions options) throws AttachException {
        return new Place(socketPath(options.socket()), told(options));
    }

    private static Path publicFolder(Path path) {
        for (Path root : PUBLIC) {
            if (path.startsWith(root) && !path.equals(root)) {
                return root;
            }
        }
        return null;
    }

    private static long told(AttachOptions options) throws AttachException {
        if (options.daemonUid() != null) {
            return options.daemonUid();
        }
        String named = variable(TOLD);
        if (named == null) {
            return NOBODY;
        }
        try {
            return Integer.toUnsignedLong(Integer.parseUnsignedInt(named));
        } catch (NumberFormatException none) {
            throw new AttachException(
                    Reason.UNTRUSTED,
                    TOLD + " is " + named + ", which is no number of a user: give one, as `id -u"
                            + " NAME` prints it");
        }
    }

    private static String socketPath(Path option) {
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

    byte[] bytes() {
        return bytes;
    }

    /** Checks everything on the way that others could have made. */
    void check() throws AttachException {
        root = null;
        check(whole);
        Path real;
        try {
            // The folder may be named from elsewhere.
            real = whole.getParent().toRealPath().resolve(whole.getFileName());
        } catch (IOException absent) {
            // Nor will anybody be found there.
            return;
        }
        if (!real.equals(whole)) {
            check(real);
        }
    }

    private void check(Path path) throws AttachException {
        Path folder = publicFolder(path);
        if (folder == null) {
            return;
        }
        root = folder;
        Path step = folder;
        for (Path name : folder.relativize(path)) {
            step = step.resolve(name);
            long found = Native.linkStatus(step.toString().getBytes(StandardCharsets.UTF_8));
            if (found < 0) {
                throw unreachable((int) -found);
            }
            judge(step, (int) (found >>> 32), found & 0xFFFF_FFFFL);
        }
    }

    private void judge(Path step, int mode, long owner) throws AttachException {
        if ((mode & KIND) == LINK) {
            throw untrusted(step + " is a symbolic link, made by user " + owner);
        }
        if (!isTrusted(owner)) {
            throw untrusted(step + " belongs to user " + owner);
        }
        if ((mode & KIND) == FOLDER && (mode & OTHERS_WRITE) != 0) {
            throw untrusted(step + " of user " + owner + " is writable by others");
        }
    }

    /** Checks the user who listens, whoever made the socket. */
    void checkPeer(int fd) throws AttachException {
        if (root == null) {
            return;
        }
        long peer = Native.peerUser(fd);
        if (peer < 0) {
            throw new AttachException(
                    Reason.SYSTEM, "attach failed: " + Native.message((int) -peer));
        }
        if (!isTrusted(peer)) {
            throw untrusted("user " + peer + " listens there");
        }
    }

    private boolean isTrusted(long user) {
        return user == 0 || user == own || user == told;
    }

    private AttachException untrusted(String why) {
        return new AttachException(
                Reason.UNTRUSTED,
                "no trust in " + path + ": " + why + "; below " + root + " all must be of root, of"
                        + " this user (" + own + ") or of the user named in " + TOLD
                        + ", without links, and folders closed to others");
    }

    /** Nobody listens there, by a number of the system. */
    AttachException unreachable(int error) {
        String next = "start one with `factord serve`, or name its socket in FACTORD_SOCKET";
        String why = switch (error) {
            case ENOENT -> "there is no such socket";
            case ECONNREFUSED -> "nobody listens there";
            case EACCES -> "this user may not open it";
            default -> Native.message(error);
        };
        if (error == EACCES) {
            next = "run as a user that the daemon allows, by --allow-uid or by the socket's group";
        }
        return new AttachException(
                Reason.UNREACHABLE,
                "no daemon at " + path + ": " + why + "; " + next,
                error != ENAMETOOLONG);
    }

    /** Somebody listens there, and has not taken connections for as long as one waits. */
    AttachException full(long ms) {
        return new AttachException(
                Reason.DEADLINE,
                "attach failed: the daemon at " + path + " has taken no connection within " + ms
                        + " ms: it stands still, or has too many to take",
                true);
    }

    @Override
    public String toString() {
        return path;
    }
}
