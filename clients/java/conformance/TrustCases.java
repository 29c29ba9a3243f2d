package conformance;

import static conformance.Stage.PLENTY_NS;

import factord.AttachException;
import factord.AttachException.Reason;
import factord.AttachOptions;
import factord.Client;
import factord.Prediction;
import java.util.List;

/** Who may be believed. */
final class TrustCases {
    /** The user whose places and sockets the stranger's are. */
    private static final long STRANGER = 65534;

    private TrustCases() {}

    /** A virtual machine does not fork: the parent's part. */
    static void forked(Stage stage) throws Exception {
        Prediction answer = new Prediction();
        List<Row> rows = stage.rows("regression");
        try (Client client = stage.channel()) {
            int model = Stage.id(client, "regression");
            for (Row row : rows) {
                row.expect(client.predict(model, row.x(), PLENTY_NS, answer), answer);
            }
        }
    }

    static void untrusted(Stage stage) throws Exception {
        Row row = stage.rows("image").get(0);
        Prediction answer = new Prediction();
        for (String place : new String[] {"mode", "link", "owner", "peer"}) {
            String socket = stage.conduct("untrusted", place);
            if (socket.equals("-")) {
                continue;
            }
            AttachOptions options = Stage.options(socket);
            AttachException error = Stage.fails(options);
            String text = error.getMessage();
            Fault.ensure(error.reason() == Reason.UNTRUSTED, place + ": " + text);
            boolean named = text.contains(socket) && text.contains("FACTORD_DAEMON_UID");
            Fault.ensure(named, place + ": " + text);
            if (place.equals("owner") || place.equals("peer")) {
                try (Client client = Stage.attach(options.withDaemonUid(STRANGER))) {
                    row.expect(client.predict(0, row.x(), PLENTY_NS, answer), answer);
                }
            }
        }
    }
}
