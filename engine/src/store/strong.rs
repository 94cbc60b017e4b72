//! Counts of strong references: how many other rows hold each row.

use super::row::Row;
use super::table::Over;
use crate::datum::Atom;
use crate::hash::HashMap;
use crate::ids::{ColumnIdx, TableId};
use crate::schema::Schema;
use uuid::Uuid;

/// Strong references to each row from other rows. A row need not exist to be referenced.
#[derive(Debug)]
pub(super) struct StrongRefs {
    /// By table of the referenced row; no entry is zero.
    counts: Vec<HashMap<Uuid, u32>>,
    /// By table of the referencing row.
    columns: Vec<Vec<StrongColumn>>,
    /// Counts before the open transaction of what it has touched.
    before: HashMap<(TableId, Uuid), u32>,
}

/// A column with strong references: the target of its keys and the target of its values.
#[derive(Clone, Copy, Debug)]
struct StrongColumn {
    column: ColumnIdx,
    keys: Option<TableId>,
    values: Option<TableId>,
}

impl StrongRefs {
    pub(super) fn new(schema: &Schema) -> StrongRefs {
        let of_table = |table: TableId| {
            let columns = schema.table(table).declared_idxs().map(|column| {
                let ty = &schema.table(table).column(column).ty;
                let values = ty.value.as_ref().and_then(|value| value.strong_target());
                StrongColumn {
                    column,
                    keys: ty.key.strong_target(),
                    values,
                }
            });
            columns
                .filter(|column| column.keys.is_some() || column.values.is_some())
                .collect()
        };
        StrongRefs {
            counts: vec![HashMap::default(); schema.tables.len()],
            columns: schema.table_ids().map(of_table).collect(),
            before: HashMap::default(),
        }
    }

    /// A transaction begins or ends: what is now is what was before.
    pub(super) fn settle(&mut self) {
        self.before.clear();
    }

    pub(super) fn count(&self, table: TableId, uuid: Uuid) -> u32 {
        self.counts[table.at()].get(&uuid).copied().unwrap_or(0)
    }

    /// Every row that is referenced.
    pub(super) fn referenced(&self) -> impl Iterator<Item = (TableId, Uuid)> {
        let tables = (0..).map(TableId).zip(&self.counts);
        tables.flat_map(|(table, counts)| counts.keys().map(move |uuid| (table, *uuid)))
    }

    /// Rows whose count has changed since the last [`StrongRefs::settle`], with the count then; ascending.
    pub(super) fn changes(&self) -> Vec<(TableId, Uuid, u32)> {
        let mut changes: Vec<_> = self
            .before
            .iter()
            .filter(|((table, uuid), before)| self.count(*table, *uuid) != **before)
            .map(|((table, uuid), before)| (*table, *uuid, *before))
            .collect();
        changes.sort_unstable();
        changes
    }

    /// A row of `table` was `old` and is `new`. References of a row to itself do not count.
    pub(super) fn row_changed(&mut self, table: TableId, old: Option<&Row>, new: Option<&Row>) {
        let Some(uuid) = old.or(new).map(Row::uuid) else {
            return;
        };
        for StrongColumn { column, keys, values } in &self.columns[table.at()] {
            let (old, new) = (old.map(|row| row.get(*column)), new.map(|row| row.get(*column)));
            if old == new {
                continue;
            }
            for (target, over) in [(keys, Over::Keys), (values, Over::Values)] {
                let Some(target) = *target else { continue };
                let counts = &mut self.counts[target.at()];
                let before = &mut self.before;
                let mut change = |atom: &Atom, is_gain: bool| {
                    let Atom::Uuid(referenced) = atom else { return };
                    if target == table && *referenced == uuid {
                        return;
                    }
                    let count = counts.entry(*referenced).or_insert(0);
                    before.entry((target, *referenced)).or_insert(*count);
                    *count = if is_gain { *count + 1 } else { *count - 1 };
                    if *count == 0 {
                        counts.remove(referenced);
                    }
                };
                over.gained(old, new, &mut |atom| change(atom, true));
                over.gained(new, old, &mut |atom| change(atom, false));
            }
        }
    }

    /// Checks the counts against a recount of the rows that `each_row` calls its argument with.
    pub(super) fn verify(&self, each_row: impl Fn(TableId, &mut dyn FnMut(&Row))) {
        let mut recount = StrongRefs {
            counts: vec![HashMap::default(); self.counts.len()],
            columns: self.columns.clone(),
            before: HashMap::default(),
        };
        for table in (0..self.columns.len() as u16).map(TableId) {
            each_row(table, &mut |row| recount.row_changed(table, None, Some(row)));
        }
        assert_eq!(recount.counts, self.counts, "strong references are counted");
    }
}
