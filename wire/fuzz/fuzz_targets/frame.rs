//! Frames do not depend on how a stream is chopped. The first byte says into which pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ovsdb_wire::frame::{Framer, Scan};

/// The ends of all texts, and whether an error follows.
fn frames(stream: &[u8], piece: usize) -> (Vec<usize>, Option<String>) {
    let mut framer = Framer::new();
    let (mut from, mut arrived) = (0, 0);
    let mut ends = Vec::new();
    loop {
        match framer.scan(&stream[from..arrived]) {
            Ok(Scan::Text { end, .. }) => {
                from += end;
                ends.push(from);
            }
            Ok(Scan::Incomplete) if arrived == stream.len() => return (ends, None),
            Ok(Scan::Incomplete) => arrived = (arrived + piece).min(stream.len()),
            Err(error) => return (ends, Some(error.to_string())),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&piece, stream)) = data.split_first() else { return };
    assert_eq!(frames(stream, 1 + usize::from(piece)), frames(stream, stream.len().max(1)));
});
