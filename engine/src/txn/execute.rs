//! Executing a program on the working version, up to the commit or to an untouched store.

use super::program::{Op, Program};
use super::wait::Wait;
use crate::commit::{self, Record, record};
use crate::error::{OvsdbError, Result, Tag};
use crate::ids::CommitSeq;
use crate::rbac::{Access, Client};
use crate::store::{ChangeSet, Store};
use ovsdb_wire::write;
use sha1::{Digest, Sha1};
use std::sync::Arc;
use uuid::Uuid;

/// What an execution is told about its surroundings.
pub struct Context<'a> {
    /// Wall clock in ms since 1970, for the record's `_date`.
    pub now_ms: i64,
    /// Milliseconds since the request arrived, for `wait`.
    pub elapsed_ms: u64,
    /// The remote or the database takes no writes.
    pub read_only: bool,
    /// The database's name begins with `_`.
    pub reserved: bool,
    /// Who asks, for access control.
    pub client: Client<'a>,
    /// Whether the session owns the lock.
    pub owns_lock: &'a dyn Fn(&str) -> bool,
    /// Makes the new `_version` of a changed row.
    pub version: &'a mut dyn FnMut() -> Uuid,
    /// Whether records hold differences of columns (`_is_diff`) rather than whole values.
    pub column_diff: bool,
    /// Random, of this process: identifies commits that leave no record.
    pub nonce: Uuid,
}

/// How an execution ended.
#[derive(Debug)]
pub enum Outcome {
    /// There is a reply.
    Finished {
        /// The result array as JSON.
        reply: Vec<u8>,
        /// Absent if nothing changed; the store is then as before.
        commit: Option<Committed>,
    },
    /// A `wait` is not satisfied; the store is as before. To be executed again after a change that
    /// [concerns](Program::is_concerned) it, or when the deadline has passed.
    Waiting {
        /// Milliseconds after the arrival of the request; later than [`Context::elapsed_ms`].
        deadline_ms: Option<u64>,
        /// Operations up to the unsatisfied wait, which is the last of them.
        executed: usize,
    },
}

/// A commit that the store now holds and that is not durable yet.
#[derive(Debug)]
pub struct Committed {
    pub changes: ChangeSet,
    /// Absent if only ephemeral columns changed.
    pub record: Option<Record>,
    /// Whether a `commit` operation asked for durability.
    pub durable: bool,
    /// Locks that `assert` operations found owned.
    pub asserted_locks: Vec<String>,
}

/// The transaction under execution.
pub(super) struct Execution<'s> {
    pub(super) store: &'s mut Store,
    /// What the client may write; `None` does not restrict it.
    pub(super) access: Option<Access<'s>>,
    durable: bool,
    comment: String,
    asserted_locks: Vec<String>,
    deadline_ms: Option<u64>,
}

/// What comes after an operation.
enum Next {
    Continue,
    /// A `wait` is not satisfied and may wait on.
    Park,
}

/// Bytes of the result of an insertion, and a comma; hardly any other operation has a longer one.
const RESULT_BYTES: usize = r#"{"uuid":["uuid","01234567-89ab-cdef-0123-456789abcdef"]},"#.len();

/// Executes `program` and commits it, all or nothing.
///
/// The store must have no open transaction, and has none afterwards.
pub fn execute(store: &mut Store, program: &Program, ctx: &mut Context<'_>) -> Outcome {
    assert!(
        Arc::ptr_eq(store.schema(), program.schema()),
        "a program runs on the schema that it was compiled against"
    );
    store.begin();
    let mut run = Execution {
        access: Access::of(ctx.client, store.schema()),
        store,
        durable: false,
        comment: String::new(),
        asserted_locks: Vec::new(),
        deadline_ms: None,
    };
    let count = program.operations().len();
    run.store.expect(count);
    let mut reply = Vec::with_capacity(RESULT_BYTES * count);
    reply.push(b'[');
    for (at, operation) in program.operations().iter().enumerate() {
        if at > 0 {
            reply.push(b',');
        }
        let start = reply.len();
        let result = match operation {
            Ok(op) => run.step(op, ctx, &mut reply),
            Err(error) => Err(error.clone()),
        };
        match result {
            Ok(Next::Continue) => {}
            Ok(Next::Park) => {
                run.store.undo();
                return Outcome::Waiting {
                    deadline_ms: run.deadline_ms,
                    executed: at + 1,
                };
            }
            Err(error) => {
                run.store.undo();
                reply.truncate(start);
                error.write(&mut reply);
                program.finish_reply(at + 1, &mut reply);
                return Outcome::Finished { reply, commit: None };
            }
        }
    }
    program.finish_reply(program.operations().len(), &mut reply);
    let commit = match commit::run_passes(run.store, ctx.version) {
        Ok(()) => run.finish(program, ctx),
        Err(error) => {
            run.store.undo();
            append_error(&mut reply, &error);
            None
        }
    };
    Outcome::Finished { reply, commit }
}

/// Adds the error of a failed commit to a result array, as element N+1 after the N operations.
pub fn append_error(reply: &mut Vec<u8>, error: &OvsdbError) {
    assert_eq!(reply.pop(), Some(b']'), "a result array is complete");
    if reply.len() > 1 {
        reply.push(b',');
    }
    error.write(reply);
    reply.push(b']');
}

/// Id of the commit whose record has the hash `record_sha1`, after the commit with id `previous`.
pub fn next_txn_id(previous: Uuid, record_sha1: &[u8; 20]) -> Uuid {
    let mut hash = Sha1::new();
    hash.update(previous.as_bytes());
    hash.update(record_sha1);
    first_128_bits(hash)
}

/// Id of the commit number `seq`, which leaves no record, so that the id must not outlive the process.
pub fn next_unlogged_txn_id(previous: Uuid, nonce: Uuid, seq: CommitSeq) -> Uuid {
    let mut hash = Sha1::new();
    hash.update(previous.as_bytes());
    hash.update(nonce.as_bytes());
    hash.update(seq.0.to_be_bytes());
    first_128_bits(hash)
}

fn first_128_bits(hash: Sha1) -> Uuid {
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(bytes)
}

/// Appends the result of an operation on the rows that match.
pub(super) fn write_count(count: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"count\":");
    write::integer(out, count as i64);
    out.push(b'}');
}

impl Execution<'_> {
    /// Executes one operation and appends its result.
    fn step(&mut self, op: &Op, ctx: &Context<'_>, out: &mut Vec<u8>) -> Result<Next> {
        match op {
            Op::Insert(insert) => insert.execute(self, out)?,
            Op::Select(select) => {
                let schema = self.store.schema().table(select.table);
                select.execute(self.store.table(select.table), schema, out);
            }
            Op::Update(update) => update.execute(self, out)?,
            Op::Mutate(mutate) => mutate.execute(self, out)?,
            Op::Delete(delete) => delete.execute(self, out)?,
            Op::Wait(wait) => {
                if let Next::Park = self.wait(wait, ctx.elapsed_ms)? {
                    return Ok(Next::Park);
                }
                out.extend_from_slice(b"{}");
            }
            Op::Commit { durable } => {
                self.durable |= durable;
                out.extend_from_slice(b"{}");
            }
            Op::Comment(comment) => {
                if !self.comment.is_empty() {
                    self.comment.push('\n');
                }
                self.comment.push_str(comment);
                out.extend_from_slice(b"{}");
            }
            Op::Assert { lock } => {
                if !(ctx.owns_lock)(lock) {
                    let details = format!("Asserted lock {lock} not held.");
                    return Err(OvsdbError::new(Tag::NotOwner, details));
                }
                self.asserted_locks.push(lock.clone());
                out.extend_from_slice(b"{}");
            }
        }
        self.check_writable(op, ctx)?;
        Ok(Next::Continue)
    }

    fn wait(&mut self, wait: &Wait, elapsed_ms: u64) -> Result<Next> {
        // The transaction is tried again when the first of its timeouts passes; one that has passed already
        // without an error gives no reason to.
        if let Some(timeout_ms) = wait.timeout_ms.filter(|timeout_ms| *timeout_ms > elapsed_ms) {
            self.deadline_ms = Some(self.deadline_ms.unwrap_or(timeout_ms).min(timeout_ms));
        }
        let schema = self.store.schema().table(wait.table);
        if wait.is_satisfied(self.store.table(wait.table), schema) {
            return Ok(Next::Continue);
        }
        wait.check_timeout(elapsed_ms)?;
        Ok(Next::Park)
    }

    /// Refuses a write that is not allowed; as upstream after the operation has succeeded otherwise.
    fn check_writable(&self, op: &Op, ctx: &Context<'_>) -> Result<()> {
        if !op.is_write() || !(ctx.read_only || ctx.reserved) {
            return Ok(());
        }
        let name = op.name();
        let details = if ctx.read_only {
            format!("{name} operation not allowed when database server is in read only mode")
        } else {
            let database = &self.store.schema().name;
            format!("{name} operation not allowed on table in reserved database {database}")
        };
        Err(OvsdbError::new(Tag::NotAllowed, details))
    }

    /// Closes the transaction, which has passed all passes, as the next commit if there is anything to it.
    fn finish(self, program: &Program, ctx: &Context<'_>) -> Option<Committed> {
        let changes = self.store.net_changes();
        if changes.is_empty() {
            self.store.undo();
            return None;
        }
        let annotations = record::Annotations {
            now_ms: ctx.now_ms,
            comment: Some(self.comment.as_str()).filter(|comment| !comment.is_empty()),
            column_diff: ctx.column_diff,
        };
        let record = program.record(&changes, &annotations);
        let previous = self.store.txn_id();
        let txn_id = match &record {
            Some(record) => next_txn_id(previous, &record.sha1),
            None => next_unlogged_txn_id(previous, ctx.nonce, self.store.seq().next()),
        };
        Some(Committed {
            changes: self.store.finish_as(txn_id, changes),
            record,
            durable: self.durable,
            asserted_locks: self.asserted_locks,
        })
    }
}
