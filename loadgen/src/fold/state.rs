//! What clients know, shared by all that know the same.
//!
//! ```text
//!   State ──(hash of the bytes of an update)──► Change ──► State ──► …
//!     ▲ ▲                                                    ▲
//!   10,000 clients point here; the first that gets the update parses and folds it, the others follow the edge.
//! ```
//!
//! A state is a persistent map, so that a new one costs what the update changes. Edges lead to states of higher
//! generations only, so there are no cycles. An edge does not keep what it leads to: what clients stand at lives, and
//! what [`Folds`](crate::fold::Folds) holds as recent; an update that nobody remembers is parsed again. The edges of long
//! messages, whose text is not kept by every client, live as long as the state where they begin.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use rpds::HashTrieMap;

use crate::fold::row::Row;

/// The folded contents of a monitor.
#[derive(Debug, Default)]
pub struct State {
    rows: HashTrieMap<u128, Rc<Row>>,
    /// The sum of the rows' digests: equal for equal contents, whatever the way that led there.
    digest: u128,
    generation: u64,
    next: RefCell<Vec<(u128, Edge)>>,
}

/// Where the bytes of an update lead.
#[derive(Debug)]
enum Edge {
    /// As long as anybody holds it.
    Known(Weak<Change>),
    /// As long as the state where it begins.
    Kept(Rc<Change>),
}

impl Edge {
    fn change(&self) -> Option<Rc<Change>> {
        match self {
            Edge::Known(change) => change.upgrade(),
            Edge::Kept(change) => Some(change.clone()),
        }
    }
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
        let (_, edge) = next.iter().find(|(known, _)| *known == hash)?;
        edge.change()
    }

    /// Whether the change that some long message makes is known.
    pub fn knows_long(&self) -> bool {
        let next = self.next.borrow();
        next.iter().any(|(_, edge)| matches!(edge, Edge::Kept(_)))
    }

    /// Remembers a change; for as long as this state lives, if it `is_long`.
    pub(super) fn learn(&self, hash: u128, change: &Rc<Change>, is_long: bool) {
        let mut next = self.next.borrow_mut();
        if next.len() == next.capacity() {
            next.retain(|(_, edge)| edge.change().is_some());
        }
        next.retain(|(known, _)| *known != hash);
        next.push((
            hash,
            match is_long {
                true => Edge::Kept(change.clone()),
                false => Edge::Known(Rc::downgrade(change)),
            },
        ));
    }
}

/// A long chain of states ends without recursion.
impl Drop for State {
    fn drop(&mut self) {
        let mut edges = std::mem::take(self.next.get_mut());
        while let Some((_, edge)) = edges.pop() {
            let Edge::Kept(change) = edge else { continue };
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
