//! What clients know, shared by all that know the same.
//!
//! ```text
//!   State ──(hash of the bytes of an update)──► Change ──► State ──► …
//!     ▲ ▲                                                    ▲
//!   10,000 clients point here; the first that gets the update parses and folds it, the others follow the edge.
//! ```
//!
//! A state is a persistent map, so that a new one costs what the update changes. Edges lead to states of higher
//! generations only; there are no cycles, and a state vanishes when no client stands at it or before it.

use std::cell::RefCell;
use std::rc::Rc;

use rpds::HashTrieMap;

use crate::fold::row::Row;

/// The folded contents of a monitor.
#[derive(Debug, Default)]
pub struct State {
    rows: HashTrieMap<u128, Rc<Row>>,
    /// The sum of the rows' digests: equal for equal contents, whatever the way that led there.
    digest: u128,
    generation: u64,
    next: RefCell<Vec<(u128, Rc<Change>)>>,
}

/// What an update did.
#[derive(Debug)]
pub struct Change {
    pub touched: Vec<Touched>,
    /// The transaction id that it came with.
    pub last_id: Option<u128>,
    /// What is known then; `None` if it concerns another monitor.
    pub after: Option<Rc<State>>,
}

/// A row that an update named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touched {
    pub table: u16,
    pub uuid: u128,
    pub how: How,
}

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Inserted,
    Modified,
    Deleted,
}

impl State {
    /// A state with other rows, to follow this one.
    pub(super) fn successor(&self, rows: HashTrieMap<u128, Rc<Row>>, digest: u128) -> State {
        State {
            rows,
            digest,
            generation: self.generation + 1,
            next: RefCell::default(),
        }
    }

    pub(super) fn rows(&self) -> &HashTrieMap<u128, Rc<Row>> {
        &self.rows
    }

    /// A row.
    pub fn get(&self, uuid: u128) -> Option<&Row> {
        self.rows.get(&uuid).map(|row| &**row)
    }

    /// All rows.
    pub fn iter(&self) -> impl Iterator<Item = (u128, &Row)> {
        self.rows.iter().map(|(uuid, row)| (*uuid, &**row))
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.size()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn digest(&self) -> u128 {
        self.digest
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The change that bytes of that hash make, if they came by before.
    pub(super) fn known(&self, hash: u128) -> Option<Rc<Change>> {
        let next = self.next.borrow();
        next.iter()
            .find(|(known, _)| *known == hash)
            .map(|(_, change)| change.clone())
    }

    pub(super) fn learn(&self, hash: u128, change: Rc<Change>) {
        self.next.borrow_mut().push((hash, change));
    }
}

/// A long chain of states ends without recursion.
impl Drop for State {
    fn drop(&mut self) {
        let mut edges = std::mem::take(self.next.get_mut());
        while let Some((_, change)) = edges.pop() {
            let Some(mut state) = Rc::into_inner(change)
                .and_then(|change| change.after)
                .and_then(Rc::into_inner)
            else {
                continue;
            };
            edges.append(state.next.get_mut());
        }
    }
}
