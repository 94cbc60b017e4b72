//! A proxy before a real server that changes what it says to one client, once.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ovsdb_harness::server::create_database;
use ovsdb_harness::{Peer, Remote, Scratch, Server, ServerOptions};

/// What is changed in the first message that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// An update counts two rows.
    WrongCount,
    /// A notification is left out.
    ForgottenUpdate,
    /// A notification says that another column changed, too.
    WrongUpdate,
    /// A notification names a row that was never told of.
    UnknownRow,
    /// The connection ends in the middle.
    Closes,
}

/// The proxy, with its server.
pub(crate) struct Liar {
    address: SocketAddr,
    lied: Arc<AtomicBool>,
    _server: Server,
    _scratch: Scratch,
}

impl Liar {
    pub(crate) fn start(lie: Lie) -> Liar {
        let scratch = Scratch::new();
        let schema = scratch.write(
            "sb.ovsschema",
            loadgen::server::database::schema(None).expect("there is always one"),
        );
        let file = create_database(Peer::Packaged, &scratch, "sb.db", &schema);
        let server = ServerOptions::new(Peer::Ours, "sb")
            .database(&file)
            .tcp()
            .start(&scratch);
        let Remote::Tcp(target) = server.tcp() else {
            unreachable!("it was started with TCP")
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let address = listener.local_addr().expect("it is bound");
        let lied = Arc::new(AtomicBool::new(false));
        let (its_lied, connections) = (lied.clone(), AtomicUsize::new(0));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(target)) else {
                    return;
                };
                // The first two are for control: reached at all, and to fill and compare.
                let may_lie = connections.fetch_add(1, Ordering::Relaxed) >= 2;
                let (up_from, mut up_to) = (
                    client.try_clone().expect("a socket can be shared"),
                    server.try_clone().expect("a socket can be shared"),
                );
                std::thread::spawn(move || forward(up_from, &mut up_to, |bytes| Some(bytes.to_vec())));
                let lied = its_lied.clone();
                std::thread::spawn(move || {
                    let mut client = client;
                    forward(server, &mut client, |bytes| {
                        let changed = may_lie.then(|| change(lie, bytes)).flatten();
                        match changed {
                            Some(changed) if !lied.swap(true, Ordering::SeqCst) => changed,
                            _ => Some(bytes.to_vec()),
                        }
                    });
                });
            }
        });
        Liar {
            address,
            lied,
            _server: server,
            _scratch: scratch,
        }
    }

    pub(crate) fn remote(&self) -> String {
        format!("tcp:{}", self.address)
    }

    pub(crate) fn lied_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if self.lied.load(Ordering::SeqCst) {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }
}

/// Forwards until either side ends; `edit` gives what is to be sent, or that the connection is to end.
fn forward(mut from: TcpStream, to: &mut TcpStream, mut edit: impl FnMut(&[u8]) -> Option<Vec<u8>>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let Some(bytes) = edit(&buffer[..read]) else { break };
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    // Either may be closed already.
    to.shutdown(Shutdown::Both).unwrap_or_default();
    from.shutdown(Shutdown::Both).unwrap_or_default();
}

/// The lie, if the bytes are ones that it can be told with: `Some(None)` ends the connection.
fn change(lie: Lie, bytes: &[u8]) -> Option<Option<Vec<u8>>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_update = text.contains(r#""method":"update3""#) && text.contains("nb_cfg");
    match lie {
        Lie::WrongCount => text
            .contains(r#"[{"count":1}]"#)
            .then(|| Some(text.replace(r#"[{"count":1}]"#, r#"[{"count":2}]"#).into())),
        Lie::ForgottenUpdate => is_update.then(|| Some(Vec::new())),
        Lie::WrongUpdate => {
            is_update.then(|| Some(text.replace(r#""nb_cfg":"#, r#""ipsec":true,"nb_cfg":"#).into()))
        }
        Lie::UnknownRow => {
            let at = text.find(r#""SB_Global":{""#).filter(|_| is_update)? + r#""SB_Global":{""#.len();
            let mut changed = text.as_bytes().to_vec();
            changed[at..at + 8].copy_from_slice(b"00000000");
            Some(Some(changed))
        }
        Lie::Closes => is_update.then_some(None),
    }
}
