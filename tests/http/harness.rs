//! A daemon of its own for each test, a bare HTTP client, and a look into /proc.

use serde_json::Value;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_factord");
/// Ends a test that would hang; for what has no deadline by contract.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The folder of test data beside the project; `None`, said aloud, when it is not there.
pub(crate) fn shared() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");
    let path = std::env::var_os("FACTORD_SHARED").map_or_else(|| beside.into(), PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI needs {}", path.display());
    eprintln!("SKIPPED: {} is not there", path.display());
    None
}

/// A running `factord serve` with its sidecar; killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) http: SocketAddr,
    pub(crate) folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts on a free port and waits until it is ready.
    pub(crate) fn start() -> Daemon {
        Daemon::start_with(&[])
    }

    /// The same with more flags.
    pub(crate) fn start_with(flags: &[&str]) -> Daemon {
        let folder = tempfile::tempdir().unwrap();
        let mut child = command(&folder.path().join("factord.sock"))
            .args(["serve", "--idle", "backoff", "--listen", "127.0.0.1:0"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let http = address_in(&mut child);
        Daemon { child, http, folder }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("factord.sock")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process that serves HTTP: the daemon's only child.
    pub(crate) fn sidecar(&self) -> u32 {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(pid) = child_of(self.child.id()) {
                return pid;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the daemon has no sidecar");
    }

    /// Ends the engine without a chance to say goodbye.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `factord` with a socket of its own and nothing of the caller's settings.
pub(crate) fn command(socket: &Path) -> Command {
    let mut command = Command::new(BINARY);
    for name in ["MODEL_DIR", "PORT", "LOG_LEVEL"] {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FACTORD_") {
            command.env_remove(name);
        }
    }
    command.arg("--socket").arg(socket);
    command
}

/// Reads the child's output up to its URL; the rest is read and dropped.
pub(crate) fn address_in(child: &mut Child) -> SocketAddr {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, rest) = line.split_once("http://")?;
            rest.trim_end_matches(['"', '}']).parse().ok()
        })
        .expect("the process says where it listens");
    std::thread::spawn(move || lines.for_each(drop));
    address
}

fn child_of(parent: u32) -> Option<u32> {
    std::fs::read_dir("/proc").ok()?.filter_map(Result::ok).find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // pid (name) state parent ..: the name may hold anything, so look behind its end.
        let ppid = stat.rsplit_once(") ")?.1.split(' ').nth(1)?;
        (ppid.parse() == Ok(parent)).then_some(pid)
    })
}

/// A figure of /proc/PID/status, such as `Threads` or `VmRSS` (KiB).
pub(crate) fn status_of(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.split(':').next() == Some(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

pub(crate) fn descriptors_of(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// One reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().expect("the body holds an error").to_owned()
    }
}

/// A connection that reads one reply at a time.
pub(crate) struct Http {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

impl Http {
    pub(crate) fn connect(address: SocketAddr) -> Http {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Http { stream, unread: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Http {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Reads one reply; `head_only` when no body follows its length, as after HEAD.
    pub(crate) fn reply(&mut self, head_only: bool) -> Reply {
        self.try_reply(head_only).expect("a whole reply before the end")
    }

    /// Reads one reply; `None` when the connection ends first.
    pub(crate) fn try_reply(&mut self, head_only: bool) -> Option<Reply> {
        loop {
            if let Some((reply, len)) = parse(&self.unread, head_only) {
                self.unread.drain(..len);
                return Some(reply);
            }
            let mut buffer = [0; 64 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(len) => self.unread.extend_from_slice(&buffer[..len]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&self.unread)),
            }
        }
    }

    /// Whether the server has ended the connection, after everything it sent was read.
    pub(crate) fn has_ended(&mut self) -> bool {
        let mut byte = [0];
        self.unread.is_empty() && matches!(self.stream.read(&mut byte), Ok(0) | Err(_))
    }
}

/// Reads one reply at the start of `bytes`, strictly: what is not as it should be panics.
fn parse(bytes: &[u8], head_only: bool) -> Option<(Reply, usize)> {
    let head_len = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..head_len - 4]).expect("a head is text");
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap().strip_prefix("HTTP/1.1 ").expect("the reply is HTTP");
    let status: u16 = status_line.get(..3).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").expect("a header is a name and a value");
            assert!(!value.contains(['\r', '\n']), "{line:?}");
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let lens: Vec<&str> = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("Content-Length"))
        .map(|(_, len)| len.as_str())
        .collect();
    let body_len = match lens[..] {
        [len] if !head_only => len.parse().unwrap(),
        [_] => 0,
        _ => {
            assert_eq!(status, 100, "one length in {head}");
            0
        }
    };
    let body = bytes.get(head_len..head_len + body_len)?.to_vec();
    Some((Reply { status, headers, body }, head_len + body_len))
}

/// One request on a connection of its own.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, body: Option<&str>) -> Reply {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    if let Some(body) = body {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    let mut http = Http::connect(address);
    http.send(head + "\r\n" + body.unwrap_or(""));
    http.reply(method == "HEAD")
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Reply {
    request(address, "GET", path, None)
}

pub(crate) fn post(address: SocketAddr, path: &str, body: &str) -> Reply {
    request(address, "POST", path, Some(body))
}

/// Sends bytes on a connection of their own and reads one reply.
pub(crate) fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Reply {
    let mut http = Http::connect(address);
    http.send(bytes);
    http.reply(false)
}

/// Waits until `condition` holds, at most `patience`; tells whether it did.
pub(crate) fn holds_within(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + patience;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether /health answers 200 on a new connection, however that connection fails otherwise.
pub(crate) fn is_healthy(address: SocketAddr) -> bool {
    let attempt = || -> std::io::Result<bool> {
        let patience = Duration::from_secs(2);
        let mut stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply)?;
        Ok(reply.starts_with(b"HTTP/1.1 200 "))
    };
    attempt().unwrap_or(false)
}
