//! The log file and the system log.

use super::pattern::{self, Fields};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::UdpSocket;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Permissions of a log file, before the umask.
const FILE_MODE: u32 = 0o660;

/// Facility `daemon`, for messages of a daemon that was not told another.
const FACILITY_DEFAULT: u8 = 3;

/// Where the C library finds the system log.
const SYSTEM_LOG: &str = "/dev/log";

/// Form of messages to a `--syslog-target` (RFC 5424 §6).
const TARGET_PATTERN: &str = "<%B>1 %D{%Y-%m-%dT%H:%M:%S.###Z} %E %A %P %c - \u{feff}%m";

/// The log file. It keeps its name while it is closed, so that it can be opened anew.
#[derive(Default)]
pub(super) struct LogFile {
    path: Option<PathBuf>,
    file: Option<File>,
}

impl LogFile {
    pub(super) fn open(path: PathBuf) -> io::Result<LogFile> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(FILE_MODE)
            .open(&path)?;
        Ok(LogFile {
            path: Some(path),
            file: Some(file),
        })
    }

    pub(super) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    pub(super) fn close(&mut self) {
        self.file = None;
    }

    /// Whether both are open and the same file on disk.
    pub(super) fn is_same(&self, other: &LogFile) -> bool {
        let inode = |file: &LogFile| {
            let metadata = file.file.as_ref()?.metadata().ok()?;
            Some((metadata.dev(), metadata.ino()))
        };
        inode(self).is_some_and(|here| Some(here) == inode(other))
    }

    pub(super) fn write(&self, line: &[u8]) {
        if let Some(mut file) = self.file.as_ref() {
            // A full disk must not end the process, and there is nowhere to say it.
            drop(file.write_all(line));
        }
    }
}

/// How the system log is reached (`--syslog-method`).
#[derive(Clone, Debug, PartialEq)]
pub enum SyslogMethod {
    /// As the C library does.
    Libc,
    /// A datagram socket.
    Unix(PathBuf),
    /// `HOST:PORT`
    Udp(String),
    Null,
}

impl FromStr for SyslogMethod {
    type Err = String;

    fn from_str(text: &str) -> Result<SyslogMethod, String> {
        match text.split_once(':') {
            None if text == "libc" => Ok(SyslogMethod::Libc),
            None if text == "null" => Ok(SyslogMethod::Null),
            Some(("unix", path)) => Ok(SyslogMethod::Unix(path.into())),
            Some(("udp", target)) => Ok(SyslogMethod::Udp(target.to_owned())),
            _ => Err(format!("unsupported syslog method '{text}'")),
        }
    }
}

enum Socket {
    Unix(UnixDatagram),
    Udp(UdpSocket),
}

/// The system log. Where there is none, messages to it are dropped.
#[derive(Default)]
pub(super) struct Syslog {
    method: Option<SyslogMethod>,
    /// Opened with the first message; empty inside if that failed.
    socket: std::sync::OnceLock<Option<Socket>>,
    target: Option<UdpSocket>,
}

impl Syslog {
    pub(super) fn set_method(&mut self, method: SyslogMethod) {
        if self.method.is_none() {
            self.method = Some(method);
            self.socket = std::sync::OnceLock::new();
        }
    }

    pub(super) fn set_target(&mut self, target: &str) -> io::Result<()> {
        self.target = Some(connect_udp(target)?);
        Ok(())
    }

    /// What is put before a message, as `vlog/list-pattern` shows it.
    pub(super) fn prefix(&self) -> &'static str {
        match self.method {
            None | Some(SyslogMethod::Libc) => "<%B> %D{%h %e %T} %E %A:",
            Some(SyslogMethod::Unix(_) | SyslogMethod::Udp(_)) => "<%B>",
            Some(SyslogMethod::Null) => "",
        }
    }

    pub(super) fn send(&self, program: &str, facility: Option<u8>, text: &str, fields: &Fields<'_>) {
        let priority = facility.unwrap_or(FACILITY_DEFAULT) * 8 + fields.level.severity();
        let socket = self.socket.get_or_init(|| self.open().ok());
        for line in text.split('\n').filter(|line| !line.is_empty()) {
            let message = match self.method {
                None | Some(SyslogMethod::Libc) => format!("<{priority}>{program}: {line}"),
                Some(_) => format!("<{priority}>{line}"),
            };
            // The system log may go away and come back; a message to it is worth one try.
            match socket {
                Some(Socket::Unix(socket)) => drop(socket.send(message.as_bytes())),
                Some(Socket::Udp(socket)) => drop(socket.send(message.as_bytes())),
                None => {}
            }
        }
        if let Some(target) = &self.target {
            drop(target.send(pattern::format(TARGET_PATTERN, fields).as_bytes()));
        }
    }

    fn open(&self) -> io::Result<Socket> {
        let connect_unix = |path: &Path| {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            socket.set_nonblocking(true)?;
            Ok(Socket::Unix(socket))
        };
        match &self.method {
            None | Some(SyslogMethod::Libc) => connect_unix(Path::new(SYSTEM_LOG)),
            Some(SyslogMethod::Unix(path)) => connect_unix(path),
            Some(SyslogMethod::Udp(target)) => connect_udp(target).map(Socket::Udp),
            Some(SyslogMethod::Null) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

fn connect_udp(target: &str) -> io::Result<UdpSocket> {
    let any = if target.starts_with('[') {
        "[::]:0"
    } else {
        "0.0.0.0:0"
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(target)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vlog::Level;
    use std::time::Duration;

    #[test]
    fn methods_are_upstreams() {
        assert_eq!("libc".parse(), Ok(SyslogMethod::Libc));
        assert_eq!("unix:/x".parse(), Ok(SyslogMethod::Unix("/x".into())));
        assert_eq!(
            "udp:127.0.0.1:514".parse(),
            Ok(SyslogMethod::Udp("127.0.0.1:514".to_owned()))
        );
        assert_eq!(
            "carrier-pigeon".parse::<SyslogMethod>(),
            Err("unsupported syslog method 'carrier-pigeon'".to_owned())
        );
    }

    #[test]
    fn each_line_is_one_datagram() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let mut syslog = Syslog::default();
        syslog.set_method(SyslogMethod::Unix(path));
        let fields = Fields {
            program: "p",
            module: "m",
            level: Level::Err,
            message: "",
            number: 1,
            thread: "",
            facility: None,
            running: Duration::ZERO,
        };
        syslog.send("p", None, "one\ntwo\n", &fields);
        let mut got = [0; 64];
        for expected in ["<27>one", "<27>two"] {
            let count = receiver.recv(&mut got).unwrap();
            assert_eq!(&got[..count], expected.as_bytes());
        }
    }
}
