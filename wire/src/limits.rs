//! Every bound of this crate, with its reason and what happens at it.

/// Nesting of one JSON text, as upstream (`JSON_MAX_HEIGHT`, lib/json.c): what it accepts, we accept.
/// Deeper input is a syntax error, which closes the connection.
pub const DEPTH_MAX: usize = 1000;

/// Default bound of one message in bytes. Upstream has none; restoring the largest known southbound database
/// sends 2 GB as one message. Longer input is a syntax error, which closes the connection.
pub const MESSAGE_BYTES_MAX: usize = 4 << 30;

/// A parsed message may take this many times its text, plus [`PARSED_SLACK_BYTES`].
///
/// A [`crate::value::Value`] takes 24 bytes, a member 40; the messages of OVN programs come to 2–3 times their
/// text. Only texts made of one-byte values (`0,0,0,…`) or empty containers come to more, up to 12 times: those
/// are refused once they are large, instead of letting 300 MB of them become 4 GB.
pub const PARSED_FACTOR_MAX: usize = 4;

/// What a parsed message may take beyond its share, so that no message of less than 1.5 MB is ever refused: a condition of
/// 100,000 clauses like `["n","==",7]` takes eight times its text. A worker or background thread parses one message
/// at a time, so this is needed once for each of them.
pub const PARSED_SLACK_BYTES: usize = 12 << 20;

/// Up to this length a text goes through simd-json, whose copy of the text, structural index and tape take
/// up to ten times the text for the time of the parse; the strict parser has no such intermediate forms. Longer texts
/// are parsed in pieces where they can be.
pub const SIMD_TEXT_BYTES_MAX: usize = 256 << 10;

/// A large message is parsed in pieces of about this size: the parser's buffers and the arena stay in the processor's
/// cache, and a message of any size takes little memory beside its text.
pub const PIECE_BYTES: usize = 64 << 10;

/// An element of a large message that is as long as several pieces, as an operation with very many clauses, is a piece of its
/// own, and can be cut in turn.
pub const LONG_ELEMENT_BYTES: usize = 4 * PIECE_BYTES;

/// Above this nesting the framer sends a text to the strict parser, well before simd-json's own bound.
pub const SIMD_DEPTH_MAX: usize = 900;

/// Parse buffers larger than this are given back after the message that needed them.
pub const BUFFER_BYTES_KEPT: usize = 1 << 20;

/// With up to this many members, duplicate names are found by comparing each with all; above, by hashing.
pub const MEMBERS_COMPARED_MAX: usize = 32;

const _: () = assert!(SIMD_DEPTH_MAX < DEPTH_MAX);
const _: () = assert!(
    SIMD_TEXT_BYTES_MAX < u32::MAX as usize,
    "simd-json indexes with u32"
);
