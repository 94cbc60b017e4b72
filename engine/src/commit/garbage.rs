//! Pass 3: rows of tables that are not roots live only while a strong reference from another row leads to
//! them (RFC 7047 §3.2, `isRoot`).

use super::references;
use crate::ids::TableId;
use crate::schema::RefKind;
use crate::store::Store;
use uuid::Uuid;

/// Removes unreferenced rows that the transaction touched or let go of, and what only they referred to.
///
/// A cycle of references keeps itself alive, as upstream.
pub(super) fn collect(store: &mut Store) {
    let mut pending = candidates(store);
    while let Some((table, uuid)) = pending.pop() {
        if store.strong_refs(table, uuid) > 0 {
            continue;
        }
        let Some((slot, row)) = store.table(table).get(uuid) else {
            continue;
        };
        let row = row.clone();
        store.remove(table, slot);
        let schema = store.schema();
        references::gained(schema, table, RefKind::Strong, None, &row, &mut |referred| {
            if !schema.table(referred.target).is_root {
                pending.push((referred.target, referred.uuid));
            }
        });
    }
}

/// Rows of non-root tables without references among those that the transaction touched.
fn candidates(store: &Store) -> Vec<(TableId, Uuid)> {
    let schema = store.schema();
    let touched = store.touched().iter().filter_map(|touched| {
        let row = store.table(touched.table).at(touched.slot)?;
        Some((touched.table, row.uuid()))
    });
    let released = store
        .strong_changes()
        .into_iter()
        .map(|(table, uuid, _)| (table, uuid));
    touched
        .chain(released)
        .filter(|(table, uuid)| !schema.table(*table).is_root && store.strong_refs(*table, *uuid) == 0)
        .collect()
}
