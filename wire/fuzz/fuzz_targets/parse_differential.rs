//! Where the framer's flags are clear, simd-json and the strict parser agree; elsewhere the choice is strict.
#![no_main]

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;
use ovsdb_wire::frame::{Framer, Scan};
use ovsdb_wire::parse::Parser;
use ovsdb_wire::strict;

fuzz_target!(|data: &[u8]| {
    let (arena, other_arena) = (Bump::new(), Bump::new());
    match Framer::new().scan(data) {
        Ok(Scan::Text { end, flags }) => {
            let strict = strict::parse(&data[..end], &arena);
            assert!(strict.is_ok() || !flags.is_plain());
            let mut text = data[..end].to_vec();
            assert_eq!(Parser::new().parse(&mut text, flags, &other_arena), strict);
        }
        Ok(Scan::Incomplete) => assert!(strict::parse(data, &arena).is_err()),
        Err(error) => assert_eq!(strict::parse(data, &arena), Err(error)),
    }
});
