package factord;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The words of a region: 64 bits, little-endian, reached by index and never torn. Opaque is what
 * the daemon calls Relaxed.
 */
final class Words {
    private static final VarHandle LONGS =
            MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN)
                    .withInvokeExactBehavior();

    private Words() {}

    static long load(ByteBuffer region, int index) {
        return (long) LONGS.getOpaque(region, index << 3);
    }

    static long loadAcquire(ByteBuffer region, int index) {
        return (long) LONGS.getAcquire(region, index << 3);
    }

    static void store(ByteBuffer region, int index, long value) {
        LONGS.setOpaque(region, index << 3, value);
    }

    static void storeRelease(ByteBuffer region, int index, long value) {
        LONGS.setRelease(region, index << 3, value);
    }
}
