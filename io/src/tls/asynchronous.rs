//! The handshake of a connection that we make, while the thread does other things.

use super::bootstrap::bootstrap;
use super::complaint::{Side, complain, explain};
use super::context::Context;
use rustls::{ClientConnection, Connection};
use std::io::{self, Read, Write};
use std::sync::Arc;
use tokio::net::TcpStream;

/// Makes a connected socket secure; `name` is for the log, `host` what the server is asked for. What goes wrong has
/// been logged; the error is upstream's number for it.
pub(crate) async fn shake_hands(
    context: &Context,
    socket: &TcpStream,
    name: &str,
    host: &str,
) -> io::Result<Connection> {
    let configs = context.configs().map_err(|unconfigured| {
        unconfigured.log();
        io::Error::from_raw_os_error(libc::ENOPROTOOPT)
    })?;
    let refused = |error: &dyn std::fmt::Display| {
        complain(name, Side::Client, &[], error);
        io::Error::from_raw_os_error(libc::EPROTO)
    };
    let session = ClientConnection::new(Arc::clone(&configs.client), configs.server_name(host));
    let mut session = Connection::from(session.map_err(|error| refused(&explain(&error)))?);
    while session.is_handshaking() || session.wants_write() {
        if session.wants_write() {
            socket.writable().await?;
            would_block(session.write_tls(&mut Now(socket)))?;
            continue;
        }
        socket.readable().await?;
        match would_block(session.read_tls(&mut Now(socket)))? {
            Some(0) => return Err(refused(&"unexpected SSL/TLS connection close")),
            None => continue,
            Some(_) => {}
        }
        if let Err(error) = session.process_new_packets() {
            // What explains it to the peer leaves if it can.
            would_block(session.write_tls(&mut Now(socket)))?;
            return Err(refused(&explain(&error)));
        }
    }
    if configs.is_bootstrapping {
        return Err(bootstrap(context, &session));
    }
    Ok(session)
}

/// A count, or nothing when the socket has to be waited for.
fn would_block(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}

/// A socket whose calls never wait.
struct Now<'s>(&'s TcpStream);

impl Read for Now<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
