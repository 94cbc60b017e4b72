//! A database in another schema: `convert` and the tools' conversions (upstream `file.c`, `ovsdb_convert`).

use super::run_passes;
use crate::datum::{self, Atom, Datum};
use crate::error::Result;
use crate::ids::{ColumnIdx, TableId};
use crate::schema::{Schema, TableSchema};
use crate::store::{Row, Store, View};
use std::sync::Arc;
use uuid::Uuid;

/// Makes a store in `schema` that holds what `view` holds, at commit 0 with the id `txn_id`.
///
/// Tables and columns that the new schema lacks vanish, new columns get their defaults, rows keep their
/// uuids and get new versions from `version`, ephemeral columns are kept. Fails with an ordinary value error
/// if a value does not fit the new type of its column, or with that of a commit pass.
pub fn convert(
    view: &View,
    schema: Arc<Schema>,
    epoch: u64,
    txn_id: Uuid,
    version: &mut dyn FnMut() -> Uuid,
) -> Result<Store> {
    let mut store = Store::new(Arc::clone(&schema), epoch, txn_id);
    store.begin();
    for to in schema.table_ids() {
        let Some(from) = view.schema().table_named(&schema.table(to).name) else {
            continue;
        };
        convert_table(view, from, &mut store, to, version)?;
    }
    run_passes(&mut store, version)?;
    store.finish(txn_id);
    store.set_origin(txn_id);
    Ok(store)
}

fn convert_table(
    view: &View,
    from: TableId,
    store: &mut Store,
    to: TableId,
    version: &mut dyn FnMut() -> Uuid,
) -> Result<()> {
    let schema = Arc::clone(store.schema());
    let (source, target) = (view.schema().table(from), schema.table(to));
    let pairs = common_columns(source, target);
    let defaults: Vec<Datum> = target
        .columns
        .iter()
        .map(|column| column.default.clone())
        .collect();
    for (_, row) in view.table(from).iter() {
        let mut columns = defaults.clone();
        columns[ColumnIdx::UUID.at()] = Datum::One(Atom::Uuid(row.uuid()));
        columns[ColumnIdx::VERSION.at()] = Datum::One(Atom::Uuid(version()));
        for (from, to) in &pairs {
            let (old_type, new_type) = (&source.column(*from).ty, &target.column(*to).ty);
            columns[to.at()] = datum::convert(row.get(*from), old_type, new_type)?;
        }
        store.insert(to, Row::new(columns));
    }
    Ok(())
}

/// Columns that both tables declare.
fn common_columns(source: &TableSchema, target: &TableSchema) -> Vec<(ColumnIdx, ColumnIdx)> {
    let of_target = |idx: ColumnIdx| Some((idx, target.column_named(&source.column(idx).name)?));
    source.declared_idxs().filter_map(of_target).collect()
}
