package factord;

/** What a waiting call does between two looks at shared memory. */
public enum Idle {
    /** Looks again at once. The polling itself then steals the cache line it waits for. */
    NOOP,
    /** Pauses the pipeline between looks; the fastest on a core of one's own. */
    SPIN,
    /** Gives the core to another thread after each look; for a single core. */
    YIELD,
    /** Spins, then yields, then sleeps up to 100 us; for a process that must not burn a core. */
    BACKOFF
}
