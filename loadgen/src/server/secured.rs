//! A blocking connection by TLS, with the same pump as the clients of a fleet: what is wrong is told in words.

use std::io::{Error, IoSlice, Read, Result};

use ovsdb_io::tls::{Context, Pump};
use socket2::Socket;

/// A connection whose handshake is over.
#[derive(Debug)]
pub(super) struct Secured {
    pump: Box<Pump>,
    socket: Socket,
}

impl Secured {
    /// Shakes hands on a connected socket with a server that is asked for `host`.
    pub(super) fn connect(context: &Context, socket: Socket, host: &str) -> Result<Secured> {
        let pump = Box::new(Pump::connect(context, "loadgen", host)?);
        let mut secured = Secured { pump, socket };
        let mut chunk = vec![0; crate::limits::READ_BYTES];
        while secured.pump.is_handshaking() {
            secured.flush()?;
            if secured.pump.is_handshaking() && secured.receive(&mut chunk)? == 0 {
                return Err(Error::other("it closed the connection during the TLS handshake"));
            }
        }
        secured.flush()?;
        Ok(secured)
    }

    pub(super) fn write_all(&mut self, mut text: &[u8]) -> Result<()> {
        while !text.is_empty() {
            let sealed = self.pump.seal(&[IoSlice::new(text)])?;
            text = &text[sealed..];
            self.flush()?;
        }
        Ok(())
    }

    /// Appends what comes next to `out`, and gives how much that was: 0 at the end of the connection.
    pub(super) fn read(&mut self, out: &mut Vec<u8>, chunk: &mut [u8]) -> Result<usize> {
        while self.pump.plain.is_empty() {
            if self.pump.has_peer_closed() || self.receive(chunk)? == 0 {
                return Ok(0);
            }
            self.flush()?;
        }
        let read = self.pump.plain.len();
        out.append(&mut self.pump.plain);
        Ok(read)
    }

    fn receive(&mut self, chunk: &mut [u8]) -> Result<usize> {
        let read = self.socket.read(chunk)?;
        if let Err(error) = self.pump.receive(&mut chunk[..read].to_vec()) {
            // The peer is told why, if it still listens.
            self.flush().unwrap_or_default();
            return Err(Error::other(format!("TLS: {error}")));
        }
        Ok(read)
    }

    fn flush(&mut self) -> Result<()> {
        while self.pump.wants_write() {
            self.pump.write_to(&mut self.socket)?;
        }
        Ok(())
    }
}
