//! Tells a service manager how the process is doing (`sd_notify`(3)), if one started it and listens.

use super::MODULE;
use crate::errors::strerror;
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Databases are open and remotes listen.
    Ready,
    /// The process is about to end.
    Stopping,
}

/// Tells the socket that `NOTIFY_SOCKET` names; without it there is nobody to tell.
pub fn tell(condition: Condition) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let text = match condition {
        Condition::Ready => "READY=1",
        Condition::Stopping => "STOPPING=1",
    };
    if let Err(error) = send(&socket, text) {
        let (socket, error) = (socket.display(), strerror(&error));
        log::warn!(target: MODULE, "{socket}: the service manager cannot be told {text} ({error})");
    }
}

fn send(socket: &OsStr, text: &str) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?
        .send_to_addr(text.as_bytes(), &address)
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::send;
    use std::ffi::OsString;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    #[test]
    fn both_kinds_of_names_are_reached() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let abstract_name = format!("ovsdb-test-{}", std::process::id());
        let by_path = UnixDatagram::bind(&path).unwrap();
        let by_name =
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&abstract_name).unwrap()).unwrap();
        let names = [path.into_os_string(), OsString::from(format!("@{abstract_name}"))];
        for (name, socket) in names.iter().zip([by_path, by_name]) {
            send(name, "READY=1").unwrap();
            let mut text = [0; 16];
            let length = socket.recv(&mut text).unwrap();
            assert_eq!(&text[..length], b"READY=1", "{}", name.display());
        }
        // Not the socket that was closed: a child that another test forks has it open until it executes its program.
        let nobodys = directory.path().join("nobody");
        assert!(send(nobodys.as_os_str(), "READY=1").is_err(), "nobody listens");
    }
}
