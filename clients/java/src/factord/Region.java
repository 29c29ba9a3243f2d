package factord;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;

/** A mapped region; whoever closes it makes sure that nobody touches its buffer again. */
final class Region implements AutoCloseable {
    private final long start;
    private final long len;
    /** A forked child has no such mapping, and may have another one there. */
    private final int process = Native.processId();
    private final ByteBuffer buffer;

    private Region(long start, long len, boolean writable) {
        this.start = start;
        this.len = len;
        ByteBuffer whole = Native.buffer(start, len);
        buffer = writable ? whole : whole.asReadOnlyBuffer();
    }

    /**
     * Maps a file that the daemon made, after checking its seals and then its size, which they
     * hold.
     */
    static Region open(String name, int fd, long lines, boolean writable) throws AttachException {
        int sealed = Native.sizeSealed(fd);
        if (sealed < 0) {
            throw cannotMap(name, sealed);
        }
        if (sealed == 0) {
            throw bad(name + " is not sealed: a peer could truncate it");
        }
        long expected = lines * Abi.LINE_LEN;
        long found = Native.length(fd);
        if (found < 0) {
            throw cannotMap(name, found);
        }
        if (found != expected) {
            throw bad(name + " has " + found + " bytes, the handshake says " + expected);
        }
        long start = Native.map(fd, expected, writable);
        // An address of a process is never negative.
        if (start < 0) {
            throw cannotMap(name, start);
        }
        return new Region(start, expected, writable);
    }

    private static AttachException cannotMap(String name, long error) {
        return bad(name + " cannot be mapped: " + Native.message((int) -error));
    }

    private static AttachException bad(String text) {
        return new AttachException(AttachException.Reason.REGION, "attach failed: " + text);
    }

    ByteBuffer buffer() {
        return buffer;
    }

    /** The words of the buffer, for plain access. */
    LongBuffer words() {
        return buffer.order(ByteOrder.LITTLE_ENDIAN).asLongBuffer();
    }

    /** Checks that a word of the region's header is what it must be. */
    void expect(String name, String field, int index, long expected) throws AttachException {
        long found = Words.load(buffer, index);
        if (found != expected) {
            throw bad(String.format(
                    "%s carries %s %016x, not %016x: it is not the daemon's",
                    name, field, found, expected));
        }
    }

    @Override
    public void close() {
        Native.unmap(start, len, process);
    }
}
