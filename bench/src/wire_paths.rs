//! Framing and parsing of messages.

use bumpalo::Bump;
use ovsdb_wire::frame::{Flags, Framer, Scan};
use ovsdb_wire::parse::Parser;

use crate::path::Run;
use crate::random::Random;
use crate::site::{Site, Size};

/// Flows of the large message: some 75 KB of JSON, a node's worth.
const FLOWS: usize = 150;

fn report(size: Size) -> String {
    Site::transact(21, &Site::new(size).report_ops(0, 4))
}

fn port_add(size: Size) -> String {
    Site::transact(22, &Site::new(size).port_add_ops(0, 20_000, &mut Random::new(5)))
}

fn flows(size: Size) -> String {
    Site::transact(23, &Site::new(size).flows_ops(FLOWS, &mut Random::new(6)))
}

pub(crate) fn frame_report(size: Size) -> Run {
    frame(report(size))
}

pub(crate) fn frame_flows(size: Size) -> Run {
    frame(flows(size))
}

pub(crate) fn parse_report(size: Size) -> Run {
    parse(report(size))
}

pub(crate) fn parse_port_add(size: Size) -> Run {
    parse(port_add(size))
}

pub(crate) fn parse_flows(size: Size) -> Run {
    parse(flows(size))
}

fn frame(text: String) -> Run {
    let mut framer = Framer::new();
    Box::new(move || scan(&mut framer, text.as_bytes()).0 as u64)
}

fn scan(framer: &mut Framer, text: &[u8]) -> (usize, Flags) {
    match framer.scan(text) {
        Ok(Scan::Text { end, flags }) => (end, flags),
        other => panic!("a message is one text: {other:?}"),
    }
}

/// Parsing works in place, so each run begins with a copy of the text, as if it had just been received.
fn parse(text: String) -> Run {
    let (_, flags) = scan(&mut Framer::new(), text.as_bytes());
    let mut parser = Parser::new();
    let mut arena = Bump::new();
    let mut scratch = Vec::new();
    Box::new(move || {
        arena.reset();
        scratch.clear();
        scratch.extend_from_slice(text.as_bytes());
        let value = parser
            .parse(&mut scratch, flags, &arena)
            .expect("the fixtures are JSON");
        value.as_object().map_or(0, |object| object.len() as u64)
    })
}
