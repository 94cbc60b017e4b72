//! The rows of first replies and of changed conditions, written once for every 32 rows and shape.
//!
//! The rows of a table lie in blocks that stay the same, address included, from version to version unless
//! one of their rows changes. A dump is a gather list of the blocks' fragments: the next client that asks for the same
//! costs no formatting and no memory but the list, and a commit costs the fragments of the blocks it touched.
//! A client whose condition selects some rows of a block gets slices of its fragment, which holds those rows that
//! somebody has asked for.

use super::shape::Shape;
use crate::hash::HashMap;
use crate::limits::{FRAGMENT_BYTES_MIN, FRAGMENT_BYTES_PER_ROW, FRAGMENT_SHAPES_MAX, TREE_FANOUT};
use crate::store::{Places, RowBlock, RowBlockId};
use bytes::Bytes;
use parking_lot::Mutex;

/// Fragments of one database, shared by all workers.
///
/// When the budget is full, fragments of blocks that are gone and those nobody has asked for since the
/// last such sweep make room; if there are none, what is written is not kept. So a cycle of dumps larger
/// than the budget still finds as much as fits.
#[derive(Debug, Default)]
pub struct Fragments {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Numbers of shapes; at most `FRAGMENT_SHAPES_MAX`.
    shapes: HashMap<Shape, ShapeNumber>,
    fragments: HashMap<Key, Box<Fragment>>,
    bytes: usize,
    /// Requests since the last sweep.
    requests_count: usize,
}

/// A shape for which fragments are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ShapeNumber(u32);

/// The address of a block, what is shown of its rows, and whether as `insert` instead of `initial`.
type Key = (usize, ShapeNumber, bool);

#[derive(Debug)]
struct Fragment {
    block: RowBlockId,
    rows: Rows,
    /// Asked for since the last sweep.
    is_used: bool,
}

/// Updates of some rows of a block, one after another, each with a comma before it.
#[derive(Clone, Debug, Default)]
struct Rows {
    text: Bytes,
    /// Which rows are here; of places without a row, those that were asked for.
    places: Places,
    /// Where in `text` the update of the row at each place ends, or would end.
    ends: [usize; TREE_FANOUT],
}

impl Rows {
    /// These rows and, written by `write`, the others of `places`.
    fn with(&self, places: Places, scratch: &mut Vec<u8>, write: &mut dyn FnMut(u32, &mut Vec<u8>)) -> Rows {
        let mut rows = Rows {
            places: self.places.union(places),
            ..Rows::default()
        };
        scratch.clear();
        for place in 0..TREE_FANOUT as u32 {
            if self.places.contains(place) {
                scratch.extend_from_slice(&self.text[self.start(place)..self.end(place)]);
            } else if places.contains(place) {
                write(place, scratch);
            }
            rows.ends[place as usize] = scratch.len();
        }
        rows.text = Bytes::copy_from_slice(scratch);
        rows
    }

    fn start(&self, place: u32) -> usize {
        place.checked_sub(1).map_or(0, |before| self.end(before))
    }

    fn end(&self, place: u32) -> usize {
        self.ends[place as usize]
    }

    /// Calls `each` with the text of these rows, in as few pieces as there are.
    fn each_piece(&self, places: Places, each: &mut dyn FnMut(Bytes)) {
        if places == Places::ALL {
            if !self.text.is_empty() {
                each(self.text.clone());
            }
            return;
        }
        let (mut start, mut end) = (0, 0);
        for place in places.iter() {
            if self.start(place) != end {
                if end > start {
                    each(self.text.slice(start..end));
                }
                start = self.start(place);
            }
            end = self.end(place);
        }
        if end > start {
            each(self.text.slice(start..end));
        }
    }
}

/// Rows of a block as a client is to see them.
pub(super) struct Wanted<'v> {
    pub(super) block: RowBlock<'v>,
    pub(super) places: Places,
    pub(super) shape: ShapeNumber,
    /// As `insert`, after a change of conditions, instead of `initial`.
    pub(super) is_insert: bool,
}

impl Fragments {
    /// The number of a shape, or `None` if there are too many to keep fragments for.
    pub(super) fn shape_number(&self, shape: &Shape) -> Option<ShapeNumber> {
        let mut inner = self.inner.lock();
        if let Some(number) = inner.shapes.get(shape) {
            return Some(*number);
        }
        let number = ShapeNumber(inner.shapes.len() as u32);
        (inner.shapes.len() < FRAGMENT_SHAPES_MAX).then(|| {
            inner.shapes.insert(shape.clone(), number);
            number
        })
    }

    /// Calls `each` with the updates of some rows of a block, written by `write` as far as they are not at hand.
    ///
    /// `write` appends that of the row at a place, or nothing if there is none. `rows_count` is the size of the database, after which
    /// the budget goes.
    pub(super) fn each_piece(
        &self,
        wanted: &Wanted<'_>,
        rows_count: usize,
        scratch: &mut Vec<u8>,
        write: &mut dyn FnMut(u32, &mut Vec<u8>),
        each: &mut dyn FnMut(Bytes),
    ) {
        let key = (wanted.block.address(), wanted.shape, wanted.is_insert);
        let known = {
            let mut inner = self.inner.lock();
            inner.requests_count += 1;
            match inner.fragments.get_mut(&key) {
                Some(fragment) => {
                    fragment.is_used = true;
                    if fragment.rows.places.covers(wanted.places) {
                        return fragment.rows.each_piece(wanted.places, each);
                    }
                    fragment.rows.clone()
                }
                None => Rows::default(),
            }
        };
        // Written without the lock: two workers may do so at once, and one of them has done it for nothing.
        let rows = known.with(wanted.places, scratch, write);
        rows.each_piece(wanted.places, each);
        let fragment = Fragment {
            block: wanted.block.id(),
            rows,
            is_used: true,
        };
        let bytes_max = FRAGMENT_BYTES_MIN.max(rows_count * FRAGMENT_BYTES_PER_ROW);
        self.inner.lock().keep(key, fragment, bytes_max);
    }

    /// Number of fragments and their bytes.
    pub fn size(&self) -> (usize, usize) {
        let inner = self.inner.lock();
        (inner.fragments.len(), inner.bytes)
    }
}

impl Inner {
    fn keep(&mut self, key: Key, fragment: Fragment, bytes_max: usize) {
        let bytes = fragment.bytes();
        if self.bytes + bytes > bytes_max && self.requests_count > self.fragments.len() {
            self.sweep();
        }
        if self.bytes + bytes > bytes_max {
            return;
        }
        self.bytes += bytes;
        if let Some(before) = self.fragments.insert(key, Box::new(fragment)) {
            self.bytes -= before.bytes();
        }
    }

    fn sweep(&mut self) {
        self.requests_count = 0;
        let mut bytes = 0;
        self.fragments.retain(|_, fragment| {
            let is_kept = fragment.block.is_alive() && std::mem::take(&mut fragment.is_used);
            if is_kept {
                bytes += fragment.bytes();
            }
            is_kept
        });
        self.bytes = bytes;
    }
}

impl Fragment {
    /// Memory, the entry and the reserved block included.
    fn bytes(&self) -> usize {
        self.rows.text.len()
            + size_of::<Fragment>()
            + size_of::<(Key, Box<Fragment>)>()
            + TREE_FANOUT * size_of::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::{Fragment, Inner, Rows, ShapeNumber};
    use crate::datum::{Atom, Datum};
    use crate::ids::TableId;
    use crate::monitor::tests::schema;
    use crate::store::{Row, Store, View};
    use bytes::Bytes;
    use std::sync::Arc;
    use uuid::Uuid;

    fn fragment(view: &View, length: usize) -> (usize, Fragment) {
        let block = view.table(TableId(0)).blocks().next().expect("there is a row");
        let fragment = Fragment {
            block: block.id(),
            rows: Rows {
                text: Bytes::from(vec![b'x'; length]),
                ..Rows::default()
            },
            is_used: true,
        };
        (block.address(), fragment)
    }

    fn row(number: u128) -> Row {
        let mut columns = vec![Datum::One(Atom::Integer(0)); 3];
        columns[0] = Datum::One(Atom::Uuid(Uuid::from_u128(number)));
        Row::new(columns)
    }

    #[test]
    fn a_full_cache_keeps_what_is_used_and_lets_go_of_what_is_not() {
        let mut store = Store::new(Arc::new(schema()), 1, Uuid::nil());
        store.begin();
        store.insert(TableId(0), row(1));
        store.finish(Uuid::nil());
        let view = store.view();
        let mut cache = Inner::default();
        let (address, first) = fragment(&view, 1000);
        let bytes = first.bytes();
        let is_kept = |cache: &mut Inner, shape: u32| {
            let (_, next) = fragment(&view, 1000);
            cache.requests_count += 10;
            cache.keep((address, ShapeNumber(shape), false), next, bytes * 2);
            assert_eq!(cache.bytes, cache.fragments.len() * bytes);
            cache
                .fragments
                .contains_key(&(address, ShapeNumber(shape), false))
        };
        assert!(is_kept(&mut cache, 0));
        assert!(is_kept(&mut cache, 1));
        assert!(!is_kept(&mut cache, 2), "both have just been used");
        let used = cache.fragments.get_mut(&(address, ShapeNumber(0), false));
        used.expect("it has stayed").is_used = true;
        assert!(is_kept(&mut cache, 2), "nobody has asked for 1 since");
        assert!(cache.fragments.contains_key(&(address, ShapeNumber(0), false)));
        assert!(!cache.fragments.contains_key(&(address, ShapeNumber(1), false)));
    }

    #[test]
    fn a_block_is_dead_once_no_version_has_it() {
        let mut store = Store::new(Arc::new(schema()), 1, Uuid::nil());
        store.begin();
        let slot = store.insert(TableId(0), row(1));
        store.finish(Uuid::nil());
        let view = store.view();
        let (address, fragment) = fragment(&view, 0);
        let change = |store: &mut Store| {
            store.begin();
            store.replace(TableId(0), slot, row(1));
            store.finish(Uuid::nil());
        };
        change(&mut store);
        assert!(fragment.block.is_alive(), "the view still has it");
        let newer = store.view();
        let new_address = newer
            .table(TableId(0))
            .blocks()
            .next()
            .map(|block| block.address());
        assert_ne!(new_address, Some(address));
        drop(view);
        assert!(!fragment.block.is_alive());

        let (_, fragment) = super::tests::fragment(&newer, 0);
        drop(newer);
        change(&mut store);
        assert!(
            !fragment.block.is_alive(),
            "nor does it change in place under the cache"
        );
    }
}
