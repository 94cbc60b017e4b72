//! A proxy before a real server that changes what it says to one client, once or ever again.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use loadgen::fleet::scanner::Scanner;
use ovsdb_harness::{Peer, Remote, Scratch, Server, wait};
use serde_json::{Value, json};

use crate::southbound_server;

/// What is changed in the first message that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// An update counts two rows.
    WrongCount,
    /// A notification is left out.
    ForgottenUpdate,
    /// A value in a notification is another one.
    WrongUpdate,
    /// A notification names a row that was never told of.
    UnknownRow,
    /// A value in first contents is another one.
    WrongContents,
    /// The connection ends instead of a notification.
    Closes,
    /// None: everything is said, always, in other words.
    OtherWords,
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
        let server = southbound_server(&scratch);
        let Remote::Tcp(target) = server.tcp() else {
            unreachable!("it was started with TCP")
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let address = listener.local_addr().expect("it is bound");
        let lied = Arc::new(AtomicBool::new(false));
        let its_lied = lied.clone();
        std::thread::spawn(move || serve(&listener, target, lie, Times::Once, &its_lied));
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

    /// Whether any message fitted.
    pub(crate) fn has_lied(&self) -> bool {
        self.lied.load(Ordering::SeqCst)
    }
}

/// How often the one client is lied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    Once,
    /// From the first on: with changes merged into rounds, what is said once can be covered up before anybody else hears
    /// of the same moment, and is then as good as never said.
    Always,
}

/// A command for `--spawn` whose server is reached through a proxy, also after it was started again. It lies to one
/// client always.
pub(crate) struct Started {
    pub(crate) command: String,
    lied: Arc<AtomicBool>,
    _scratch: Scratch,
}

impl Started {
    pub(crate) fn new(lie: Lie) -> Started {
        let scratch = Scratch::new();
        let port = scratch.join("port");
        let target = {
            let free = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
            free.local_addr().expect("it is bound")
        };
        let command = format!(
            "sh -c 'echo {{port}} > {}; exec {} --unixctl={{sock}}.ctl --remote=ptcp:{}:127.0.0.1 {{db}}'",
            port.display(),
            Peer::Ours.server().display(),
            target.port()
        );
        let lied = Arc::new(AtomicBool::new(false));
        let its_lied = lied.clone();
        std::thread::spawn(move || {
            let port: u16 = wait::until("the server's start", || {
                std::fs::read_to_string(&port)
                    .ok()?
                    .strip_suffix('\n')?
                    .parse()
                    .ok()
            });
            let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
            serve(&listener, target, lie, Times::Always, &its_lied);
        });
        Started {
            command,
            lied,
            _scratch: scratch,
        }
    }

    /// Whether any message fitted.
    pub(crate) fn has_lied(&self) -> bool {
        self.lied.load(Ordering::SeqCst)
    }
}

/// Forwards what comes to `listener`, for as long as the test runs.
fn serve(listener: &TcpListener, target: SocketAddr, lie: Lie, times: Times, lied: &Arc<AtomicBool>) {
    for (number, client) in listener.incoming().enumerate() {
        let Ok(client) = client else { return };
        let lied = lied.clone();
        // The first two are for control: reached at all, and to fill and compare.
        let may_lie = number >= 2;
        std::thread::spawn(move || {
            // It may be about to start.
            let server = wait::until("the server", || TcpStream::connect(target).ok());
            let mut is_chosen = false;
            join(client, server, |message| {
                if lie == Lie::OtherWords {
                    lied.store(true, Ordering::SeqCst);
                    return Some(in_other_words(message));
                }
                let changed = may_lie.then(|| change(lie, message)).flatten();
                match changed {
                    Some(changed) if is_chosen && times == Times::Always => changed,
                    Some(changed) if !lied.swap(true, Ordering::SeqCst) => {
                        is_chosen = true;
                        changed
                    }
                    _ => Some(message.to_vec()),
                }
            });
        });
    }
}

/// Joins a client to its server, whose messages are edited.
fn join(mut client: TcpStream, server: TcpStream, edit: impl FnMut(&[u8]) -> Option<Vec<u8>>) {
    let (up_from, mut up_to) = (
        client.try_clone().expect("a socket can be shared"),
        server.try_clone().expect("a socket can be shared"),
    );
    std::thread::spawn(move || forward(up_from, &mut up_to, |bytes| Some(bytes.to_vec())));
    forward(server, &mut client, edit);
}

/// Forwards message by message until either side ends; `edit` gives what is to be sent, or that the connection is to
/// end.
fn forward(mut from: TcpStream, to: &mut TcpStream, mut edit: impl FnMut(&[u8]) -> Option<Vec<u8>>) {
    let (mut buffer, mut unread) = (vec![0; 64 << 10], Vec::new());
    let (mut scanner, mut scanned) = (Scanner::default(), 0);
    'connected: while let Ok(read @ 1..) = from.read(&mut buffer) {
        unread.extend_from_slice(&buffer[..read]);
        while let Some(end) = scanner.scan(&unread[scanned..]) {
            scanner.finish(|_| {});
            let rest = unread.split_off(scanned + end);
            let message = std::mem::replace(&mut unread, rest);
            scanned = 0;
            let Some(edited) = edit(&message) else {
                break 'connected;
            };
            if to.write_all(&edited).is_err() {
                break 'connected;
            }
        }
        scanned = unread.len();
    }
    // Either may be closed already.
    to.shutdown(Shutdown::Both).unwrap_or_default();
    from.shutdown(Shutdown::Both).unwrap_or_default();
}

/// The same message with other spaces, another order of members, and no `error` where there is none.
fn in_other_words(message: &[u8]) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(message).expect("a server sends JSON");
    if let Some(members) = value.as_object_mut()
        && members.get("error").is_some_and(Value::is_null)
    {
        members.remove("error");
    }
    let mut out = String::new();
    reprint(&value, &mut out);
    out.push('\n');
    out.into_bytes()
}

fn reprint(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            out.push_str("{ ");
            for (at, (name, value)) in members.iter().rev().enumerate() {
                out.push_str(if at == 0 { "" } else { " , " });
                out.push_str(&format!("{} :\t", json!(name)));
                reprint(value, out);
            }
            out.push_str(" }");
        }
        Value::Array(values) => {
            out.push_str("[ ");
            for (at, value) in values.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { " ,\n" });
                reprint(value, out);
            }
            out.push_str(" ]");
        }
        other => out.push_str(&other.to_string()),
    }
}

/// The lie, if the message is one that it can be told with: `Some(None)` ends the connection.
fn change(lie: Lie, message: &[u8]) -> Option<Option<Vec<u8>>> {
    let text = std::str::from_utf8(message).ok()?;
    if lie == Lie::WrongCount {
        let counts = text.contains(r#"{"count":1}"#);
        return counts.then(|| Some(text.replace(r#"{"count":1}"#, r#"{"count":2}"#).into()));
    }
    let mut message: Value = serde_json::from_str(text).ok()?;
    let tables = match lie {
        // What `dump-cond` and `open` ask for comes without a transaction.
        Lie::WrongContents if message["result"]["Logical_Flow"].is_object() => {
            message.pointer_mut("/result")?
        }
        Lie::WrongContents => message.pointer_mut("/result/2")?,
        // What concerns `_Server` interests nobody here.
        _ if message.pointer("/params/0/1")? == "_Server" => return None,
        _ => message.pointer_mut("/params/2")?,
    };
    if tables.as_object()?.is_empty() {
        return None;
    }
    match lie {
        Lie::ForgottenUpdate => return Some(Some(Vec::new())),
        Lie::Closes => return Some(None),
        Lie::UnknownRow => rename(tables, |row| !row["modify"].is_null())?,
        // Contents of default values are left out.
        Lie::WrongContents => falsify(tables).or_else(|| rename(tables, |_| true))?,
        _ => falsify(tables)?,
    }
    Some(Some(message.to_string().into()))
}

/// Gives a row that fits another UUID.
fn rename(tables: &mut Value, fits: fn(&Value) -> bool) -> Option<()> {
    let table = tables.as_object_mut()?.values_mut().next()?.as_object_mut()?;
    let uuid = table.iter().find(|(_, row)| fits(row))?.0.clone();
    let row = table.remove(&uuid)?;
    table.insert(format!("00000000{}", &uuid[8..]), row);
    Some(())
}

/// Changes a value of the first row that has one.
fn falsify(tables: &mut Value) -> Option<()> {
    let rows = tables.as_object_mut()?.values_mut();
    let mut rows = rows
        .filter_map(Value::as_object_mut)
        .flat_map(|rows| rows.values_mut());
    rows.find_map(|row| {
        let contents = row.as_object_mut()?.values_mut().next()?.as_object_mut()?;
        contents.values_mut().find_map(another)
    })
}

/// Changes a value to another one of its type.
fn another(value: &mut Value) -> Option<()> {
    *value = match value {
        Value::Bool(is_true) => json!(!*is_true),
        Value::Number(number) => json!(number.as_i64()? + 1),
        Value::String(text) => json!(format!("{text}x")),
        _ => return None,
    };
    Some(())
}
