//! False daemons: they speak another ABI, refuse, fall silent, or offer regions that lie.

use crate::fault::{During, Fault};
use crate::image::{CLIENT_ID, EPOCH, Image};
use factord_core::abi;
use factord_core::channel::{MESSAGE_LEN, Message, Refusal, Verb, Welcome};
use factord_core::sys::{memory, socket};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a false daemon waits for a client's message, and how long it keeps a client at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks at whether it is to end.
const LOOK: Duration = Duration::from_millis(20);
/// The version of those that speak another one: 7.3.
const ANOTHER_ABI: u64 = 7 << 16 | 3;
/// The version of those from before names were known by what they are: 1.0.
const FIRST_ABI: u64 = 1 << 16;
/// The user whom `stranger` refuses.
const STRANGER_UID: u64 = 4711;

/// What a false daemon does with a greeting.
#[derive(Clone)]
enum Conduct {
    Silent,
    HangUp,
    Say(fn(Welcome) -> Vec<u8>),
    Serve(Image),
}

/// A false daemon; it ends when dropped.
pub(crate) struct Impostor {
    path: PathBuf,
    // Dropped first, which is how the thread learns that it is to end.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Impostor {
    /// Starts the false daemon of a name at `path`.
    pub(crate) fn start(name: &str, golden: &Path, path: PathBuf) -> Result<Impostor, Fault> {
        let conduct = conduct(name, golden)?;
        let listener = socket::listen_at(&path).during(path.display())?;
        let (end, ended) = channel();
        let thread = thread::spawn(move || listen(&listener, &conduct, &ended));
        Ok(Impostor { path, end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A panic of it has been printed.
            let _ = thread.join();
        }
        // The folder is private and goes away as a whole.
        let _ = fs::remove_file(&self.path);
    }
}

fn conduct(name: &str, golden: &Path) -> Result<Conduct, Fault> {
    Ok(match name {
        "silent" => Conduct::Silent,
        "hang-up" => Conduct::HangUp,
        "babble" => Conduct::Say(|_| vec![7; MESSAGE_LEN]),
        "abi-refused" => Conduct::Say(|_| refusal(ANOTHER_ABI, Refusal::Abi)),
        "abi-welcomed" => Conduct::Say(|truth| welcome(Welcome { abi: ANOTHER_ABI, ..truth })),
        "abi-1-refused" => Conduct::Say(|_| refusal(FIRST_ABI, Refusal::Abi)),
        "abi-1-welcomed" => Conduct::Say(|truth| welcome(Welcome { abi: FIRST_ABI, ..truth })),
        "layout" => Conduct::Say(|truth| welcome(Welcome { layout_hash: 1, ..truth })),
        "stranger" => {
            Conduct::Say(|_| refusal(abi::ABI_WORD, Refusal::NotAllowed { uid: STRANGER_UID }))
        }
        image => Conduct::Serve(Image::read(golden, image)?),
    })
}

fn welcome(welcome: Welcome) -> Vec<u8> {
    Message::Welcome(welcome).encode().to_vec()
}

fn refusal(abi: u64, refusal: Refusal) -> Vec<u8> {
    Message::Refused { abi, refusal }.encode().to_vec()
}

/// Serves until `ended` hangs up.
fn listen(listener: &OwnedFd, conduct: &Conduct, ended: &Receiver<()>) {
    // The event loop of a false daemon.
    while ended.try_recv() != Err(TryRecvError::Disconnected) {
        // A look that fails is only a look too few.
        if !socket::wait_readable(listener.as_fd(), LOOK).unwrap_or(false) {
            continue;
        }
        if let Ok(Some(peer)) = socket::accept(listener.as_fd()) {
            let conduct = conduct.clone();
            thread::spawn(move || {
                if let Err(fault) = receive(&peer, conduct) {
                    eprintln!("false daemon: {fault}");
                }
            });
        }
    }
}

fn receive(peer: &OwnedFd, conduct: Conduct) -> Result<(), Fault> {
    let Some(Message::Hello(hello)) = hear(peer)? else {
        return Ok(());
    };
    let truth = Welcome {
        abi: abi::ABI_WORD,
        layout_hash: abi::RINGS_HASH,
        epoch: EPOCH,
        client_id: CLIENT_ID,
        feature_count: hello.feature_count,
        slot_count: hello.slot_count,
        nonce: hello.nonce,
        output_count: hello.output_count,
        class: hello.class,
        rights: abi::right::ATTACH | abi::right::LOCAL,
    };
    match conduct {
        Conduct::HangUp => return Ok(()),
        Conduct::Silent => {}
        Conduct::Say(answer) => say(peer, &answer(truth), &[])?,
        Conduct::Serve(image) => {
            say(peer, &image.welcome(truth), &image.files()?)?;
            if hear(peer)? == Some(Message::Mapped) {
                say(peer, &Message::Ready.encode(), &[])?;
                serve_versions(peer, &image)?;
            }
        }
    }
    // Stays until the client leaves, so that what it judges is not a hung-up socket.
    let _ = hear(peer);
    Ok(())
}

/// Sends the images of versions that a client asks for, until it says something else or leaves.
fn serve_versions(peer: &OwnedFd, image: &Image) -> Result<(), Fault> {
    while let Some(Message::Command { verb, argument, .. }) = hear(peer)? {
        let version = if verb == Verb::Image as u64 { image.version(argument)? } else { None };
        let (code, file) = match version {
            Some(file) => (0, file),
            None => (1, text("not served").during("a reply")?),
        };
        say(peer, &Message::Reply { code }.encode(), &[file])?;
    }
    Ok(())
}

/// A memory file with the text of a reply.
fn text(text: &str) -> io::Result<OwnedFd> {
    let file = File::from(memory::create("reply", text.len() as u64)?);
    file.write_all_at(text.as_bytes(), 0)?;
    Ok(file.into())
}

fn say(peer: &OwnedFd, bytes: &[u8], files: &[OwnedFd]) -> Result<(), Fault> {
    let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
    socket::send(peer.as_fd(), bytes, &files).during("send")
}

/// The client's next message; `None` when it has left or says nothing.
fn hear(peer: &OwnedFd) -> Result<Option<Message>, Fault> {
    if !socket::wait_readable(peer.as_fd(), PATIENCE).during("wait")? {
        return Ok(None);
    }
    let mut buffer = [0; MESSAGE_LEN];
    let len = socket::receive(peer.as_fd(), &mut buffer).map_or(0, |received| received.len);
    Ok(Message::decode(&buffer[..len]))
}
