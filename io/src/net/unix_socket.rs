//! Unix sockets by path, also where the path is longer than a socket address can hold.

use rustix::fs::{Mode, OFlags, fchmod, open};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, socket_with};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// Permissions of a socket we listen on, before the umask.
const LISTENER_MODE: Mode = Mode::RWXU.union(Mode::RWXG);

fn stream_socket() -> io::Result<OwnedFd> {
    Ok(socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

/// Calls `act` with an address for `path`. One that is too long is reached through its directory's descriptor.
fn with_address<T>(path: &Path, act: impl FnOnce(&SocketAddrUnix) -> rustix::io::Result<T>) -> io::Result<T> {
    if let Ok(address) = SocketAddrUnix::new(path) {
        return Ok(act(&address)?);
    }
    let too_long = || io::Error::from_raw_os_error(libc::ENAMETOOLONG);
    let name = path.file_name().ok_or_else(too_long)?;
    let parent = path.parent().ok_or_else(too_long)?;
    let directory = open(
        parent,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let short = Path::new("/proc/self/fd")
        .join(directory.as_raw_fd().to_string())
        .join(name);
    Ok(act(&SocketAddrUnix::new(&short)?)?)
}

/// A stream socket bound to `path`; what lies there is removed first. Its mode is 0770 less the umask.
pub fn bind_unix(path: &Path) -> io::Result<OwnedFd> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let socket = stream_socket()?;
    // On Linux the socket's own mode becomes the file's, so that it is never more open than that.
    fchmod(&socket, LISTENER_MODE)?;
    with_address(path, |address| bind(&socket, address))?;
    Ok(socket)
}

/// A stream socket connected to `path`.
pub fn connect_unix(path: &Path) -> io::Result<OwnedFd> {
    let socket = stream_socket()?;
    with_address(path, |address| connect(&socket, address))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn long_paths_are_reached_and_stale_files_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let long = directory.path().join("d".repeat(90)).join("e".repeat(90));
        fs::create_dir_all(&long).unwrap();
        for path in [directory.path().join("short"), long.join("long.sock")] {
            for _ in 0..2 {
                let listening = bind_unix(&path).unwrap();
                rustix::net::listen(&listening, 1).unwrap();
                assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o007, 0);
                connect_unix(&path).unwrap();
            }
        }
        assert_eq!(
            connect_unix(&directory.path().join("none")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
