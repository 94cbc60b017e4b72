//! Notation of remotes (`ovsdb`(7), "Connection Methods").

use crate::dirs;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::PathBuf;
use std::str::FromStr;

/// Port of OVSDB where a remote names none.
pub const PORT_DEFAULT: u16 = 6640;

/// Where a server finds its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    Passive(Passive),
    Active(Active),
    Column(Column),
}

/// A socket to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passive {
    /// `ptcp:[PORT][:IP]`. Port 0 leaves the choice to the kernel.
    Tcp(SocketAddr),
    /// `pssl:[PORT][:IP]`
    Tls(SocketAddr),
    /// `punix:FILE`
    Unix(PathBuf),
    /// `pfd:FD`: a listening socket that the process was started with.
    Inherited(i32),
}

/// A peer to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Active {
    /// `tcp:HOST[:PORT]`
    Tcp(Host),
    /// `ssl:HOST[:PORT]`
    Tls(Host),
    /// `unix:FILE`
    Unix(PathBuf),
}

/// An address, or a name to be looked up at each attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Address(SocketAddr),
    Name(String, u16),
}

/// `db:DB,TABLE,COLUMN`: remotes that a database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub db: String,
    pub table: String,
    pub column: String,
}

/// Why a text is not a remote. The texts are those that upstream logs or answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    #[error("{0}: unknown connection method")]
    Scheme(String),
    #[error("{0}: bad port number \"{1}\"")]
    Port(String, String),
    #[error("{0}: bad IP address \"{1}\"")]
    Address(String, String),
    #[error("{0}: host must be specified")]
    Host(String),
    #[error("{0}: bad file descriptor")]
    Descriptor(String),
    #[error("\"{0}\": invalid syntax")]
    Column(String),
}

impl FromStr for Remote {
    type Err = RemoteError;

    fn from_str(text: &str) -> Result<Remote, RemoteError> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(RemoteError::Scheme(text.to_owned()));
        };
        Ok(match scheme {
            "ptcp" => Remote::Passive(Passive::Tcp(parse_port_host(rest)?)),
            "pssl" => Remote::Passive(Passive::Tls(parse_port_host(rest)?)),
            "punix" => Remote::Passive(Passive::Unix(dirs::absolute(&dirs::rundir(), rest))),
            "pfd" => match rest.parse() {
                Ok(number) if number >= 0 => Remote::Passive(Passive::Inherited(number)),
                _ => return Err(RemoteError::Descriptor(text.to_owned())),
            },
            "tcp" => Remote::Active(Active::Tcp(parse_host_port(rest)?)),
            "ssl" => Remote::Active(Active::Tls(parse_host_port(rest)?)),
            "unix" => Remote::Active(Active::Unix(dirs::absolute(&dirs::rundir(), rest))),
            "db" => Remote::Column(parse_column(text, rest)?),
            _ => return Err(RemoteError::Scheme(text.to_owned())),
        })
    }
}

fn parse_column(text: &str, rest: &str) -> Result<Column, RemoteError> {
    let parts: Vec<&str> = rest.split(',').filter(|part| !part.is_empty()).collect();
    match parts[..] {
        [db, table, column] => Ok(Column {
            db: db.to_owned(),
            table: table.to_owned(),
            column: column.to_owned(),
        }),
        _ => Err(RemoteError::Column(text.to_owned())),
    }
}

/// Splits at the only colon outside of brackets; with more than one, all is an IPv6 address.
fn split_colon(text: &str) -> Colons<'_> {
    let mut bracketed = false;
    let mut colon = None;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => bracketed = true,
            b']' => bracketed = false,
            b':' if !bracketed => {
                if colon.is_some() {
                    return Colons::Many;
                }
                colon = Some(at);
            }
            _ => {}
        }
    }
    match colon {
        Some(at) => Colons::One(unbracket(&text[..at]), unbracket(&text[at + 1..])),
        None => Colons::None(unbracket(text)),
    }
}

enum Colons<'a> {
    None(&'a str),
    One(&'a str, &'a str),
    Many,
}

fn unbracket(text: &str) -> &str {
    text.strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(text)
}

/// `[PORT][:IP]`
fn parse_port_host(text: &str) -> Result<SocketAddr, RemoteError> {
    let (port, host) = match split_colon(text) {
        Colons::None(port) => (port, ""),
        Colons::One(port, host) => (port, host),
        Colons::Many => ("", text),
    };
    let port = parse_port(text, port)?;
    if host.is_empty() {
        return Ok((Ipv4Addr::UNSPECIFIED, port).into());
    }
    match parse_host(host, port) {
        Some(address) => Ok(address),
        None => Err(RemoteError::Address(text.to_owned(), host.to_owned())),
    }
}

/// `HOST[:PORT]`
fn parse_host_port(text: &str) -> Result<Host, RemoteError> {
    let (host, port) = match split_colon(text) {
        Colons::None(host) => (host, ""),
        Colons::One(host, port) => (host, port),
        Colons::Many => (text, ""),
    };
    if host.is_empty() {
        return Err(RemoteError::Host(text.to_owned()));
    }
    let port = parse_port(text, port)?;
    match parse_host(host, port) {
        Some(address) => Ok(Host::Address(address)),
        None if host.contains(':') => Err(RemoteError::Address(text.to_owned(), host.to_owned())),
        None => Ok(Host::Name(host.to_owned(), port)),
    }
}

fn parse_port(text: &str, port: &str) -> Result<u16, RemoteError> {
    if port.is_empty() {
        return Ok(PORT_DEFAULT);
    }
    port.parse()
        .map_err(|_| RemoteError::Port(text.to_owned(), port.to_owned()))
}

/// An IPv4 address, or an IPv6 address with an optional scope (`%eth0` or `%3`).
fn parse_host(host: &str, port: u16) -> Option<SocketAddr> {
    let host = unbracket(host);
    if !host.contains(':') {
        return host
            .parse::<Ipv4Addr>()
            .ok()
            .map(|address| (address, port).into());
    }
    let (address, scope) = host.split_once('%').unwrap_or((host, ""));
    let address: Ipv6Addr = address.parse().ok()?;
    let scope = match scope {
        "" => 0,
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok()?,
        name => nix::net::if_::if_nametoindex(name).ok()?,
    };
    Some(SocketAddrV6::new(address, port, 0, scope).into())
}

/// What carries connections over a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Tcp,
    Tls,
}

/// `tcp:IP:PORT` or `ssl:IP:PORT` with IPv6 addresses in brackets, as accepted sessions are called.
pub(super) fn session_name(scheme: Scheme, peer: SocketAddr) -> String {
    let scheme = match scheme {
        Scheme::Tcp => "tcp",
        Scheme::Tls => "ssl",
    };
    match peer.ip() {
        IpAddr::V4(address) => format!("{scheme}:{address}:{}", peer.port()),
        IpAddr::V6(address) => format!("{scheme}:[{address}]:{}", peer.port()),
    }
}

impl Remote {
    /// Whether sessions of this remote are probed by default: those over a network (upstream: 5 s), not those
    /// over a unix socket.
    pub fn needs_probes(&self) -> bool {
        matches!(
            self,
            Remote::Passive(Passive::Tcp(_) | Passive::Tls(_))
                | Remote::Active(Active::Tcp(_) | Active::Tls(_))
        )
    }
}

impl Host {
    /// What a server there is asked for by name.
    pub fn server_name(&self) -> String {
        match self {
            Host::Address(address) => address.ip().to_string(),
            Host::Name(name, _) => name.clone(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Address(address) => write!(f, "{address}"),
            Host::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(address: &str) -> Remote {
        Remote::Passive(Passive::Tcp(address.parse().unwrap()))
    }

    fn host(address: &str) -> Remote {
        Remote::Active(Active::Tcp(Host::Address(address.parse().unwrap())))
    }

    #[test]
    fn every_form_is_understood() {
        let cases = [
            ("ptcp:", listen("0.0.0.0:6640")),
            ("ptcp:6642", listen("0.0.0.0:6642")),
            ("ptcp:0:127.0.0.1", listen("127.0.0.1:0")),
            ("ptcp::127.0.0.1", listen("127.0.0.1:6640")),
            ("ptcp:6641:[::]", listen("[::]:6641")),
            ("ptcp:6641:[::1]", listen("[::1]:6641")),
            ("tcp:127.0.0.1", host("127.0.0.1:6640")),
            ("tcp:127.0.0.1:1", host("127.0.0.1:1")),
            ("tcp:[fe80::1%7]:6641", host("[fe80::1%7]:6641")),
            ("tcp:::1", host("[::1]:6640")),
            (
                "tcp:db.example:7",
                Remote::Active(Active::Tcp(Host::Name("db.example".to_owned(), 7))),
            ),
            ("punix:/a/b", Remote::Passive(Passive::Unix("/a/b".into()))),
            ("unix:/a:b", Remote::Active(Active::Unix("/a:b".into()))),
            ("pfd:3", Remote::Passive(Passive::Inherited(3))),
            (
                "db:OVN_Southbound,SB_Global,connections",
                Remote::Column(Column {
                    db: "OVN_Southbound".to_owned(),
                    table: "SB_Global".to_owned(),
                    column: "connections".to_owned(),
                }),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(Remote::from_str(text).as_ref(), Ok(&expected), "{text}");
        }
    }

    #[test]
    fn errors_are_upstreams() {
        let cases = [
            // One token without a colon outside of brackets is a port.
            ("ptcp:[::1]", "[::1]: bad port number \"::1\""),
            ("ptcp:70000", "70000: bad port number \"70000\""),
            ("ptcp:1:nonsense", "1:nonsense: bad IP address \"nonsense\""),
            ("tcp:", ": host must be specified"),
            ("pfd:x", "pfd:x: bad file descriptor"),
            ("db:a,b", "\"db:a,b\": invalid syntax"),
            ("xyz:1", "xyz:1: unknown connection method"),
            ("nothing", "nothing: unknown connection method"),
        ];
        for (text, expected) in cases {
            assert_eq!(Remote::from_str(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn sessions_are_named_after_their_peer() {
        let name = |scheme, peer: &str| session_name(scheme, peer.parse().unwrap());
        assert_eq!(name(Scheme::Tcp, "1.2.3.4:5"), "tcp:1.2.3.4:5");
        assert_eq!(name(Scheme::Tls, "[::1]:5"), "ssl:[::1]:5");
    }
}
