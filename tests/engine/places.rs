//! Sockets in places where anybody could have put one, and clients that do not fall for them.

use crate::data;
use crate::harness::{Engine, Setup, Watchdog};
use factord_core::client::{AttachError, Client};
use factord_core::counters::Observer;
use factord_core::sys::socket;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};
use std::fs::{self, Permissions};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A user that owns nothing here.
const STRANGER: u32 = 64_917;

/// Runs a sub-command on the socket; exit code, and all that it says.
fn tool(socket: &Path, words: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factord"));
    command.env_remove("FACTORD_SOCKET").env_remove("FACTORD_DAEMON_UID");
    command.envs(environment.iter().copied());
    let output = command.arg("--socket").arg(socket).args(words).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into())
}

const ASK: [&str; 5] = ["predict", "regression", "0.5", "0.2", "0.3"];

/// Library and tools refuse the socket, and say which path is not to be trusted.
#[track_caller]
fn is_refused(engine: &Engine, socket: &Path, culprit: &Path, why: &str) {
    let options = factord_core::client::AttachOptions {
        socket: Some(socket.to_owned()),
        ..engine.options(3, 8)
    };
    let error = Client::attach(&options).unwrap_err();
    assert!(matches!(error, AttachError::Untrusted { .. }), "{error}");
    let told = |text: &str| {
        [culprit.to_str().unwrap(), why, "FACTORD_DAEMON_UID"]
            .iter()
            .all(|word| text.contains(word))
    };
    assert!(told(&error.to_string()), "{error}");
    assert!(Observer::attach(Some(socket)).is_err());
    let served = ["model", "show", "regression", "--served"];
    for words in [&ASK[..], &["stat"], &["ping"], &served, &["model", "reload"]] {
        let (code, text) = tool(socket, words, &[]);
        assert_eq!(code, Some(77), "{words:?}: {text}");
        assert!(told(&text), "{words:?}: {text}");
    }
}

/// An engine whose socket stands in a folder of its own below /tmp.
fn in_a_folder() -> (Engine, PathBuf) {
    let mut setup = Setup::new();
    assert!(setup.directory.path().starts_with("/tmp"));
    let folder = setup.directory.path().join("folder");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    setup.socket = Some(folder.join("factord.sock"));
    (setup.start(), folder)
}

#[test]
fn a_socket_behind_a_link_or_in_a_folder_that_others_may_write_is_refused() {
    let _watchdog = Watchdog::start("open folders", 60);
    let (engine, folder) = in_a_folder();
    let link = engine.setup.directory.path().join("link");
    symlink(&folder, &link).unwrap();
    is_refused(&engine, &link.join("factord.sock"), &link, "symbolic link");
    // A link elsewhere leads to the same folder, which is judged itself.
    let elsewhere = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let outside = elsewhere.path().join("link");
    symlink(&folder, &outside).unwrap();
    assert_eq!(tool(&outside.join("factord.sock"), &ASK, &[]).0, Some(0));
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
    is_refused(&engine, engine.socket(), &folder, "is writable by others");
    is_refused(&engine, &outside.join("factord.sock"), &folder, "is writable by others");
    fs::set_permissions(&folder, Permissions::from_mode(0o711)).unwrap();
    let x = [0.5, 0.2, 0.3];
    let answer = engine.attach(3, 8).predict(0, &x, std::time::Duration::from_secs(10));
    data::assert_exact(&data::embedded()[0], &x, &answer);
}

/// Whether this is root, who alone can give files away; said plainly when not.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("SKIPPED: only root can make another user's folder");
    }
    root
}

#[test]
fn another_users_folder_or_daemon_is_refused_unless_that_user_is_named() {
    if !is_root() {
        return;
    }
    let _watchdog = Watchdog::start("another user's folder", 60);
    let (engine, folder) = in_a_folder();
    chown(&folder, Some(STRANGER), None).unwrap();
    let why = format!("belongs to user {STRANGER}");
    is_refused(&engine, engine.socket(), &folder, &why);
    let stranger = STRANGER.to_string();
    let named = [("FACTORD_DAEMON_UID", stranger.as_str())];
    assert_eq!(tool(engine.socket(), &ASK, &named).0, Some(0));
    let by_flag = [&ASK[..], &["--daemon-uid", &stranger]].concat();
    assert_eq!(tool(engine.socket(), &by_flag, &[]).0, Some(0));
    let mistaken = [("FACTORD_DAEMON_UID", "daemon")];
    let (code, text) = tool(engine.socket(), &ASK, &mistaken);
    assert!(code == Some(77) && text.contains("daemon"), "{code:?} {text}");
    let mut options = engine.options(3, 8);
    options.daemon_uid = Some(STRANGER);
    assert!(Client::attach(&options).is_ok());
    // A folder of one's own in which somebody else listens.
    chown(&folder, Some(0), None).unwrap();
    let path = folder.join("false.sock");
    let impostor = listens_as_stranger(&path);
    is_refused(&engine, &path, &path, &format!("is served by user {STRANGER}"));
    drop(impostor);
}

/// A socket that root put there and another user listens at.
fn listens_as_stranger(path: &Path) -> OwnedFd {
    let listener = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
    bind(&listener, &SocketAddrUnix::new(path).unwrap()).unwrap();
    let listener = std::thread::spawn(move || {
        // SAFETY: the system call changes the user of this thread alone, which ends below.
        let result = unsafe { libc::syscall(libc::SYS_setresuid, -1, STRANGER, -1) };
        assert_eq!(result, 0);
        // The system notes who listens when that begins.
        listen(&listener, 1024).unwrap();
        listener
    });
    let listener = listener.join().unwrap();
    let client = socket::connect_to(path).unwrap();
    assert_eq!(socket::credentials(client.as_fd()).unwrap().uid, STRANGER);
    listener
}

#[test]
fn a_folder_that_lets_nobody_in_is_told_in_words_of_its_own() {
    if !is_root() {
        return;
    }
    let _watchdog = Watchdog::start("a closed folder", 60);
    let (engine, _) = in_a_folder();
    let directory = engine.setup.directory.path();
    let program = directory.join("factord");
    // NB: a copy made here could be inherited, open for writing, by a child of another test.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_factord")).arg(&program).status();
    assert!(copied.unwrap().success());
    for path in [directory, &program] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    let stranger = STRANGER.to_string();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &stranger, "--regid", &stranger, "--clear-groups"]);
    command.arg(&program).arg("--socket").arg(engine.socket()).args(ASK);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(77), "{text}");
    assert!(text.contains("permission denied") && text.contains("--allow-uid 64917"), "{text}");
    assert!(!text.contains("start one"), "{text}");
}
