package factord;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The system calls of attaching, in the native library: loaded from the folders of {@code
 * java.library.path} when it is there, else from the jar, by way of a private file that is deleted
 * at once. Numbers below zero are negated error numbers of the system.
 */
final class Native {
    static {
        load("factord_jni");
    }

    private Native() {}

    static native int socket();

    static native int connect(int fd, byte[] path);

    /** The mode of what is at a path, above the 32 bits of its owner; links are not followed. */
    static native long linkStatus(byte[] path);

    static native long peerUser(int fd);

    static native int send(int fd, byte[] message);

    static native int receive(int fd, byte[] message, int[] descriptors);

    static native void waitReadable(int fd, long limitNs);

    static native boolean hungUp(int fd);

    static native long length(int fd);

    static native int sizeSealed(int fd);

    /** Reads as many bytes from the start of a file as the array takes; 0 when they were there. */
    static native int read(int fd, byte[] bytes);

    static native long map(int fd, long len, boolean writable);

    static native ByteBuffer buffer(long start, long len);

    /** Takes a mapping away, in the process that made it. */
    static native void unmap(long start, long len, int process);

    static native void close(int fd);

    static native int userId();

    static native int processId();

    /** The CPUs that this thread may run on, a bit each from the first word on; 0 when it is whole. */
    static native int allowedCpus(long[] mask);

    /** The clock by which the daemon's heart beats. */
    static native long monotonicNs();

    static native String message(int error);

    /** Loads a native library of this package by its name. */
    static void load(String library) {
        try {
            System.loadLibrary(library);
        } catch (UnsatisfiedLinkError notInstalled) {
            loadFromJar(library);
        }
    }

    private static void loadFromJar(String name) {
        String file = System.mapLibraryName(name);
        String resource = "native/" + System.getProperty("os.arch") + "/" + file;
        try (InputStream library = Native.class.getResourceAsStream(resource)) {
            if (library == null) {
                throw new UnsatisfiedLinkError(
                        "this jar holds no " + resource + ": build one on this kind of machine"
                                + " with `make -C clients/java`, which needs cargo for the"
                                + " factors, or name the folder of " + file
                                + " with -Djava.library.path");
            }
            // The folder is for its owner alone.
            Path folder = Files.createTempDirectory("factord-jni-");
            Path copy = folder.resolve(file);
            try {
                Files.copy(library, copy);
                System.load(copy.toString());
            } finally {
                // What is loaded stays mapped without its name.
                Files.deleteIfExists(copy);
                Files.delete(folder);
            }
        } catch (IOException error) {
            UnsatisfiedLinkError failure = new UnsatisfiedLinkError(
                    "cannot write the native library to " + System.getProperty("java.io.tmpdir")
                            + ": name the folder of " + file + " with -Djava.library.path");
            failure.initCause(error);
            throw failure;
        }
    }
}
