package factord;

import factord.AttachException.Reason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;

/** Places below /tmp, where whoever comes first may have made what is there. */
final class TrustTests {
    private static final double[] ROW = {0.5, 0.2, 0.3};
    private static final int STRANGER = 65534;

    private final Daemon daemon;

    TrustTests(Daemon daemon) {
        this.daemon = daemon;
    }

    Map<String, Check.Body> tests() {
        return Map.of(
                "a_folder_that_others_may_write_to_is_not_trusted", this::openFolder,
                "a_symbolic_link_below_tmp_is_not_followed", this::link,
                "a_stranger_s_socket_or_folder_is_not_trusted_unless_told", this::stranger,
                "a_path_below_tmp_is_judged_however_it_is_named", this::names,
                "a_way_up_and_down_again_leads_to_what_was_checked", this::upAndDown);
    }

    private static void refused(Path socket, String word) {
        AttachOptions options = AttachOptions.DEFAULT.withSocket(socket);
        AttachException error =
                Check.thrown(AttachException.class, () -> Client.attach(options).close());
        String text = error.getMessage();
        Check.equal(error.reason() + " " + text, Reason.UNTRUSTED + " " + text);
        Check.that(text.contains(socket.toString()) && text.contains(word), text);
        Check.that(text.contains("FACTORD_DAEMON_UID"), text);
    }

    private Path folder() {
        return Path.of(daemon.socket()).getParent();
    }

    private void mode(String mode) throws IOException {
        Files.setPosixFilePermissions(folder(), PosixFilePermissions.fromString(mode));
    }

    private void openFolder() throws Exception {
        Path socket = Path.of(daemon.socket());
        try {
            mode("rwxrwx---");
            refused(socket, "writable by others");
            mode("rwx----w-");
            refused(socket, "writable by others");
        } finally {
            mode("rwx------");
        }
        daemon.attach().close();
    }

    private void link() throws Exception {
        Path place = Files.createTempDirectory("factord-java-link-");
        Path link = Files.createSymbolicLink(place.resolve("link"), folder());
        Path socket = link.resolve(Path.of(daemon.socket()).getFileName());
        try {
            refused(socket, link + " is a symbolic link");
        } finally {
            Files.delete(link);
            Files.delete(place);
        }
    }

    private void names() throws Exception {
        Path socket = Path.of(daemon.socket());
        Path here = Path.of("").toAbsolutePath();
        Path[] names = {
            Path.of("/proc/self/root" + socket),
            here.relativize(socket),
            Path.of("/tmp/.").resolve(Path.of("/tmp").relativize(socket)),
        };
        try {
            for (Path name : names) {
                AttachOptions options = daemon.options().withSocket(name);
                Client.attach(options.withWaitNs(Check.LONG_NS)).close();
                mode("rwxrwx---");
                AttachException error =
                        Check.thrown(AttachException.class, () -> Client.attach(options));
                Check.equal(error.reason(), Reason.UNTRUSTED);
                mode("rwx------");
            }
        } finally {
            mode("rwx------");
        }
    }

    private void stranger() throws Exception {
        if (Native.userId() != 0) {
            System.out.println("skipped: only root can make a stranger's file");
            return;
        }
        Path socket = Path.of(daemon.socket());
        for (Path path : new Path[] {socket, folder()}) {
            try {
                Files.setAttribute(path, "unix:uid", STRANGER);
                refused(socket, path + " belongs to user " + STRANGER);
                AttachOptions told = daemon.options().withDaemonUid(STRANGER);
                try (Client client = Client.attach(told.withWaitNs(Check.LONG_NS))) {
                    Check.that(client.predict(0, ROW, Check.LONG_NS).ok(), "an answer");
                }
            } finally {
                Files.setAttribute(path, "unix:uid", 0);
            }
        }
    }

    private void upAndDown() throws Exception {
        Path place = Files.createTempDirectory("factord-java-link-");
        Path elsewhere = Files.createDirectory(place.resolve("elsewhere"));
        Path link = Files.createSymbolicLink(folder().resolve("link"), elsewhere);
        try {
            // By the system's own walk this is in `place`, where no socket is.
            Path socket = link.resolve("..").resolve(Path.of(daemon.socket()).getFileName());
            AttachOptions options = daemon.options().withSocket(socket);
            Client.attach(options.withWaitNs(Check.LONG_NS)).close();
        } finally {
            Files.delete(link);
            Files.delete(elsewhere);
            Files.delete(place);
        }
    }
}
