//! Random texts, right and wrong, through framer, parsers and printer, each held against the others.
//!
//! Every test prints its seed; `OVSDB_SEED=n` runs that seed, `OVSDB_CASES=n` more cases.

use bumpalo::Bump;
use ovsdb_wire::frame::{Flags, Framer, Scan};
use ovsdb_wire::parse::{Parser, SyntaxError};
use ovsdb_wire::value::Value;
use ovsdb_wire::{strict, write};

/// SplitMix64.
struct Random(u64);

impl Random {
    /// From `OVSDB_SEED`, or a new one; printed, so that a failure can be repeated.
    fn seeded(test: &str) -> Random {
        let seed = match std::env::var("OVSDB_SEED") {
            Ok(text) => text.parse().expect("OVSDB_SEED is a number"),
            Err(_) => std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), test),
        };
        println!("{test}: OVSDB_SEED={seed}");
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }

    fn pick<'p>(&mut self, from: &[&'p [u8]]) -> &'p [u8] {
        from[self.below(from.len())]
    }
}

fn cases() -> usize {
    std::env::var("OVSDB_CASES").map_or(20_000, |text| text.parse().expect("OVSDB_CASES is a number"))
}

const SPACES: &[&[u8]] = &[b" ", b"\n", b"\t", b"\r\n", b"    "];
const STRINGS: &[&[u8]] = &[
    b"",
    b"a",
    b"_uuid",
    b"set",
    b"map",
    b"a longer text that takes more than one SIMD register, 64 bytes and some more",
    b"\\n\\t\\r\\b\\f\\/",
    b"\\\"quoted\\\"",
    b"\\\\",
    b"\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\",
    "caf\u{e9} \u{20ac} \u{1f600}".as_bytes(),
    b"\\u0041",
    b"\\u00e9\\uD83d\\ude00",
    b"\x7f",
];
const BAD_STRINGS: &[&[u8]] = &[
    b"\\u0000",
    b"\\ud83d",
    b"\\ud83d\\u0041",
    b"\\udc00",
    b"\\u12",
    b"\\uzzzz",
    b"\\x",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf5\x80\x80\x80",
    b"\xe2\x82",
    b"\x00",
    b"\x1f",
    b"\n",
    b"\\\x01",
    b"\\\x00",
];
const NUMBERS: &[&[u8]] = &[
    b"0",
    b"1",
    b"-1",
    b"42",
    b"-0",
    b"1.5",
    b"1.0",
    b"1e3",
    b"1E+2",
    b"10e-1",
    b"-2.5e-3",
    b"123456789012345678",
    b"-123456789012345678",
    b"1234567890123456789",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"18446744073709551615",
    b"18446744073709551616",
    b"100000000000000000000000",
    b"0.30000000000000004",
    b"1e308",
    b"1e-400",
    b"0e0",
    b"0.0",
];
const BAD_NUMBERS: &[&[u8]] = &[
    b"01",
    b"-01",
    b"00",
    b"+1",
    b".5",
    b"1.",
    b"1.e1",
    b"1e",
    b"1e+",
    b"-",
    b"--1",
    b"1-1",
    b"1e400",
    b"-1e309",
    b"1e-310",
    b"0x10",
    b"NaN",
    b"Infinity",
    b"1e99999999999",
    b"1.5.5",
    b"1_000",
];
const BAD_WORDS: &[&[u8]] = &[
    b"tru",
    b"truee",
    b"True",
    b"nul",
    b"nulll",
    b"falsey",
    b"undefined",
    b"'a'",
    b"\xef\xbb\xbf",
];

/// How often something goes wrong: one in this many tokens.
#[derive(Clone, Copy)]
struct Odds(usize);

fn space(random: &mut Random, out: &mut Vec<u8>) {
    if random.one_in(12) {
        out.extend_from_slice(random.pick(SPACES));
    }
}

fn string(random: &mut Random, odds: Odds, out: &mut Vec<u8>) {
    out.push(b'"');
    for _ in 0..random.below(4) {
        let from = if random.one_in(odds.0) {
            BAD_STRINGS
        } else {
            STRINGS
        };
        out.extend_from_slice(random.pick(from));
    }
    out.push(b'"');
}

fn value(random: &mut Random, odds: Odds, depth: usize, out: &mut Vec<u8>) {
    space(random, out);
    if random.one_in(odds.0 * 4) {
        out.extend_from_slice(random.pick(BAD_WORDS));
    }
    match random.below(if depth == 0 { 4 } else { 7 }) {
        0 => out.extend_from_slice(random.pick(&[b"true", b"false", b"null"])),
        1 => {
            let from = if random.one_in(odds.0) {
                BAD_NUMBERS
            } else {
                NUMBERS
            };
            out.extend_from_slice(random.pick(from));
        }
        2 => {
            let number = random.next() as i64 >> random.below(64);
            out.extend_from_slice(number.to_string().as_bytes());
        }
        3 => string(random, odds, out),
        4 => {
            out.extend_from_slice(random.pick(&[b"[]", b"{}", b"[\"set\",[]]", b"[\"map\", []]", b"[[[]]]"]))
        }
        5 => array(random, odds, depth, out),
        _ => object(random, odds, depth, out),
    }
    space(random, out);
}

fn array(random: &mut Random, odds: Odds, depth: usize, out: &mut Vec<u8>) {
    out.push(b'[');
    for at in 0..random.below(5) {
        if at > 0 && !random.one_in(odds.0 * 4) {
            out.push(b',');
        }
        value(random, odds, depth - 1, out);
    }
    out.push(if random.one_in(odds.0 * 8) { b'}' } else { b']' });
}

fn object(random: &mut Random, odds: Odds, depth: usize, out: &mut Vec<u8>) {
    out.push(b'{');
    // Now and then more members than are compared one by one, and names that repeat.
    let count = if random.one_in(200) { 60 } else { random.below(5) };
    for at in 0..count {
        if at > 0 && !random.one_in(odds.0 * 4) {
            out.push(b',');
        }
        space(random, out);
        string(random, odds, out);
        space(random, out);
        if !random.one_in(odds.0 * 8) {
            out.push(b':');
        }
        value(random, odds, depth - 1, out);
    }
    out.push(b'}');
}

/// A text that is right most of the time, and then has a few bytes changed some of the time.
fn text(random: &mut Random) -> Vec<u8> {
    let odds = Odds(if random.one_in(2) { 1_000_000 } else { 40 });
    let depth = 1 + random.below(5);
    let mut out = Vec::new();
    space(random, &mut out);
    if random.one_in(2) {
        array(random, odds, depth, &mut out);
    } else {
        object(random, odds, depth, &mut out);
    }
    if random.one_in(5) {
        for _ in 0..=random.below(3) {
            let at = random.below(out.len());
            match random.below(3) {
                0 => out[at] = random.next() as u8,
                1 => out.insert(at, random.pick(&[b"\"", b"\\", b"[", b"}", b",", b"\0"])[0]),
                _ if out.len() > 1 => drop(out.remove(at)),
                _ => {}
            }
        }
    }
    out
}

/// The texts of a stream with their flags, and how many bytes stay unread or what is wrong with them.
type Frames = (Vec<(Vec<u8>, Flags)>, Result<usize, SyntaxError>);

/// Frames a stream that arrives in pieces.
fn frames(stream: &[u8], mut piece: impl FnMut() -> usize) -> Frames {
    let mut framer = Framer::new();
    let (mut from, mut arrived) = (0, 0);
    let mut texts = Vec::new();
    loop {
        match framer.scan(&stream[from..arrived]) {
            Ok(Scan::Text { end, flags }) => {
                texts.push((stream[from..from + end].to_vec(), flags));
                from += end;
            }
            Ok(Scan::Incomplete) if arrived == stream.len() => return (texts, Ok(arrived - from)),
            Ok(Scan::Incomplete) => arrived = (arrived + piece()).min(stream.len()),
            Err(error) => return (texts, Err(error)),
        }
    }
}

#[test]
fn both_parsers_agree_on_what_the_framer_passes() {
    let mut random = Random::seeded("both_parsers_agree_on_what_the_framer_passes");
    let mut parser = Parser::new();
    let (mut plain_count, mut refused_count) = (0, 0);
    for _ in 0..cases() {
        let stream = text(&mut random);
        let shown = String::from_utf8_lossy(&stream);
        for (text, flags) in frames(&stream, || usize::MAX / 2).0 {
            let (arena, other_arena) = (Bump::new(), Bump::new());
            let strict = strict::parse(&text, &arena);
            let mut scratch = text.clone();
            let chosen = parser.parse(&mut scratch, flags, &other_arena);
            assert_eq!(chosen, strict, "{shown}");
            plain_count += usize::from(flags.is_plain());
            refused_count += usize::from(strict.is_err());
            if flags.is_plain() && std::str::from_utf8(&text).is_ok() {
                assert!(
                    strict.is_ok(),
                    "flags are clear, yet the strict parser refuses {shown}"
                );
            }
        }
    }
    assert!(
        plain_count > cases() / 20,
        "only {plain_count} texts took the fast path"
    );
    assert!(refused_count > 0, "no text was refused after framing");
}

#[test]
fn the_framer_refuses_what_the_strict_parser_refuses_and_with_its_words() {
    let mut random = Random::seeded("the_framer_refuses_what_the_strict_parser_refuses_and_with_its_words");
    for _ in 0..cases() {
        let stream = text(&mut random);
        let shown = String::from_utf8_lossy(&stream);
        let arena = Bump::new();
        let strict = strict::parse(&stream, &arena);
        let mut framer = Framer::new();
        match framer.scan(&stream) {
            Ok(Scan::Text { end, .. }) => {
                let first = strict::parse(&stream[..end], &arena);
                // Bad escapes are the parser's; otherwise a framed text is a good one.
                if let Err(error) = first {
                    assert_eq!(strict, Err(error), "{shown}");
                } else if stream[end..].iter().all(u8::is_ascii_whitespace) {
                    assert_eq!(strict, first, "{shown}");
                }
            }
            Ok(Scan::Incomplete) => assert!(strict.is_err(), "{shown}"),
            Err(error) => assert_eq!(strict, Err(error), "{shown}"),
        }
    }
}

#[test]
fn frames_do_not_depend_on_how_the_stream_is_chopped() {
    let mut random = Random::seeded("frames_do_not_depend_on_how_the_stream_is_chopped");
    for _ in 0..cases() / 4 {
        let mut stream = Vec::new();
        for _ in 0..1 + random.below(5) {
            stream.extend_from_slice(&text(&mut random));
        }
        let whole = frames(&stream, || usize::MAX / 2);
        let shown = String::from_utf8_lossy(&stream);
        assert_eq!(frames(&stream, || 1), whole, "byte by byte: {shown}");
        let piece_max = 1 + random.below(40);
        let chopped = frames(&stream, || 1 + random.below(piece_max));
        assert_eq!(chopped, whole, "{shown}");
    }
}

fn has_reals(value: &Value<'_>) -> bool {
    match value {
        Value::Real(_) => true,
        Value::Array(items) => items.iter().any(has_reals),
        Value::Object(object) => object.members().iter().any(|(_, member)| has_reals(member)),
        _ => false,
    }
}

#[test]
fn what_is_printed_reads_back() {
    let mut random = Random::seeded("what_is_printed_reads_back");
    for _ in 0..cases() {
        let text = text(&mut random);
        let arena = Bump::new();
        let Ok(parsed) = strict::parse(&text, &arena) else {
            continue;
        };
        let print = |write: &dyn Fn(&mut Vec<u8>, &Value<'_>), value: &Value<'_>| {
            let mut out = Vec::new();
            write(&mut out, value);
            out
        };
        // Reals lose digits in print, so it is the print of the print that is the same.
        let compact = print(&write::value, &parsed);
        let pretty = print(
            &|out, value| write::value_pretty(out, value, write::Order::Input),
            &parsed,
        );
        let sorted = print(&write::value_sorted, &parsed);
        let reread = strict::parse(&compact, &arena).expect("printed JSON is JSON");
        assert_eq!(print(&write::value, &reread), compact);
        assert_eq!(strict::parse(&pretty, &arena), Ok(reread));
        assert_eq!(strict::parse(&sorted, &arena), Ok(reread));
        if !has_reals(&parsed) {
            assert_eq!(reread, parsed, "{}", String::from_utf8_lossy(&text));
        }
    }
}
