/**
 * The Java client of {@code factord}: predictions of small models through shared memory, in
 * nanoseconds. It starts at {@link factord.Client}.
 *
 * <p>Pipelined: {@link factord.Client#submit} publishes without waiting, {@link
 * factord.Client#poll} takes the answers in order; {@link factord.Client#predictBatch} keeps the
 * ring full for many rows, {@link factord.Client#predictEach} asks several models about one; {@link
 * factord.Client#predictLocal(int, double[])} evaluates the daemon's active model in this process.
 */
package factord;
