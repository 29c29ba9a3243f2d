//! Stream sockets with both sides looking without sleeping: Unix and TCP over loopback.

use crate::payload::{LEN, REST, Request, Response};
use crate::process::{self, Fault, LOOK_COUNT_MAX, Peer};
use crate::rival::Rival;
use crate::sample::{self, Sample};
use quanta::Clock;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

/// One side of a connected pair.
pub struct Socket<S> {
    name: &'static str,
    stream: S,
    peer: Peer,
    sequence: u64,
}

/// Starts the Unix pair; the socket is made in `folder`.
pub fn unix(core: usize, folder: &Path) -> Result<Socket<UnixStream>, Fault> {
    let path = folder.join("stream.sock");
    let listener = UnixListener::bind(&path)?;
    let peer = Peer::start("unix", core, path.to_str().ok_or("the folder is not UTF-8")?)?;
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok(Socket { name: "unix-socket", stream, peer, sequence: 0 })
}

/// Starts the TCP pair on a free port of the loopback address.
pub fn tcp(core: usize) -> Result<Socket<TcpStream>, Fault> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let peer = Peer::start("tcp", core, &listener.local_addr()?.to_string())?;
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(Socket { name: "tcp-loopback", stream, peer, sequence: 0 })
}

/// The far side of the Unix pair.
pub fn unix_peer(core: usize, place: &str) -> Result<(), Fault> {
    let stream = UnixStream::connect(place)?;
    stream.set_nonblocking(true)?;
    serve(core, stream)
}

/// The far side of the TCP pair.
pub fn tcp_peer(core: usize, place: &str) -> Result<(), Fault> {
    let stream = TcpStream::connect(place)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    serve(core, stream)
}

fn serve(core: usize, mut stream: impl Read + Write) -> Result<(), Fault> {
    process::serve(core, || {
        // The event loop of a round.
        loop {
            let request = Request::from_bytes(&receive(&mut stream)?);
            if request.sequence == REST {
                return Ok(());
            }
            // A line always fits: the buffers are empty but for the request just read.
            stream.write_all(&request.answer().to_bytes())?;
        }
    })
}

fn receive(stream: &mut impl Read) -> Result<[u8; LEN], Fault> {
    let (mut line, mut len) = ([0; LEN], 0);
    for _ in 0..LOOK_COUNT_MAX {
        match stream.read(&mut line[len..]) {
            Ok(0) => return Err("the other side hung up".into()),
            Ok(more) => len += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if len == LEN {
            return Ok(line);
        }
    }
    Err("no answer".into())
}

impl<S: Read + Write> Socket<S> {
    fn trip(&mut self) -> Result<(), Fault> {
        self.sequence += 1;
        let request = Request::new(self.sequence);
        self.stream.write_all(&request.to_bytes())?;
        match request.is_answered_by(&Response::from_bytes(&receive(&mut self.stream)?)) {
            true => Ok(()),
            false => Err("a wrong answer".into()),
        }
    }
}

impl<S: Read + Write> Rival for Socket<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn wake(&mut self) -> Result<(), Fault> {
        self.peer.wake()
    }

    fn round(&mut self, clock: &Clock, length: Duration) -> Result<Sample, Fault> {
        sample::round(clock, length, || self.trip())
    }

    fn rest(&mut self) -> Result<(), Fault> {
        let request = Request::rest();
        Ok(self.stream.write_all(&request.to_bytes())?)
    }
}
