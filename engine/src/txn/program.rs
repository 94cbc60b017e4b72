//! A `transact` request with every operation typed against the schema.
//!
//! Compiling reads no rows, so any thread does it, and the result can be executed again and again: after a
//! `wait`, or after a group of commits was taken back. Row uuids and first versions are made here.

use super::delete::Delete;
use super::insert::Insert;
use super::mutate::Mutate;
use super::names::{Known, Names};
use super::select::Select;
use super::update::Update;
use super::wait::Wait;
use crate::commit::record::{self, Annotations};
use crate::commit::{Drafting, Record};
use crate::condition::{self, Condition};
use crate::error::{OvsdbError, Result, Tag};
use crate::ids::TableId;
use crate::limits::LIGHT_OPERATIONS_MAX;
use crate::schema::{Schema, TableSchema};
use crate::store::{Row, TableChanges, View};
use ovsdb_wire::operation::Operation;
use ovsdb_wire::value::Value;
use std::sync::Arc;
use uuid::Uuid;

/// The compiled operations of one request.
#[derive(Debug)]
pub struct Program {
    schema: Arc<Schema>,
    /// Up to and including the first operation that is wrong in itself; what follows is never executed.
    operations: Vec<Result<Op>>,
    /// Number of operations of the request, which may be more.
    count: usize,
    /// What a large program inserts, as the record will have it.
    draft: Draft,
}

/// Shows nothing of itself: a program is the same without it.
#[derive(Default)]
struct Draft(Option<Arc<Drafting>>);

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").finish_non_exhaustive()
    }
}

/// One operation.
#[derive(Debug)]
pub(super) enum Op {
    /// What large transactions consist of. The others are larger.
    Insert(Insert),
    Select(Box<Select>),
    Update(Box<Update>),
    Mutate(Box<Mutate>),
    Delete(Box<Delete>),
    Wait(Box<Wait>),
    Commit {
        durable: bool,
    },
    Comment(String),
    Assert {
        lock: String,
    },
}

const _: () = assert!(
    size_of::<Result<Op>>() <= 32,
    "a transaction may have a million of them"
);

impl Program {
    /// Compiles the operations of a request, `params[1..]`. `entropy` makes row uuids and versions.
    pub fn compile(schema: &Arc<Schema>, ops: &[Value<'_>], entropy: &mut dyn FnMut() -> Uuid) -> Program {
        let mut known = Known::default();
        let mut names = Names::new(&mut known, entropy);
        let mut operations = Vec::with_capacity(ops.len());
        for (at, value) in ops.iter().enumerate() {
            let operation = compile_one(schema, value, at + 1, ops.len(), &mut names);
            let is_last = is_last(&operation);
            operations.push(operation);
            if is_last {
                break;
            }
        }
        Program {
            schema: Arc::clone(schema),
            operations,
            count: ops.len(),
            draft: Draft::default(),
        }
    }

    /// The schema that the program was compiled against; it runs on databases of this schema only.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// True if the program can be answered from any view: it only selects, comments and aborts.
    pub fn is_read_only(&self) -> bool {
        self.operations
            .iter()
            .flatten()
            .all(|op| matches!(op, Op::Select(_) | Op::Comment(_)))
    }

    /// Executes a read-only program on a view and returns the result array as JSON.
    ///
    /// Panics if [`Program::is_read_only`] is false.
    pub fn execute_on_view(&self, view: &View) -> Vec<u8> {
        let mut reply = vec![b'['];
        for (at, operation) in self.operations.iter().enumerate() {
            if at > 0 {
                reply.push(b',');
            }
            match operation {
                Ok(Op::Select(select)) => {
                    let schema = self.schema.table(select.table);
                    select.execute(view.table(select.table), schema, &mut reply);
                }
                Ok(Op::Comment(_)) => reply.extend_from_slice(b"{}"),
                Ok(_) => panic!("the program is not read-only"),
                Err(error) => error.write(&mut reply),
            }
        }
        self.finish_reply(self.operations.len(), &mut reply);
        reply
    }

    pub(super) fn operations(&self) -> &[Result<Op>] {
        &self.operations
    }

    /// The record of a commit that the program has made.
    pub(super) fn record(&self, changes: &[TableChanges], annotations: &Annotations<'_>) -> Option<Record> {
        let Some(draft) = self.draft.0.as_ref().and_then(|drafting| drafting.take()) else {
            return record::write(&self.schema, changes, annotations);
        };
        let inserted = self.operations.iter().filter_map(|op| match op {
            Ok(Op::Insert(insert)) => Some((insert.table, insert.row()?)),
            _ => None,
        });
        draft.finish(&self.schema, changes, inserted, annotations)
    }

    /// Completes a result array that has `done` elements: `null` for operations that were not executed.
    pub(super) fn finish_reply(&self, done: usize, reply: &mut Vec<u8>) {
        for at in done..self.count {
            if at > 0 {
                reply.push(b',');
            }
            reply.extend_from_slice(b"null");
        }
        reply.push(b']');
    }
}

/// Compiles a request whose operations come in pieces, and leaves what it inserts to be written ahead.
pub struct Compiler {
    schema: Arc<Schema>,
    names: Known,
    operations: Vec<Result<Op>>,
    drafting: Arc<Drafting>,
    /// Rows that have not been left to be written.
    inserted: Vec<(TableId, Row)>,
    /// Operations of the request so far: as many, or more if one of them is an `abort`.
    count: usize,
}

/// The condition of an operation, whose clauses come in pieces.
#[derive(Debug)]
pub struct Clauses {
    table: TableId,
    clauses: condition::Clauses,
}

/// An operation is wrong in itself; what is to be said of it only the whole request can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong;

impl Compiler {
    pub fn new(schema: &Arc<Schema>) -> Compiler {
        Compiler {
            schema: Arc::clone(schema),
            names: Known::default(),
            operations: Vec::new(),
            drafting: Arc::new(Drafting::new(schema)),
            inserted: Vec::new(),
            count: 0,
        }
    }

    /// Adds the operations that follow. None is looked at after an `abort`, as in [`Program::compile`]. `entropy` makes row uuids and versions.
    pub fn push(
        &mut self,
        ops: &[Value<'_>],
        entropy: &mut dyn FnMut() -> Uuid,
    ) -> std::result::Result<(), Wrong> {
        let is_aborted = self.count > self.operations.len() || self.operations.last().is_some_and(is_abort);
        self.count += ops.len();
        if is_aborted {
            return Ok(());
        }
        let mut names = Names::new(&mut self.names, entropy);
        self.operations.reserve(ops.len());
        self.inserted.reserve(ops.len());
        for value in ops {
            // The numbers are for messages, which are not given here.
            let operation = compile_one(&self.schema, value, 1, 1, &mut names);
            let is_last = is_last(&operation);
            if is_last && !is_abort(&operation) {
                return Err(Wrong);
            }
            if let Ok(Op::Insert(insert)) = &operation
                && let Some(row) = insert.row()
            {
                self.inserted.push((insert.table, row.clone()));
            }
            self.operations.push(operation);
            if is_last {
                break;
            }
        }
        if self.has_draft() {
            self.drafting.add(std::mem::take(&mut self.inserted));
        }
        Ok(())
    }

    /// Whether the record is written ahead. Who executes a small program waits for nobody.
    fn has_draft(&self) -> bool {
        self.operations.len() > LIGHT_OPERATIONS_MAX
    }

    /// What is to be [worked on](Drafting::work) elsewhere meanwhile.
    pub fn drafting(&self) -> &Arc<Drafting> {
        &self.drafting
    }

    /// The condition, empty for now, of an operation on a table; `None` if there is no such table.
    pub fn clauses_on(&self, table: &str) -> Option<Clauses> {
        let table = self.schema.table_named(table)?;
        let clauses = condition::Clauses::default();
        Some(Clauses { table, clauses })
    }

    /// Adds clauses to a condition. `entropy` makes the uuids of rows that are named.
    pub fn push_clauses(
        &mut self,
        clauses: &mut Clauses,
        values: &[Value<'_>],
        entropy: &mut dyn FnMut() -> Uuid,
    ) -> std::result::Result<(), Wrong> {
        let mut names = Names::new(&mut self.names, entropy);
        let table = self.schema.table(clauses.table);
        let pushed = clauses.clauses.push(values, table, Some(&mut names));
        pushed.map_err(|_| Wrong)
    }

    /// Adds an operation on the table of these clauses, which has an empty condition; they take its place.
    pub fn push_with(
        &mut self,
        op: &Value<'_>,
        clauses: Clauses,
        entropy: &mut dyn FnMut() -> Uuid,
    ) -> std::result::Result<(), Wrong> {
        let count = self.operations.len();
        self.push(std::slice::from_ref(op), entropy)?;
        let Some(Ok(pushed)) = self.operations.get_mut(count) else {
            // After an `abort`.
            return Ok(());
        };
        *pushed.condition_mut().ok_or(Wrong)? = clauses.clauses.finish();
        Ok(())
    }

    pub fn finish(self) -> Program {
        // What is aborted in the end leaves no record.
        let is_wanted = self.has_draft() && self.operations.last().is_none_or(Result::is_ok);
        let draft = Draft(is_wanted.then_some(self.drafting));
        Program {
            schema: self.schema,
            operations: self.operations,
            count: self.count,
            draft,
        }
    }
}

impl std::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiler")
            .field("operations", &self.operations.len())
            .finish_non_exhaustive()
    }
}

/// True for `abort`, of which the same is to be said wherever it stands.
fn is_abort(operation: &Result<Op>) -> bool {
    matches!(operation, Err(error) if error.tag == Tag::Aborted)
}

/// True if nothing after the operation is ever executed.
fn is_last(operation: &Result<Op>) -> bool {
    match operation {
        Ok(Op::Insert(insert)) => insert.always_fails(),
        Ok(_) => false,
        Err(_) => true,
    }
}

impl Op {
    /// The operation's name in requests.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Op::Insert(_) => "insert",
            Op::Select(_) => "select",
            Op::Update(_) => "update",
            Op::Mutate(_) => "mutate",
            Op::Delete(_) => "delete",
            Op::Wait(_) => "wait",
            Op::Commit { .. } => "commit",
            Op::Comment(_) => "comment",
            Op::Assert { .. } => "assert",
        }
    }

    /// True for what a read-only server refuses; upstream counts `commit` among them.
    pub(super) fn is_write(&self) -> bool {
        matches!(
            self,
            Op::Insert(_) | Op::Update(_) | Op::Mutate(_) | Op::Delete(_) | Op::Commit { .. }
        )
    }

    fn condition_mut(&mut self) -> Option<&mut Condition> {
        match self {
            Op::Select(select) => Some(&mut select.condition),
            Op::Update(update) => Some(&mut update.condition),
            Op::Mutate(mutate) => Some(&mut mutate.condition),
            Op::Delete(delete) => Some(&mut delete.condition),
            Op::Wait(wait) => Some(&mut wait.condition),
            Op::Insert(_) | Op::Commit { .. } | Op::Comment(_) | Op::Assert { .. } => None,
        }
    }

    /// The table whose rows the outcome depends on.
    pub(super) fn table(&self) -> Option<TableId> {
        match self {
            Op::Insert(insert) => Some(insert.table),
            Op::Select(select) => Some(select.table),
            Op::Update(update) => Some(update.table),
            Op::Mutate(mutate) => Some(mutate.table),
            Op::Delete(delete) => Some(delete.table),
            Op::Wait(wait) => Some(wait.table),
            Op::Commit { .. } | Op::Comment(_) | Op::Assert { .. } => None,
        }
    }
}

/// Parses a `where` member, whose array-ness is known.
pub(super) fn parse_where(
    clauses: &Value<'_>,
    table: &TableSchema,
    names: &mut Names<'_>,
) -> Result<Condition> {
    let clauses = clauses.as_array().expect("`where` was accepted as an array only");
    Condition::parse_where(clauses, table, Some(names))
}

fn compile_one(
    schema: &Schema,
    value: &Value<'_>,
    index: usize,
    count: usize,
    names: &mut Names<'_>,
) -> Result<Op> {
    let table_exists = |name: &str| schema.table_named(name).is_some();
    let shape = Operation::parse(*value, index, count, &table_exists)?;
    let table_of = |name: &str| {
        schema
            .table_named(name)
            .expect("parsing the shape has looked the table up")
    };
    Ok(match &shape {
        Operation::Insert(shape) => Op::Insert(Insert::compile(schema, table_of(shape.table), shape, names)?),
        Operation::Select(shape) => {
            Op::Select(Select::compile(schema, table_of(shape.table), shape, names)?.into())
        }
        Operation::Update(shape) => {
            Op::Update(Update::compile(schema, table_of(shape.table), shape, value, names)?.into())
        }
        Operation::Mutate(shape) => {
            Op::Mutate(Mutate::compile(schema, table_of(shape.table), shape, names)?.into())
        }
        Operation::Delete(shape) => {
            Op::Delete(Delete::compile(schema, table_of(shape.table), shape, names)?.into())
        }
        Operation::Wait(shape) => {
            let wait = Wait::compile(schema, table_of(shape.table), shape, names)?;
            Op::Wait(Box::new(wait))
        }
        Operation::Commit { durable } => Op::Commit { durable: *durable },
        Operation::Abort => return Err(OvsdbError::new(Tag::Aborted, "aborted by request")),
        Operation::Comment { comment } => Op::Comment(comment.to_string()),
        Operation::Assert { lock } => Op::Assert {
            lock: (*lock).to_owned(),
        },
    })
}
