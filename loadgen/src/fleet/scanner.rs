//! Where messages end in a stream, without keeping them.
//!
//! The framer of `wire` wants all unread bytes at once. A fleet that asks for a dump of 40 MB with thousands of clients
//! cannot keep them, so this scanner keeps no byte of what is nested: it follows depth and strings, and notes the
//! bytes of the outermost level, the envelope, without the spaces between them:
//!
//! ```text
//!   {"id":7,"result":[false,"…",{…40 MB…}],"error":null}   →   {"id":7,"result":[,"error":null
//! ```
//!
//! Texts that are parsed later are judged by `wire` then; here only their ends matter.

use crate::fleet::block::{BLOCK_BYTES, Block, Carry};
use crate::limits::ENVELOPE_BYTES_MAX;

/// What is nested deeper than the members of the envelope.
const DEEP: u32 = 2;

/// Follows one stream.
#[derive(Debug, Default)]
pub struct Scanner {
    depth: u32,
    in_string: bool,
    escaped: bool,
    envelope: Vec<u8>,
}

impl Scanner {
    /// Whether a message has begun and not ended.
    pub fn is_inside(&self) -> bool {
        self.depth > 0
    }

    /// Looks at new bytes and gives how many of them belong to the present message if they end it.
    pub fn scan(&mut self, bytes: &[u8]) -> Option<usize> {
        let (mut at, mut blocks_from) = (0, 0);
        while at < bytes.len() {
            if self.depth >= DEEP && at >= blocks_from {
                at += self.skip_blocks(&bytes[at..]);
                // The block in which it ends is for the bytes.
                blocks_from = at + BLOCK_BYTES;
                continue;
            }
            if self.in_string {
                at = self.skip_string(bytes, at);
                continue;
            }
            let byte = bytes[at];
            at += 1;
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    if self.depth == 1 {
                        self.note(&[byte]);
                    }
                    self.depth += 1;
                    continue;
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at);
                    }
                    continue;
                }
                _ => {}
            }
            if self.depth == 1 && !byte.is_ascii_whitespace() {
                self.note(&[byte]);
            }
        }
        None
    }

    /// Takes what was noted of the message that just ended, and is ready for the next one.
    pub fn finish(&mut self, show: impl FnOnce(&Envelope<'_>)) {
        show(&Envelope { text: &self.envelope });
        self.envelope.clear();
    }

    /// Starts over, for a new connection.
    pub fn reset(&mut self) {
        *self = Scanner {
            envelope: std::mem::take(&mut self.envelope),
            ..Scanner::default()
        };
        self.envelope.clear();
    }

    /// Goes on by whole blocks as long as they stay below the envelope; gives the bytes of these.
    fn skip_blocks(&mut self, bytes: &[u8]) -> usize {
        let (blocks, _) = bytes.as_chunks::<BLOCK_BYTES>();
        for (number, bytes) in blocks.iter().enumerate() {
            let block = Block::look(
                bytes,
                Carry {
                    in_string: self.in_string,
                    escaped: self.escaped,
                },
            );
            let Some(depth) = block.lead(self.depth, DEEP) else {
                return number * BLOCK_BYTES;
            };
            self.depth = depth;
            Carry {
                in_string: self.in_string,
                escaped: self.escaped,
            } = block.carry;
        }
        blocks.len() * BLOCK_BYTES
    }

    /// Goes on inside a string; gives the index after its end, or the end of the bytes.
    fn skip_string(&mut self, bytes: &[u8], from: usize) -> usize {
        let mut at = from;
        if self.escaped {
            self.escaped = false;
            at += 1;
        }
        loop {
            match memchr::memchr2(b'"', b'\\', &bytes[at.min(bytes.len())..]) {
                None => {
                    at = bytes.len();
                    break;
                }
                Some(offset) if bytes[at + offset] == b'"' => {
                    at += offset + 1;
                    self.in_string = false;
                    break;
                }
                Some(offset) if at + offset + 1 < bytes.len() => at += offset + 2,
                Some(_) => {
                    self.escaped = true;
                    at = bytes.len();
                    break;
                }
            }
        }
        if self.depth == 1 {
            self.note(&bytes[from..at]);
        }
        at
    }

    fn note(&mut self, bytes: &[u8]) {
        let room = ENVELOPE_BYTES_MAX.saturating_sub(self.envelope.len());
        self.envelope.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// The outermost level of one message.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    text: &'a [u8],
}

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The answer to the request with that id.
    Reply { id: u64, is_error: bool },
    /// `update`, `update2` or `update3`.
    Update,
    /// The server asks whether we live.
    Echo,
    /// Any other request or notification.
    Other,
    /// No JSON-RPC that a server sends.
    Unreadable,
}

impl Envelope<'_> {
    /// Reads it.
    pub fn kind(&self) -> Kind {
        if let Some(method) = self.member(b"\"method\":") {
            return match method {
                [b'"', b'u', b'p', b'd', b'a', b't', b'e', ..] => Kind::Update,
                [b'"', b'e', b'c', b'h', b'o', b'"', ..] => Kind::Echo,
                [b'"', ..] => Kind::Other,
                _ => Kind::Unreadable,
            };
        }
        let id = self.member(b"\"id\":").map(|text| {
            text.iter()
                .take_while(|byte| byte.is_ascii_digit())
                .fold((0u64, false), |(number, _), digit| {
                    (number * 10 + u64::from(digit - b'0'), true)
                })
        });
        let is_error = !matches!(self.member(b"\"error\":"), None | Some([b'n', ..]));
        match id {
            Some((id, true)) => Kind::Reply { id, is_error },
            _ => Kind::Unreadable,
        }
    }

    /// The text, for messages about what cannot be read.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.text).into_owned()
    }

    /// What follows a name. Names stand at the beginning or after a comma.
    fn member(&self, name: &[u8]) -> Option<&[u8]> {
        let mut from = 0;
        while let Some(at) = memchr::memmem::find(&self.text[from..], name) {
            let at = from + at;
            let before = self.text[..at].last();
            if matches!(before, None | Some(b',')) {
                return Some(&self.text[at + name.len()..]);
            }
            from = at + name.len();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Scanner};

    fn kinds(stream: &[u8], step: usize) -> Vec<Kind> {
        let mut scanner = Scanner::default();
        let mut kinds = Vec::new();
        for mut bytes in stream.chunks(step) {
            while let Some(end) = scanner.scan(bytes) {
                bytes = &bytes[end..];
                scanner.finish(|envelope| kinds.push(envelope.kind()));
            }
        }
        assert!(!scanner.is_inside());
        kinds
    }

    #[test]
    fn long_messages_end_where_they_end() {
        let row = r#"["uuid","}]\\\""],{"]":[[],{},"\"{"]},"#;
        for rows in 0..20 {
            let message = format!(
                r#"{{"id":{rows},"result":[[{}0]],"error":null}}"#,
                row.repeat(rows)
            );
            let expected = Kind::Reply {
                id: rows as u64,
                is_error: false,
            };
            let stream = message.repeat(3);
            for step in [1, 63, 64, 65, 200, stream.len()] {
                assert_eq!(
                    kinds(stream.as_bytes(), step),
                    [expected; 3],
                    "in steps of {step}"
                );
            }
        }
    }

    #[test]
    fn messages_are_told_apart_however_they_are_cut() {
        let stream = br#"{"id":7,"result":[false,"a\"}\\",{"x":{"id":9}}],"error":null}{"method":"update3","id":null,"params":["}"]}
            {"error":{"error":"x"},"id":12,"result":null}{"id":"echo","method":"echo","params":[]}{"id":null,"method":"locked","params":["l"]}{"result":{},"id":3}
            { "error" : null , "result" : [ "a" ] , "id" : 8 } { "params" : [ ] , "method" : "update2" , "id" : null }"#;
        let expected = [
            Kind::Reply {
                id: 7,
                is_error: false,
            },
            Kind::Update,
            Kind::Reply {
                id: 12,
                is_error: true,
            },
            Kind::Echo,
            Kind::Other,
            Kind::Reply {
                id: 3,
                is_error: false,
            },
            Kind::Reply {
                id: 8,
                is_error: false,
            },
            Kind::Update,
        ];
        for step in 1..80 {
            assert_eq!(kinds(stream, step), expected, "in steps of {step}");
        }
    }
}
