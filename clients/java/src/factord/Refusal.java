package factord;

/** The daemon's numbered refusals, in words for people. */
final class Refusal {
    /** The majors of the ABI differ. */
    static final int ABI = 2;
    /** No ring has such a shape. */
    static final int GEOMETRY = 3;

    /** Not at the moment. */
    static final int BUSY = 9;
    /** Nor this: the user's own connections, which end in a moment, are too many. */
    static final int TOO_MANY = 11;
    /** No response has so many outputs. */
    static final int OUTPUTS = 13;

    private Refusal() {}

    static String text(long code, long a, long b) {
        return switch (code >>> 31 == 0 ? (int) code : 0) {
            case 1 -> "the daemon did not understand the greeting";
            case ABI -> "the daemon speaks a different ABI";
            case GEOMETRY -> "no ring has " + a + " features and " + b
                    + " slots: features are 1 to " + Abi.FEATURE_COUNT_MAX + ", slots a power of two up to " + Abi.SLOT_COUNT_MAX
                    + ", a region at most " + (Abi.REGION_LEN_MAX >> 20) + " MiB";
            case 4 -> "user has " + a + " of " + b
                    + " channels: close one, or raise channels_per_uid";
            case 5 -> "channels of this user would take " + a + " of " + b
                    + " bytes: use fewer slots, or raise bytes_per_uid";
            case 6 -> "the daemon has no memory for " + a + " bytes of rings";
            case 7 -> "user " + a + " is not on the daemon's allow-list: add it to allow_uids,"
                    + " or a group of it to may_attach";
            case 8 -> "the request region was sealed by the client before the daemon could";
            case BUSY -> "the daemon is busy: try again";
            case 10 -> "user " + a + " may not do this: it takes root, the daemon's own user, one of"
                    + " operator_uids, or the right for it: may_attach, may_evaluate, may_observe,"
                    + " may_read, may_publish";
            case TOO_MANY -> "user has " + a + " of " + b
                    + " connections or requests in progress: end one, or try again";
            case 12 -> "the daemon has no worker for class " + a
                    + ": start it with --heavy-core, or attach to class 0";
            case OUTPUTS -> "a response cannot have " + a + " outputs and " + b
                    + " slots: use 2 to " + Abi.OUTPUT_COUNT_MAX + " outputs, with at most "
                    + (Abi.REGION_LEN_MAX >> 20) + " MiB per region";
            default -> "refused with code " + code + ": the daemon is newer than this client";
        };
    }
}
