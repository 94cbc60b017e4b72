//! An operation that is long because its condition is, compiled in pieces of that.
//!
//! ```text
//!  {"op":"select","table":"T","where":[…,…,…,…],"columns":["n"]}
//!  └─────────────── head ────────────────┘ └─┘ └──── tail ─────┘   cut at commas, each made JSON of its own
//! ```
//!
//! A clause of 17 bytes takes 96 once it is parsed, and 32 when it is compiled, or nothing if it has been there before.

use super::{Compilation, Pieces};
use crate::limits::OPERATION_MEMBERS_MAX;
use ovsdb_wire::frame::{Flags, Framer, Scan};
use ovsdb_wire::value::{Object, Value};
use uuid::Uuid;

impl Compilation {
    /// Adds the operation that `text` begins with, and says where it ends. `None`: the message is to be looked at as a
    /// whole.
    pub(super) fn push_long(
        &mut self,
        text: &[u8],
        flags: Flags,
        entropy: &mut dyn FnMut() -> Uuid,
    ) -> Option<usize> {
        let mut framer = Framer::new();
        let Ok(Scan::Text { end, .. }) = framer.scan(text) else {
            return None;
        };
        let text = &text[..end];
        let (mut head, mut tail) = (self.pieces.another(), self.pieces.another());
        match Conditional::new(text, framer.cuts(), flags, [&mut head, &mut tail]) {
            Some(operation) => self.push_conditional(&operation, flags, entropy)?,
            // Another member makes it long.
            None => self.push_short(text, flags, entropy)?,
        }
        Some(end)
    }

    fn push_conditional(
        &mut self,
        operation: &Conditional<'_>,
        flags: Flags,
        entropy: &mut dyn FnMut() -> Uuid,
    ) -> Option<()> {
        let Conditional {
            members,
            clauses: [first, last],
            text,
            cuts,
        } = operation;
        let op = Object::from_distinct(members);
        let compiler = &mut self.compiler;
        let mut clauses = compiler.clauses_on(op.get("table")?.as_str()?)?;
        compiler.push_clauses(&mut clauses, first, entropy).ok()?;
        for bounds in cuts.windows(2) {
            let piece = [b"[".as_slice(), &text[bounds[0] + 1..bounds[1]], b"]"];
            let piece = self.pieces.parse(piece, flags)?.as_array()?;
            compiler.push_clauses(&mut clauses, piece, entropy).ok()?;
        }
        compiler.push_clauses(&mut clauses, last, entropy).ok()?;
        compiler.push_with(&Value::Object(op), clauses, entropy).ok()
    }
}

/// An operation whose condition can be cut.
struct Conditional<'a> {
    /// All members, but for the clauses.
    members: Vec<(&'a str, Value<'a>)>,
    /// Those before the first cut, and those after the last one.
    clauses: [&'a [Value<'a>]; 2],
    text: &'a [u8],
    /// At least one.
    cuts: &'a [usize],
}

impl<'a> Conditional<'a> {
    /// `None` if the operation with these cuts has no condition, the first or the last of them is elsewhere, or it has
    /// more members than a right one.
    fn new(
        text: &'a [u8],
        cuts: &'a [usize],
        flags: Flags,
        [head, tail]: [&'a mut Pieces; 2],
    ) -> Option<Conditional<'a>> {
        const WHERE_OPEN: &[u8] = b"{\"where\":[";
        let (first, last) = (*cuts.first()?, *cuts.last()?);
        let head = head.parse([b"", &text[..first], b"]}"], flags)?.as_object()?;
        let tail = tail
            .parse([WHERE_OPEN, &text[last + 1..], b""], flags)?
            .as_object()?;
        let (("where", Value::Array(first)), before) = head.members().split_last()? else {
            return None;
        };
        let (("where", Value::Array(last)), after) = tail.members().split_first()? else {
            return None;
        };
        let empty = [("where", Value::Array(&[]))];
        let members: Vec<_> = before.iter().chain(&empty).chain(after).copied().collect();
        if members.len() > OPERATION_MEMBERS_MAX {
            return None;
        }
        // Of a member that comes twice the last one counts.
        let is_once = |name| members.iter().filter(|(other, _)| *other == name).count() == 1;
        members
            .iter()
            .all(|(name, _)| is_once(*name))
            .then_some(Conditional {
                members,
                clauses: [first, last],
                text,
                cuts,
            })
    }
}
