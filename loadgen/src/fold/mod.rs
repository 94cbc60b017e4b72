//! Folds updates into what a client knows, so that it can be compared with the database in the end.
//!
//! Goes in: the bytes of first replies and of `update2`/`update3` notifications, in order, for each client. Comes out:
//! shared [`State`]s with a digest. Holds: an update that names a row which it cannot name (a second insertion, a
//! change of what is not there) is a wrong answer at once. Absent: `update` of RFC 7047, which no client of OVN asks
//! for any more.

pub mod columns;
mod elements;
pub mod row;
pub mod state;

use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use bumpalo::Bump;
use ovsdb_wire::frame::{Framer, Scan};
use ovsdb_wire::parse::Parser;
use ovsdb_wire::value::{Object, Value};
use twox_hash::XxHash3_128;

use crate::error::{Failure, Result};
use crate::fold::columns::Columns;
use crate::fold::row::Row;
use crate::fold::state::{Change, How, State, Touched};
use crate::limits;

/// The monitor id of the `_Server` database, as clients of upstream's library choose it.
pub const SERVER_MONITOR_ID: &str = r#"["monid","_Server"]"#;

/// The hash by which messages are compared.
pub fn hash(text: &[u8]) -> u128 {
    XxHash3_128::oneshot(text)
}

/// What a first reply tells of.
pub fn contents(columns: &Arc<Columns>, text: &[u8]) -> Result<Rc<State>> {
    let mut folds = Folds::new(columns.clone());
    let change = folds
        .fold(&folds.empty(), hash(text), Some(text))?
        .expect("the text was given");
    let no_data = || Failure::Wrong(format!("no contents of a database: {}", shorten(text)));
    change.after.clone().ok_or_else(no_data)
}

/// Folds for the clients of one thread.
pub struct Folds {
    columns: Arc<Columns>,
    empty: Rc<State>,
    states: HashMap<u128, Weak<State>>,
    rows: HashMap<u128, Weak<Row>>,
    /// Changes that clients may still have before them, and the rows that they name.
    recent: VecDeque<Rc<Change>>,
    recent_rows: usize,
    parser: Parser,
    arena: Bump,
    scratch: Vec<u8>,
}

impl Folds {
    pub fn new(columns: Arc<Columns>) -> Folds {
        Folds {
            columns,
            empty: Rc::default(),
            states: HashMap::new(),
            rows: HashMap::new(),
            recent: VecDeque::new(),
            recent_rows: 0,
            parser: Parser::new(),
            arena: Bump::new(),
            scratch: Vec::new(),
        }
    }

    /// What a client knows before anything is told.
    pub fn empty(&self) -> Rc<State> {
        self.empty.clone()
    }

    /// The change that a message with this hash makes to `before`. Without the text only what another client has got
    /// before is known: `Ok(None)` means that the text is needed.
    pub fn fold(
        &mut self,
        before: &Rc<State>,
        hash: u128,
        text: Option<&[u8]>,
    ) -> Result<Option<Rc<Change>>> {
        if let Some(change) = before.known(hash) {
            return Ok(Some(change));
        }
        let Some(text) = text else { return Ok(None) };
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend_from_slice(text);
        let mut arena = std::mem::take(&mut self.arena);
        let change = self
            .parse(before, &mut scratch, &arena)
            .map_err(|failure| match failure {
                Failure::Wrong(reason) => Failure::Wrong(format!("{reason} in {}", shorten(text))),
                other => other,
            });
        arena.reset();
        self.arena = arena;
        self.scratch = scratch;
        let change = Rc::new(change?);
        before.learn(hash, &change, text.len() > limits::PARTIAL_BYTES_MAX);
        self.remember(change.clone());
        Ok(Some(change))
    }

    /// Holds a change for the clients that get it later, and lets go of the oldest ones.
    fn remember(&mut self, change: Rc<Change>) {
        self.recent_rows += change.touched.len();
        self.recent.push_back(change);
        while self.recent.len() > limits::RECENT_CHANGES_MAX || self.recent_rows > limits::RECENT_ROWS_MAX {
            let Some(oldest) = self.recent.pop_front() else {
                break;
            };
            self.recent_rows -= oldest.touched.len();
        }
    }

    fn parse(&mut self, before: &Rc<State>, text: &mut [u8], arena: &Bump) -> Result<Change> {
        let wrong = |reason: &str| Failure::Wrong(reason.to_owned());
        let flags = match Framer::new().scan(text) {
            Ok(Scan::Text { flags, .. }) => flags,
            _ => return Err(wrong("a message that is not JSON")),
        };
        let parsed = self.parser.parse(text, flags, arena);
        let message = parsed
            .ok()
            .and_then(|value| value.as_object())
            .ok_or_else(|| wrong("a message that is not JSON"))?;
        let params = message.get("params").and_then(|params| params.as_array());
        let result = message.get("result");
        let (last_id, updates) = match (params, result) {
            // update2, update3
            (Some([id, ..]), _) if is_server_monitor(id) => return Ok(Change::elsewhere()),
            (Some([_, updates]), _) => (None, *updates),
            (Some([_, last_id, updates]), _) => (Some(*last_id), *updates),
            // monitor_cond_since, monitor_cond
            (None, Some(Value::Array([Value::Bool(_), last_id, updates]))) => (Some(*last_id), *updates),
            (None, Some(updates)) => (None, updates),
            _ => return Err(wrong("an update of unknown form")),
        };
        let last_id = match last_id {
            None => None,
            Some(id) => Some(
                id.as_str()
                    .and_then(parse_uuid)
                    .ok_or_else(|| wrong("a transaction id that is no UUID"))?,
            ),
        };
        let updates = updates
            .as_object()
            .ok_or_else(|| wrong("an update that is no object"))?;
        self.apply(before, last_id, updates)
    }

    fn apply(&mut self, before: &Rc<State>, last_id: Option<u128>, updates: Object<'_>) -> Result<Change> {
        let columns = self.columns.clone();
        let mut rows = before.rows().clone();
        let mut digest = before.digest();
        let mut touched = Vec::new();
        for (name, table_update) in updates.members() {
            let wrong = |reason: &str| Failure::Wrong(format!("{reason} in table {name}"));
            let (number, table) = columns.table(name).ok_or_else(|| wrong("an unknown table"))?;
            let table_update = table_update.as_object().ok_or_else(|| wrong("no object"))?;
            for (uuid, update) in table_update.members() {
                let uuid = parse_uuid(uuid).ok_or_else(|| wrong("a row without a UUID"))?;
                let update = update
                    .as_object()
                    .ok_or_else(|| wrong("a row update that is no object"))?;
                let [(kind, contents)] = update.members() else {
                    return Err(wrong("a row update with other than one member"));
                };
                let how = match *kind {
                    "initial" | "insert" => How::Inserted,
                    "modify" => How::Modified,
                    "delete" => How::Deleted,
                    _ => return Err(wrong("a row update of unknown kind")),
                };
                let old = rows.get(&uuid).cloned();
                let new = match (how, &old, contents.as_object()) {
                    (How::Inserted, None, Some(contents)) => {
                        Some(Row::inserted(number, table, uuid, contents)?)
                    }
                    (How::Modified, Some(old), Some(contents)) => Some(old.modified(table, uuid, contents)?),
                    (How::Deleted, Some(_), None) => None,
                    (How::Inserted, Some(_), _) => return Err(wrong("an insertion of a row that is there")),
                    (_, None, _) => return Err(wrong("a change of a row that is not there")),
                    _ => return Err(wrong("a row update without contents")),
                };
                touched.push(Touched {
                    table: number,
                    uuid,
                    how,
                });
                if let Some(old) = &old {
                    digest = digest.wrapping_sub(old.digest);
                }
                match new {
                    None => {
                        rows.remove_mut(&uuid);
                    }
                    Some(new) => {
                        digest = digest.wrapping_add(new.digest);
                        rows.insert_mut(uuid, self.intern_row(new));
                    }
                }
            }
        }
        let after = before.successor(rows, digest);
        Ok(Change {
            touched,
            last_id,
            after: Some(self.intern_state(after)),
        })
    }

    /// Rows of equal contents are one, also between clients with different conditions.
    fn intern_row(&mut self, row: Row) -> Rc<Row> {
        if let Some(known) = self.rows.get(&row.digest).and_then(Weak::upgrade) {
            return known;
        }
        if self.rows.len() == self.rows.capacity() {
            self.rows.retain(|_, row| row.strong_count() > 0);
        }
        let row = Rc::new(row);
        self.rows.insert(row.digest, Rc::downgrade(&row));
        row
    }

    /// Clients that came to the same contents in other steps are one from then on.
    fn intern_state(&mut self, state: State) -> Rc<State> {
        if let Some(known) = self.states.get(&state.digest()).and_then(Weak::upgrade)
            && known.generation() >= state.generation()
        {
            return known;
        }
        if self.states.len() == self.states.capacity() {
            self.states.retain(|_, state| state.strong_count() > 0);
        }
        let state = Rc::new(state);
        self.states.insert(state.digest(), Rc::downgrade(&state));
        state
    }
}

impl Change {
    fn elsewhere() -> Change {
        Change {
            touched: Vec::new(),
            last_id: None,
            after: None,
        }
    }
}

fn is_server_monitor(id: &Value<'_>) -> bool {
    matches!(id, Value::Array([_, Value::String("_Server")]))
}

/// A UUID in its usual notation.
pub fn parse_uuid(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    if bytes.len() != 36 || [8, 13, 18, 23].iter().any(|&at| bytes[at] != b'-') {
        return None;
    }
    let mut number = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if ![8, 13, 18, 23].contains(&at) {
            number = number << 4 | u128::from(char::from(byte).to_digit(16)?);
        }
    }
    Some(number)
}

/// A UUID in its usual notation.
pub fn uuid_text(uuid: u128) -> String {
    let hex = format!("{uuid:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// The beginning of a message, for an error text.
pub fn shorten(text: &[u8]) -> String {
    const SHOWN: usize = 300;
    let shown = String::from_utf8_lossy(&text[..text.len().min(SHOWN)]).into_owned();
    if text.len() > SHOWN {
        format!("{shown}…")
    } else {
        shown
    }
}

#[cfg(test)]
mod tests;
