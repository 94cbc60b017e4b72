//! Containers, gathered while they are open and copied to the arena when they close.

use std::collections::{HashMap, HashSet};

use bumpalo::Bump;

use crate::limits;
use crate::value::{Object, Value};

/// `["set",[]]` and `["map",[]]`, the most frequent values of a database, take nothing of the arena.
pub(crate) const SET_EMPTY: &[Value<'static>] = &[Value::String("set"), Value::Array(&[])];
pub(crate) const MAP_EMPTY: &[Value<'static>] = &[Value::String("map"), Value::Array(&[])];

/// The elements and members of the containers that are not closed yet.
#[derive(Default)]
pub(crate) struct Stacks<'a> {
    values: Vec<Value<'a>>,
    members: Vec<(&'a str, Value<'a>)>,
    open: Vec<Open>,
    unescaped: Vec<u8>,
}

impl<'a> Stacks<'a> {
    fn clear(&mut self) {
        self.values.clear();
        self.members.clear();
        self.open.clear();
    }

    /// The same memory for texts of another lifetime, or none if it has grown large.
    pub(crate) fn recycle<'b>(mut self) -> Stacks<'b> {
        self.clear();
        let bytes = self.values.capacity() * size_of::<Value<'_>>()
            + self.members.capacity() * size_of::<(&str, Value<'_>)>()
            + self.unescaped.capacity();
        if bytes > limits::BUFFER_BYTES_KEPT {
            return Stacks::default();
        }
        // Nothing is mapped, the stacks are empty: `collect` takes over the allocations as they are.
        Stacks {
            values: self.values.into_iter().map(|_| Value::Null).collect(),
            members: self.members.into_iter().map(|_| ("", Value::Null)).collect(),
            open: self.open,
            unescaped: self.unescaped,
        }
    }
}

/// Makes the value of one text, and counts what it takes.
pub(crate) struct Builder<'a, 's> {
    pub(crate) arena: &'a Bump,
    stacks: &'s mut Stacks<'a>,
    bytes_max: usize,
    /// Taken from the arena so far, at most `bytes_max`.
    bytes: usize,
}

/// The result would take more than the caller allows.
#[derive(Debug)]
pub(crate) struct TooLarge;

/// Where the elements of a container start on the stacks.
#[derive(Clone, Copy)]
pub(crate) enum Open {
    Array { values_from: usize },
    Object { members_from: usize },
}

impl<'a, 's> Builder<'a, 's> {
    pub(crate) fn new(arena: &'a Bump, stacks: &'s mut Stacks<'a>, bytes_max: usize) -> Builder<'a, 's> {
        stacks.clear();
        Builder {
            arena,
            stacks,
            bytes_max,
            bytes: 0,
        }
    }

    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Open containers.
    pub(crate) fn depth(&self) -> usize {
        self.stacks.open.len()
    }

    pub(crate) fn innermost(&self) -> Option<Open> {
        self.stacks.open.last().copied()
    }

    pub(crate) fn open_array(&mut self) {
        let values_from = self.stacks.values.len();
        self.stacks.open.push(Open::Array { values_from });
    }

    pub(crate) fn open_object(&mut self) {
        let members_from = self.stacks.members.len();
        self.stacks.open.push(Open::Object { members_from });
    }

    /// The name of the value that is put next into the innermost container, an object.
    #[inline]
    pub(crate) fn name(&mut self, name: &'a str) -> Result<(), TooLarge> {
        if self.stacks.members.len() >= self.bytes_max / size_of::<(&str, Value<'_>)>() {
            return Err(TooLarge);
        }
        self.stacks.members.push((name, Value::Null));
        Ok(())
    }

    /// Puts a value into the innermost container.
    #[inline]
    pub(crate) fn put(&mut self, value: Value<'a>) -> Result<(), TooLarge> {
        match self.innermost().expect("a value is put into an open container") {
            Open::Array { .. } => {
                if self.stacks.values.len() >= self.bytes_max / size_of::<Value<'_>>() {
                    return Err(TooLarge);
                }
                self.stacks.values.push(value);
            }
            Open::Object { .. } => {
                let member = self.stacks.members.last_mut();
                member.expect("a value in an object follows its name").1 = value;
            }
        }
        Ok(())
    }

    /// Closes the innermost container and returns it.
    pub(crate) fn close(&mut self) -> Result<Value<'a>, TooLarge> {
        match self.stacks.open.pop().expect("an open container is closed") {
            Open::Array { values_from } => self.close_array(values_from),
            Open::Object { members_from } => self.close_object(members_from),
        }
    }

    fn close_array(&mut self, values_from: usize) -> Result<Value<'a>, TooLarge> {
        let slice: &'a [Value<'a>] = match &self.stacks.values[values_from..] {
            [] => &[],
            [Value::String("set"), Value::Array([])] => SET_EMPTY,
            [Value::String("map"), Value::Array([])] => MAP_EMPTY,
            items => {
                let arena = self.arena;
                count(&mut self.bytes, self.bytes_max, size_of_val(items))?;
                arena.alloc_slice_copy(items)
            }
        };
        self.stacks.values.truncate(values_from);
        Ok(Value::Array(slice))
    }

    fn close_object(&mut self, members_from: usize) -> Result<Value<'a>, TooLarge> {
        let members = &mut self.stacks.members;
        if has_duplicates(&members[members_from..]) {
            remove_duplicates(members, members_from);
        }
        let slice: &'a [(&'a str, Value<'a>)] = match &members[members_from..] {
            [] => &[],
            items => {
                count(&mut self.bytes, self.bytes_max, size_of_val(items))?;
                self.arena.alloc_slice_copy(items)
            }
        };
        members.truncate(members_from);
        Ok(Value::Object(Object::from_distinct(slice)))
    }

    /// Copies to the arena what `write` appends to an empty buffer.
    pub(crate) fn string<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Result<&'a [u8], E>, TooLarge> {
        let unescaped = &mut self.stacks.unescaped;
        unescaped.clear();
        if let Err(error) = write(unescaped) {
            return Ok(Err(error));
        }
        count(&mut self.bytes, self.bytes_max, unescaped.len())?;
        Ok(Ok(self.arena.alloc_slice_copy(unescaped)))
    }
}

/// Adds to what a value takes, within the limit.
pub(crate) fn count(bytes: &mut usize, bytes_max: usize, more: usize) -> Result<(), TooLarge> {
    *bytes += more;
    if *bytes > bytes_max { Err(TooLarge) } else { Ok(()) }
}

pub(crate) fn has_duplicates(members: &[(&str, Value<'_>)]) -> bool {
    if members.len() <= limits::MEMBERS_COMPARED_MAX {
        return (1..members.len()).any(|at| members[..at].iter().any(|(name, _)| *name == members[at].0));
    }
    let mut names = HashSet::with_capacity(members.len());
    !members.iter().all(|(name, _)| names.insert(*name))
}

/// Keeps of equal names the last.
pub(crate) fn remove_duplicates(members: &mut Vec<(&str, Value<'_>)>, from: usize) {
    let last: HashMap<&str, usize> = members[from..]
        .iter()
        .enumerate()
        .map(|(at, (name, _))| (*name, at))
        .collect();
    let mut kept = from;
    for at in from..members.len() {
        if last[members[at].0] == at - from {
            members[kept] = members[at];
            kept += 1;
        }
    }
    members.truncate(kept);
}
