//! Whole requests, from the bytes of the message to the bytes of the last answer and notification.

use ovsdb_engine::ids::SessionId;

use crate::fixture;
use crate::path::Run;
use crate::random::Random;
use crate::server::Server;
use crate::site::{DATABASE, Site, Size};

fn serve(size: Size) -> (Site, Server, SessionId) {
    let site = Site::new(size);
    let mut server = Server::new(fixture::store(&site));
    let session = server.connect();
    (site, server, session)
}

/// Sends the same message again and again.
fn repeat(mut server: Server, session: SessionId, message: String) -> Run {
    let mut scratch = Vec::new();
    Box::new(move || {
        scratch.clear();
        scratch.extend_from_slice(message.as_bytes());
        server.receive(session, &mut scratch)
    })
}

/// Sends reports of all nodes in turn, each time with a new number.
fn reports(site: &Site, mut server: Server, session: SessionId) -> Run {
    let turns = 4 * site.states.len();
    let messages: Vec<String> = (0..turns)
        .map(|at| Site::transact(at as u64, &site.report_ops(at % site.states.len(), at as u64)))
        .collect();
    let (mut scratch, mut at) = (Vec::new(), 0);
    Box::new(move || {
        scratch.clear();
        scratch.extend_from_slice(messages[at % turns].as_bytes());
        at += 1;
        server.receive(session, &mut scratch)
    })
}

pub(crate) fn echo(size: Size) -> Run {
    let (_, server, session) = serve(size);
    repeat(
        server,
        session,
        r#"{"id":"echo","method":"echo","params":[]}"#.to_owned(),
    )
}

/// An agent's report that nobody monitors.
pub(crate) fn report(size: Size) -> Run {
    let (site, server, session) = serve(size);
    reports(&site, server, session)
}

/// A select by `_uuid`.
pub(crate) fn select(size: Size) -> Run {
    let (site, server, session) = serve(size);
    let ops = format!(
        r#"[{{"op":"select","table":"Port","where":[["_uuid","==",["uuid","{}"]]]}}]"#,
        site.ports[0]
    );
    repeat(server, session, Site::transact(1, &ops))
}

/// A new port with its flows.
pub(crate) fn port_add(size: Size) -> Run {
    let (site, mut server, session) = serve(size);
    let (mut random, mut at) = (Random::new(14), 20_000);
    let mut messages: Vec<String> = Vec::new();
    Box::new(move || {
        if messages.is_empty() {
            messages.extend((0..64).map(|_| {
                at += 1;
                let ops = site.port_add_ops(at % site.datapaths.len(), at, &mut random);
                Site::transact(at as u64, &ops)
            }));
        }
        let message = messages.pop().expect("some have just been made");
        server.receive(session, &mut message.into_bytes())
    })
}

/// A report that one session monitors.
pub(crate) fn fanout_1(size: Size) -> Run {
    fan_out(size, 1)
}

/// A report that a thousand sessions monitor.
pub(crate) fn fanout_1000(size: Size) -> Run {
    fan_out(size, 1000)
}

fn fan_out(size: Size, sessions: usize) -> Run {
    let (site, mut server, session) = serve(size);
    let monitor = format!(
        r#"{{"id":2,"method":"monitor_cond_since","params":["{DATABASE}",["monid","{DATABASE}"],{},"00000000-0000-0000-0000-000000000000"]}}"#,
        site.monitor_all()
    );
    for _ in 0..sessions {
        let client = server.connect();
        server.receive(client, &mut monitor.clone().into_bytes());
    }
    reports(&site, server, session)
}
