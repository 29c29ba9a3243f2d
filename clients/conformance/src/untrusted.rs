//! Places below /tmp that a client must not trust, each with an honest daemon's answers in it: only
//! who owns the place, or who listens there, tells that they may be forged.

use crate::fault::{During, Fault, ensure, fail};
use crate::impostor::Impostor;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The stranger: `nobody`.
const STRANGER: u32 = 65534;

/// A place with a listener; it goes away when dropped.
pub(crate) struct Place {
    socket: PathBuf,
    _impostor: Option<Impostor>,
    stranger: Option<Child>,
    // Dropped last: the socket lies in it.
    _folder: TempDir,
}

impl Place {
    /// Makes the place of a name; `None` where it takes another user and this one is not root.
    pub(crate) fn make(name: &str, golden: &Path) -> Result<Option<Place>, Fault> {
        let folder = tempfile::Builder::new().prefix("factord-untrusted-").tempdir_in("/tmp");
        let folder = folder.during("a folder below /tmp")?;
        let root = fs::metadata(folder.path()).during("the folder")?.uid() == 0;
        if matches!(name, "owner" | "peer") && !root {
            return Ok(None);
        }
        let inner = folder.path().join("factord");
        fs::create_dir(&inner).during("a folder below /tmp")?;
        let mode = if name == "mode" { 0o777 } else { 0o700 };
        fs::set_permissions(&inner, PermissionsExt::from_mode(mode)).during("its mode")?;
        let mut socket = inner.join("factord.sock");
        let (mut impostor, mut stranger) = (None, None);
        if name == "peer" {
            stranger = Some(listen_as_stranger(&folder, &inner, &socket, golden)?);
        } else {
            impostor = Some(Impostor::start("good", golden, socket.clone())?);
        }
        match name {
            "owner" => chown(&inner, Some(STRANGER), None).during("a stranger's folder")?,
            "link" => {
                let link = folder.path().join("link");
                symlink(&inner, &link).during("a link")?;
                socket = link.join("factord.sock");
            }
            "mode" | "peer" | "own" => {}
            other => return fail(format!("no such place: {other}")),
        }
        Ok(Some(Place { socket, _impostor: impostor, stranger, _folder: folder }))
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> String {
        self.socket.display().to_string()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(child) = &mut self.stranger {
            // It has nothing to lose.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Has a stranger listen in a folder that afterwards looks as if it were this user's own.
fn listen_as_stranger(
    folder: &TempDir,
    inner: &Path,
    socket: &Path,
    golden: &Path,
) -> Result<Child, Fault> {
    // The stranger may be let into neither the build nor the golden files: it gets copies.
    let open = |path: &Path| fs::set_permissions(path, PermissionsExt::from_mode(0o755));
    open(folder.path()).during("the folder")?;
    let images = folder.path().join("golden/images");
    fs::create_dir_all(&images).during("the images")?;
    fs::copy(golden.join("images/good.image"), images.join("good.image")).during("an image")?;
    let program = folder.path().join("impostor");
    fs::copy("/proc/self/exe", &program).during("this program")?;
    chown(inner, Some(STRANGER), None).during("the folder")?;
    let mut command = Command::new(&program);
    command.args(["impostor", "good"]).arg(folder.path().join("golden")).arg(socket);
    command.uid(STRANGER).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child =
        factord::sys::process::bind_to_parent(&mut command).spawn().during("a stranger")?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout.take(64)).read_line(&mut line).during("a stranger")?;
    }
    ensure(line.trim() == "ready", || "the stranger does not listen".to_owned())?;
    chown(inner, Some(0), None).during("the folder")?;
    chown(socket, Some(0), None).during("the socket")?;
    Ok(child)
}
