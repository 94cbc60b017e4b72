//! An audit of the whole working version, for tests and simulation.

use super::Store;
use crate::datum::Datum;
use crate::ids::TableId;

impl Store {
    /// Panics unless indexes, counts and rows agree. Costs a pass over everything.
    pub fn verify(&self) {
        for table in self.schema.table_ids() {
            self.verify_table(table);
        }
        self.strong.verify(|table, each| {
            self.table(table).iter().for_each(|(_, row)| each(row));
        });
    }

    fn verify_table(&self, id: TableId) {
        let (table, schema) = (self.table(id), self.schema.table(id));
        assert_eq!(
            table.iter().count(),
            table.len(),
            "rows of {} are counted",
            schema.name
        );
        for (slot, row) in table.iter() {
            assert!(
                slot.0 < self.fresh[id.at()],
                "a row is at a slot that was given out"
            );
            assert_eq!(
                row.columns().count(),
                schema.columns.len(),
                "a row has all columns"
            );
            let found = table.get(row.uuid()).map(|(found, _)| found);
            assert_eq!(found, Some(slot), "a row is found by its uuid");
            for (number, index) in schema.indexes.iter().enumerate() {
                let key: Vec<&Datum> = index.iter().map(|column| row.get(*column)).collect();
                let mut is_found = false;
                table.lookup_unique(number, &key, &mut |found, _| is_found |= found == slot);
                assert!(is_found, "a row is found by a declared index");
            }
            for hot in table.indexes.hot.read().iter() {
                if self.building.iter().any(|building| building.lacks(hot, slot)) {
                    continue;
                }
                hot.over.gained(None, Some(row.get(hot.column)), &mut |atom| {
                    let mut slots = Vec::new();
                    hot.index.candidates(hot.index.hash(atom), &mut slots);
                    assert!(slots.contains(&slot), "a row is found by a hot index");
                });
            }
        }
    }
}
