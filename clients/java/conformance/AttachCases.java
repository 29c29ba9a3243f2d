package conformance;

import static conformance.Stage.PLENTY_NS;
import static conformance.Stage.SECOND_NS;

import factord.AttachException;
import factord.AttachException.Reason;
import factord.Client;
import factord.Kind;
import factord.Model;
import java.util.ArrayList;
import java.util.List;

/** Coming to a channel, or not. */
final class AttachCases {
    /** Channels of one user. */
    private static final int CHANNELS = 16;

    private AttachCases() {}

    static void attach(Stage stage) throws Exception {
        try (Client client = stage.channel()) {
            expect(client, "regression", Kind.LINEAR, 3);
            expect(client, "classification", Kind.LOGISTIC, 3);
            expect(client, "swing", Kind.LINEAR, 3);
            expect(client, "wide", Kind.LINEAR, 1000);
            expect(client, "wide-logistic", Kind.LOGISTIC, 1000);
            Fault.ensure(client.models().size() == 5, "the model table is " + client.models());
            Fault.ensure(client.epoch() != 0, "the epoch is 0");
        }
        stage.channel().close();
        String nobody = stage.socket() + ".nobody";
        AttachException error = Stage.fails(Stage.options(nobody));
        is(error, Reason.UNREACHABLE, "nobody");
        names(error, nobody);
    }

    private static void expect(Client client, String name, int kind, int width) throws Fault {
        Model row = client.model(name).orElseThrow(() -> new Fault("no " + name));
        Fault.ensure(row.kind() == kind && row.width() == width, row.toString());
    }

    static void wrongAbi(Stage stage) throws Exception {
        for (String impostor : new String[] {"abi-refused", "abi-welcomed"}) {
            isAbi(stage, impostor, "7.3", "2.0");
        }
        for (String impostor : new String[] {"abi-1-refused", "abi-1-welcomed"}) {
            isAbi(stage, impostor, "daemon speaks ABI 1.0", "this client 2.0",
                    "rebuild the client");
        }
        isAbi(stage, "layout");
    }

    private static void isAbi(Stage stage, String impostor, String... words) throws Exception {
        AttachException error = stage.impostorFails(impostor);
        is(error, Reason.ABI, impostor);
        for (String word : words) {
            names(error, word);
        }
    }

    static void refusedPeer(Stage stage) throws Exception {
        List<Client> channels = new ArrayList<>();
        try {
            long start = System.nanoTime();
            // The channels of the cases before may still be on their way out.
            while (channels.size() < CHANNELS && System.nanoTime() - start < PLENTY_NS) {
                tryAttach(stage, channels);
            }
            Fault.ensure(channels.size() == CHANNELS, "only " + channels.size() + " channels");
            AttachException error = Stage.fails(Stage.options(stage.socket()));
            is(error, Reason.REFUSED, "the 17th");
            names(error, "16");
            channels.remove(0).close();
            start = System.nanoTime();
            while (channels.size() < CHANNELS) {
                Stage.took(start, 0, 5 * SECOND_NS);
                tryAttach(stage, channels);
            }
        } finally {
            channels.forEach(Client::close);
        }
        AttachException error = stage.impostorFails("stranger");
        is(error, Reason.REFUSED, "stranger");
        names(error, "4711");
        long start = System.nanoTime();
        is(stage.impostorFails("silent"), Reason.DEADLINE, "silent");
        Stage.took(start, 0, 5 * SECOND_NS);
        stage.impostorFails("hang-up");
        stage.impostorFails("babble");
    }

    private static void tryAttach(Stage stage, List<Client> channels)
            throws InterruptedException {
        try {
            channels.add(stage.channel());
        } catch (AttachException full) {
            Thread.sleep(10);
        }
    }

    private static void is(AttachException error, Reason reason, String what) throws Fault {
        Fault.ensure(error.reason() == reason, what + ": " + error.reason() + ", " + error);
    }

    private static void names(AttachException error, String word) throws Fault {
        boolean named = error.getMessage().contains(word);
        Fault.ensure(named, "the message does not name " + word + ": " + error.getMessage());
    }
}
