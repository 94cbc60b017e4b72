//! Hot indexes: those that nobody declared, built because rows were looked for by a column again and again.
//!
//! A table may have millions of rows, and the one writer has commits to make. So an index is begun empty and filled
//! in steps, each of some rows, between which commits go on. From its beginning it hears of every change like any
//! other index; once the last row is in, it serves all versions from then on.

use super::index::Index;
use super::table::HotIndex;
use super::{Over, Store};
use crate::ids::{ColumnIdx, RowSlot, TableId};
use crate::limits::{HOT_INDEX_ROWS_MIN, HOT_INDEX_SCANS_MIN, HOT_INDEX_STEP_ROWS, HOT_INDEXES_MAX};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// `valid_from` of an index that serves no version yet.
const NEVER: u64 = u64::MAX;

/// An index that lacks rows.
#[derive(Debug)]
pub(super) struct Building {
    table: TableId,
    hot: Arc<HotIndex>,
    /// Rows before this slot are in it.
    next: RowSlot,
}

impl Building {
    /// True if `hot` is the index and the row at `slot` may be missing in it.
    pub(super) fn lacks(&self, hot: &Arc<HotIndex>, slot: RowSlot) -> bool {
        Arc::ptr_eq(&self.hot, hot) && slot >= self.next
    }
}

impl Store {
    /// True if [`Store::build_step`] has something to do.
    pub fn is_building(&self) -> bool {
        !self.building.is_empty()
    }

    /// Takes some more rows into the index that is under construction, outside of transactions.
    pub fn build_step(&mut self) {
        assert!(self.txn.is_none(), "a transaction is open");
        let Some(building) = self.building.front_mut() else {
            return;
        };
        let Building { table, hot, next } = building;
        let mut rows = self.tables[table.at()].iter_from(*next);
        for (slot, row) in rows.by_ref().take(HOT_INDEX_STEP_ROWS) {
            let add = &mut |atom: &_| hot.index.add(hot.index.hash(atom), slot);
            hot.over.gained(None, Some(row.get(hot.column)), add);
            *next = RowSlot(slot.0 + 1);
        }
        if rows.next().is_none() {
            hot.valid_from.store(self.seq.0, Ordering::Release);
            self.building.pop_front();
        }
    }

    /// Begins the indexes that scans have asked for; see [`View::take_index_wish`](super::View::take_index_wish).
    pub fn begin_hot_indexes(&mut self) {
        for table in self.schema.table_ids() {
            let view = &self.tables[table.at()];
            if view.len() < HOT_INDEX_ROWS_MIN {
                continue;
            }
            for (at, scans) in view.indexes.scans.iter().enumerate() {
                for over in [Over::Keys, Over::Presence] {
                    let count = scans.of(over);
                    if count.load(Ordering::Relaxed) < HOT_INDEX_SCANS_MIN {
                        continue;
                    }
                    count.store(0, Ordering::Relaxed);
                    let column = ColumnIdx(at as u16);
                    let mut hot = view.indexes.hot.write();
                    let is_known = hot.iter().any(|hot| hot.column == column && hot.over == over);
                    if is_known || hot.len() >= HOT_INDEXES_MAX {
                        continue;
                    }
                    let begun = Arc::new(HotIndex {
                        column,
                        over,
                        valid_from: AtomicU64::new(NEVER),
                        index: Index::default(),
                    });
                    hot.push(Arc::clone(&begun));
                    self.building.push_back(Building {
                        table,
                        hot: begun,
                        next: RowSlot(0),
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::datum::{Atom, Datum};
    use crate::ids::{ColumnIdx, RowSlot, TableId};
    use crate::limits::{HOT_INDEX_SCANS_MIN, HOT_INDEX_STEP_ROWS};
    use crate::schema::{self, Schema};
    use crate::store::{Over, Row, Store, View};
    use crate::testing::with_json;
    use std::sync::Arc;
    use uuid::Uuid;

    const TABLE: TableId = TableId(0);
    const COLUMN: ColumnIdx = ColumnIdx(2);
    const ROWS: u64 = 5 * HOT_INDEX_STEP_ROWS as u64;
    const KEYS: u64 = 7;

    fn schema() -> Schema {
        let text = r#"{"name": "T", "tables": {"Item": {"columns": {"n": {"type": "integer"}}}}}"#;
        with_json(text, |value| schema::parse(value).expect("it is a schema"))
    }

    /// A store that is changed at random.
    struct World {
        store: Store,
        state: u64,
        count: u64,
    }

    impl World {
        /// A small generator, so that the case can be replayed from its seed.
        fn below(&mut self, bound: u64) -> u64 {
            self.state = self
                .state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (self.state >> 33) % bound
        }

        fn row(&mut self, uuid: Uuid) -> Row {
            let key = self.below(KEYS) as i64;
            Row::new(vec![
                Datum::One(Atom::Uuid(uuid)),
                Datum::One(Atom::Uuid(Uuid::nil())),
                Datum::One(Atom::Integer(key)),
            ])
        }

        fn insert(&mut self) {
            self.count += 1;
            let row = self.row(Uuid::from_u128(u128::from(self.count)));
            self.store.insert(TABLE, row);
        }

        /// A transaction of some changes, which may be taken back.
        fn change(&mut self) {
            self.store.begin();
            for _ in 0..20 {
                let slot = RowSlot(self.below(ROWS) as u32);
                let known = self.store.table(TABLE).at(slot).map(Row::uuid);
                match (known, self.below(3)) {
                    (Some(_), 0) => self.store.remove(TABLE, slot),
                    (Some(uuid), _) => {
                        let row = self.row(uuid);
                        self.store.replace(TABLE, slot, row);
                    }
                    (None, _) => self.insert(),
                }
            }
            if self.below(4) == 0 {
                self.store.undo();
            } else {
                self.store.finish(Uuid::nil());
            }
            self.store.maintain();
            self.store.verify();
        }
    }

    /// Slots with `key`, by the index and by reading everything.
    fn found(view: &View, key: i64) -> Option<(Vec<RowSlot>, Vec<RowSlot>)> {
        let table = view.table(TABLE);
        let mut by_index = Vec::new();
        let is_indexed = table.lookup(COLUMN, &Atom::Integer(key), &mut |slot, _| by_index.push(slot));
        let has_key = |row: &Row| *row.get(COLUMN) == Datum::One(Atom::Integer(key));
        let by_scan = table.iter().filter(|(_, row)| has_key(row)).map(|(slot, _)| slot);
        is_indexed.then(|| (by_index, by_scan.collect()))
    }

    #[test]
    fn an_index_built_between_commits_finds_every_row_of_later_versions() {
        let seed = std::env::var("OVSDB_SEED")
            .ok()
            .and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or(3u64);
        println!("seed {seed}");
        let mut world = World {
            store: Store::new(Arc::new(schema()), 1, Uuid::nil()),
            state: seed,
            count: 0,
        };
        world.store.begin();
        (0..ROWS).for_each(|_| world.insert());
        world.store.finish(Uuid::nil());
        let before = world.store.view();
        before
            .table(TABLE)
            .note_scan(COLUMN, Over::Keys, HOT_INDEX_SCANS_MIN);
        assert!(before.take_index_wish() && !before.take_index_wish());
        world.store.begin_hot_indexes();
        world.change();
        let early = world.store.view();
        let mut steps = 0;
        while world.store.is_building() {
            assert!(found(&world.store.view(), 0).is_none(), "rows are missing");
            world.store.build_step();
            steps += 1;
            world.change();
        }
        assert!(steps >= 4, "{steps}");
        let mut views = Vec::new();
        for _ in 0..20 {
            views.push(world.store.view());
            world.change();
        }
        assert!(found(&before, 0).is_none() && found(&early, 0).is_none());
        for view in &views {
            for key in 0..KEYS as i64 {
                let (by_index, by_scan) = found(view, key).expect("the index is whole");
                assert_eq!(by_index, by_scan);
            }
        }
    }
}
