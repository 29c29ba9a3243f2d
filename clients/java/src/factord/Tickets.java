package factord;

/** Tickets that nobody waits for any more, ascending; as many as the ring has slots. */
final class Tickets {
    private final long[] tickets;
    private int first;
    private int size;

    Tickets(int capacity) {
        tickets = new long[capacity];
    }

    boolean isEmpty() {
        return size == 0;
    }

    void add(long ticket) {
        tickets[(first + size) & (tickets.length - 1)] = ticket;
        size++;
    }

    /** Removes the first ticket when it is this one; tells whether it was. */
    boolean removeFirst(long ticket) {
        if (size == 0 || tickets[first] != ticket) {
            return false;
        }
        first = (first + 1) & (tickets.length - 1);
        size--;
        return true;
    }
}
