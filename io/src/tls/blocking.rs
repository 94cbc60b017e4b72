//! TLS over a socket whose calls wait, for clients that have a thread for it.

use super::bootstrap::bootstrap;
use super::complaint::{Side, complain, complain_of_read, explain, explain_io};
use super::context::{Configs, Context};
use super::pump::Pump;
use crate::limits::{READ_BUSY_BYTES, TLS_SEAL_BYTES};
use rustix::net::{RecvFlags, SendFlags};
use rustls::{ClientConnection, Connection, ServerConnection};
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

/// A connection whose handshake is over.
#[derive(Debug)]
struct Secured {
    socket: File,
    /// Locked before `pump` by who sends, so that records leave in the order in which they were sealed.
    sending: Mutex<()>,
    /// Never locked while the socket is waited for: a peer that does not read until we do is still read.
    pump: Mutex<Pump>,
}

/// The half that receives.
#[derive(Debug)]
pub struct Reader {
    secured: Arc<Secured>,
    plain: Vec<u8>,
    taken: usize,
    raw: Vec<u8>,
}

/// The half that sends, for any thread.
#[derive(Clone, Debug)]
pub struct Writer(Arc<Secured>);

/// Makes a connected socket secure; `name` is for the log, `host` what the server is asked for. What goes wrong has
/// been logged; the error is upstream's number for it.
pub fn connect(context: &Context, socket: OwnedFd, name: &str, host: &str) -> io::Result<(Reader, Writer)> {
    let configs = configured(context)?;
    let session = ClientConnection::new(Arc::clone(&configs.client), configs.server_name(host))
        .map_err(|error| refused(name, Side::Client, &explain(&error)))?;
    let (session, socket) = shake_hands(session.into(), socket, name, Side::Client)?;
    if configs.is_bootstrapping {
        return Err(bootstrap(context, &session));
    }
    Ok(split(session, socket, name))
}

/// What connections are made with, for who wants to know before there is one. What is missing has been logged.
pub fn configured(context: &Context) -> io::Result<Configs> {
    context.configs().map_err(|unconfigured| {
        unconfigured.log();
        io::Error::from_raw_os_error(libc::ENOPROTOOPT)
    })
}

/// [`connect`] for a socket that was accepted.
pub fn accept(context: &Context, socket: OwnedFd, name: &str) -> io::Result<(Reader, Writer)> {
    let config = context.accepting().map_err(|unconfigured| {
        unconfigured.log();
        io::Error::from_raw_os_error(libc::ENOPROTOOPT)
    })?;
    let session =
        ServerConnection::new(config).map_err(|error| refused(name, Side::Server, &explain(&error)))?;
    let (session, socket) = shake_hands(session.into(), socket, name, Side::Server)?;
    Ok(split(session, socket, name))
}

fn refused(name: &str, side: Side, error: &dyn std::fmt::Display) -> io::Error {
    complain(name, side, &[], error);
    io::Error::from_raw_os_error(libc::EPROTO)
}

fn shake_hands(
    mut session: Connection,
    socket: OwnedFd,
    name: &str,
    side: Side,
) -> io::Result<(Connection, File)> {
    let mut socket = File::from(socket);
    while session.is_handshaking() || session.wants_write() {
        session
            .complete_io(&mut socket)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => refused(name, side, &"unexpected SSL/TLS connection close"),
                _ => refused(name, side, &explain_io(&error)),
            })?;
    }
    Ok((session, socket))
}

fn split(session: Connection, socket: File, name: &str) -> (Reader, Writer) {
    let mut pump = Pump::new(session, name);
    let plain = std::mem::take(&mut pump.plain);
    let secured = Arc::new(Secured {
        socket,
        sending: Mutex::default(),
        pump: Mutex::new(pump),
    });
    let reader = Reader {
        secured: Arc::clone(&secured),
        plain,
        taken: 0,
        raw: Vec::with_capacity(READ_BUSY_BYTES),
    };
    (reader, Writer(secured))
}

impl Reader {
    /// Decrypts what arrives next; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let spare = rustix::buffer::spare_capacity(&mut self.raw);
        let (count, _) = rustix::net::recv(&self.secured.socket, spare, RecvFlags::empty())?;
        let mut pump = self.secured.pump.lock().unwrap_or_else(PoisonError::into_inner);
        if count == 0 || pump.has_peer_closed() {
            return Ok(false);
        }
        let result = pump.receive(&mut self.raw);
        self.plain.clear();
        self.taken = 0;
        std::mem::swap(&mut self.plain, &mut pump.plain);
        result.map_err(|error| {
            complain_of_read(pump.name(), &error);
            io::Error::from_raw_os_error(libc::EIO)
        })?;
        Ok(!(self.plain.is_empty() && pump.has_peer_closed()))
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.plain.len() {
            if !self.fill()? {
                return Ok(0);
            }
        }
        let mut rest = &self.plain[self.taken..];
        let count = rest.read(buffer)?;
        self.taken += count;
        Ok(count)
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let secured = &*self.0;
        let _sending = secured.sending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sealed = Vec::with_capacity(bytes.len().min(TLS_SEAL_BYTES) + 256);
        let taken = {
            let mut pump = secured.pump.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = pump.seal(&[IoSlice::new(bytes)])?;
            while pump.wants_write() {
                pump.write_to(&mut sealed)?;
            }
            taken
        };
        (&secured.socket).write_all(&sealed)?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        let pump = self.pump.get_mut().unwrap_or_else(PoisonError::into_inner);
        pump.say_goodbye();
        let mut goodbye = Vec::new();
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let sent = pump
            .write_to(&mut goodbye)
            .and_then(|_| Ok(rustix::net::send(&self.socket, &goodbye, flags)?));
        if let Err(error) = sent {
            log::debug!(target: "stream_ssl", "{}: cannot say goodbye ({error})", pump.name());
        }
    }
}
