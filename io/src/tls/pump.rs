//! One connection's TLS between the bytes of its socket and those of its handler. It never waits.

use super::certificate;
use super::complaint::{Side, complain};
use super::context::Context;
use crate::limits::TLS_SEAL_BYTES;
use rustls::{
    ClientConnection, Connection, Error, HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection,
};
use std::fmt;
use std::io::{self, BufRead, IoSlice, Write};
use std::sync::Arc;

/// The TLS of one connection.
///
/// What has been decrypted is in `plain` until the handler takes it.
pub struct Pump {
    name: Box<str>,
    session: Connection,
    /// Decrypted, and not yet taken.
    pub plain: Vec<u8>,
    /// The peer has said that it sends no more.
    has_peer_closed: bool,
    /// The first bytes that came, to guess what a peer that fails the handshake speaks.
    head: [u8; 2],
    head_len: usize,
}

impl Pump {
    /// For a socket that was accepted.
    pub(crate) fn accept(config: Arc<ServerConfig>, name: &str) -> Result<Pump, Error> {
        Ok(Pump::new(ServerConnection::new(config)?.into(), name))
    }

    /// For a socket that is connected to a server, which is asked for `host`; `name` is for the log. What is missing
    /// has been logged; the error is upstream's number for it.
    pub fn connect(context: &Context, name: &str, host: &str) -> io::Result<Pump> {
        let configs = context.configs().map_err(|unconfigured| {
            unconfigured.log();
            io::Error::from_raw_os_error(libc::ENOPROTOOPT)
        })?;
        let session = ClientConnection::new(Arc::clone(&configs.client), configs.server_name(host));
        Ok(Pump::new(session.map_err(io::Error::other)?.into(), name))
    }

    /// For a connection whose handshake may already be over; what came with its end is decrypted already.
    pub(crate) fn new(mut session: Connection, name: &str) -> Pump {
        session.set_buffer_limit(Some(TLS_SEAL_BYTES));
        let mut pump = Pump {
            name: name.into(),
            session,
            plain: Vec::new(),
            has_peer_closed: false,
            head: [0; 2],
            head_len: 0,
        };
        pump.take_plain();
        pump
    }

    pub fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    /// Whether the peer has all that it needs to take the connection for made: in TLS 1.3, our first answer.
    pub(crate) fn is_answered(&self) -> bool {
        self.session.protocol_version() == Some(ProtocolVersion::TLSv1_3)
            && self.session.handshake_kind() == Some(HandshakeKind::Full)
    }

    /// Says that the handshake failed.
    pub(crate) fn complain(&self, reason: &dyn fmt::Display) {
        let side = match self.session {
            Connection::Client(_) => Side::Client,
            Connection::Server(_) => Side::Server,
        };
        complain(&self.name, side, &self.head[..self.head_len], reason);
    }

    /// What the log calls the connection.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The peer has said that it sends no more.
    pub fn has_peer_closed(&self) -> bool {
        self.has_peer_closed
    }

    /// Common name of the peer's certificate; `None` if it showed none, or there is no name in it.
    pub(crate) fn peer_name(&self) -> Option<String> {
        let chain = self.session.peer_certificates()?;
        let name = chain.first().map(certificate::common_name);
        name.filter(|name| !name.is_empty())
    }

    /// The name that a client has asked for.
    pub(crate) fn server_name(&self) -> Option<&str> {
        match &self.session {
            Connection::Server(session) => session.server_name(),
            Connection::Client(_) => None,
        }
    }

    /// Decrypts all of `raw`, and empties it. After an error the connection is to be closed; what explains it to the
    /// peer waits to be written.
    pub fn receive(&mut self, raw: &mut Vec<u8>) -> Result<(), Error> {
        self.note_head(raw);
        let mut rest = &raw[..];
        while !rest.is_empty() && !self.has_peer_closed {
            let taken = self.session.read_tls(&mut rest);
            let state = self.session.process_new_packets()?;
            self.has_peer_closed = state.peer_has_closed();
            self.take_plain();
            match taken {
                Ok(0) if !self.has_peer_closed => {
                    return Err(Error::General("takes no more bytes".to_owned()));
                }
                Ok(_) => {}
                Err(error) => return Err(Error::General(error.to_string())),
            }
        }
        raw.clear();
        Ok(())
    }

    fn note_head(&mut self, raw: &[u8]) {
        for byte in raw.iter().take(self.head.len() - self.head_len) {
            self.head[self.head_len] = *byte;
            self.head_len += 1;
        }
    }

    fn take_plain(&mut self) {
        let mut reader = self.session.reader();
        while let Ok(chunk) = reader.fill_buf()
            && !chunk.is_empty()
        {
            self.plain.extend_from_slice(chunk);
            let taken = chunk.len();
            reader.consume(taken);
        }
    }

    /// Encrypts from the front of `slices` as much as may wait at once, and says how many bytes that was.
    pub fn seal(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.session.writer().write_vectored(slices)
    }

    /// Says to the peer that nothing more comes.
    pub(crate) fn say_goodbye(&mut self) {
        self.session.send_close_notify();
    }

    /// Whether encrypted bytes wait to be written.
    pub fn wants_write(&self) -> bool {
        self.session.wants_write()
    }

    /// Writes what waits, by one call of `sink`.
    pub fn write_to(&mut self, sink: &mut dyn Write) -> io::Result<usize> {
        self.session.write_tls(sink)
    }
}

impl fmt::Debug for Pump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump")
            .field("is_handshaking", &self.is_handshaking())
            .finish_non_exhaustive()
    }
}
