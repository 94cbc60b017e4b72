//! The fast path: simd-json's tape, turned into arena values.
//!
//! Only for texts whose flags are clear: there both parsers agree (the differential tests hold it).

use bumpalo::Bump;
use simd_json::{Node, StaticNode, Tape};

use crate::build::{MAP_EMPTY, SET_EMPTY, TooLarge, count, has_duplicates, remove_duplicates};
use crate::limits;
use crate::parse::SyntaxError;

use crate::value::{Object, Value};

/// What simd-json allocates, kept from message to message.
pub(crate) struct Buffers {
    /// `None` at first, and after a message that made them large.
    buffers: Option<simd_json::Buffers>,
    /// Empty between messages.
    tape: Tape<'static>,
}

impl Default for Buffers {
    fn default() -> Buffers {
        Buffers {
            buffers: None,
            tape: Tape(Vec::new()),
        }
    }
}

/// Parses a text of which the framer found nothing that simd-json and upstream treat differently.
pub(crate) fn parse<'a>(
    text: &'a mut [u8],
    arena: &'a Bump,
    bytes_max: usize,
    kept: &mut Buffers,
) -> Result<Value<'a>, SyntaxError> {
    let length = text.len();
    let buffers = kept
        .buffers
        .get_or_insert_with(|| simd_json::Buffers::with_max_depth(4096, limits::DEPTH_MAX));
    let mut tape: Tape<'a> = std::mem::replace(&mut kept.tape, Tape(Vec::new())).reset();
    let filled = simd_json::fill_tape(text, buffers, &mut tape);
    let result = match filled {
        Ok(()) => {
            let mut builder = Builder {
                nodes: tape.0.iter(),
                arena,
                bytes_max,
                bytes: 0,
            };
            builder
                .value()
                .map_err(|TooLarge| SyntaxError::too_large(&[], 0, bytes_max))
        }
        // Not reached for a framed text; whoever frames otherwise gets an error all the same.
        Err(error) => Err(SyntaxError::at(&[], 0, error.to_string())),
    };
    if length > limits::BUFFER_BYTES_KEPT / 4 {
        kept.buffers = None;
    } else {
        kept.tape = tape.reset();
    }
    result
}

struct Builder<'t, 'a> {
    nodes: std::slice::Iter<'t, Node<'a>>,
    arena: &'a Bump,
    bytes_max: usize,
    /// Taken from the arena so far.
    bytes: usize,
}

impl<'a> Builder<'_, 'a> {
    /// Recursive, to the depth of the text: at most [`limits::SIMD_DEPTH_MAX`] small frames.
    fn value(&mut self) -> Result<Value<'a>, TooLarge> {
        let node = self.nodes.next().expect("the tape counts its nodes");
        Ok(match *node {
            Node::String(text) => Value::String(text),
            Node::Static(StaticNode::I64(number)) => Value::Integer(number),
            Node::Static(StaticNode::U64(number)) => {
                Value::Integer(i64::try_from(number).expect("numbers of 19 and more digits are flagged"))
            }
            Node::Static(StaticNode::F64(number)) => Value::Real(number),
            Node::Static(StaticNode::Bool(flag)) => Value::Bool(flag),
            Node::Static(StaticNode::Null) => Value::Null,
            Node::Array { len, .. } => Value::Array(self.array(len)?),
            Node::Object { len, .. } => Value::Object(self.object(len)?),
        })
    }

    fn array(&mut self, length: usize) -> Result<&'a [Value<'a>], TooLarge> {
        let empty = match *self.nodes.as_slice() {
            _ if length == 0 => return Ok(&[]),
            [Node::String("set"), Node::Array { len: 0, .. }, ..] if length == 2 => SET_EMPTY,
            [Node::String("map"), Node::Array { len: 0, .. }, ..] if length == 2 => MAP_EMPTY,
            _ => {
                count(&mut self.bytes, self.bytes_max, length * size_of::<Value<'_>>())?;
                let arena = self.arena;
                return Ok(arena.alloc_slice_try_fill_with(length, |_| self.value())?);
            }
        };
        self.nodes = self.nodes.as_slice()[2..].iter();
        Ok(empty)
    }

    fn object(&mut self, length: usize) -> Result<Object<'a>, TooLarge> {
        count(
            &mut self.bytes,
            self.bytes_max,
            length * size_of::<(&str, Value<'_>)>(),
        )?;
        let arena = self.arena;
        let members = arena.alloc_slice_try_fill_with(length, |_| {
            let Some(Node::String(name)) = self.nodes.next() else {
                unreachable!("a tape has a string before each value of an object")
            };
            Ok((*name, self.value()?))
        })?;
        if has_duplicates(members) {
            let mut distinct = members.to_vec();
            remove_duplicates(&mut distinct, 0);
            return Ok(Object::from_distinct(arena.alloc_slice_copy(&distinct)));
        }
        Ok(Object::from_distinct(members))
    }
}
