//! Pass 2: every strong reference leads to a row (RFC 7047 §3.2, `refType` `strong`).
//!
//! The store keeps the counts, so only what the transaction touched is looked at.

use super::references;
use crate::error::{OvsdbError, Result, Tag};
use crate::ids::TableId;
use crate::schema::RefKind;
use crate::store::{Row, Store};

/// Fails if a row is referenced that does not exist, or that the transaction deleted.
pub(super) fn check(store: &Store) -> Result<()> {
    let leads_nowhere =
        |table, uuid| store.table(table).get(uuid).is_none() && !store.was_removed(table, uuid);
    let dangles = store
        .strong_changes()
        .iter()
        .any(|(table, uuid, _)| store.strong_refs(*table, *uuid) > 0 && leads_nowhere(*table, *uuid));
    if dangles {
        return Err(dangling_reference(store));
    }
    for touched in store.touched() {
        let (Some(old), None) = (&touched.old, store.table(touched.table).at(touched.slot)) else {
            continue;
        };
        let remaining = store.strong_refs(touched.table, old.uuid());
        if remaining > 0 {
            let table = &store.schema().table(touched.table).name;
            return Err(violation(format!(
                "cannot delete {table} row {} because of {remaining} remaining reference(s)",
                old.uuid()
            )));
        }
    }
    Ok(())
}

/// The error for the first new reference, in order of touch and column, that leads nowhere.
fn dangling_reference(store: &Store) -> Box<OvsdbError> {
    for touched in store.touched() {
        let Some(new) = store.table(touched.table).at(touched.slot) else {
            continue;
        };
        let mut found = None;
        let old = touched.old.as_ref();
        references::gained(
            store.schema(),
            touched.table,
            RefKind::Strong,
            old,
            new,
            &mut |gained| {
                let is_there = store.table(gained.target).get(gained.uuid).is_some();
                if found.is_none() && !is_there && !store.was_removed(gained.target, gained.uuid) {
                    found = Some(gained);
                }
            },
        );
        if let Some(gained) = found {
            return dangling_error(store, touched.table, new, &gained);
        }
    }
    unreachable!("a count that rose was raised by a touched row");
}

fn dangling_error(store: &Store, table: TableId, row: &Row, gained: &references::Gained) -> Box<OvsdbError> {
    let schema = store.schema();
    let source = schema.table(table);
    violation(format!(
        "Table {} column {} row {} references nonexistent row {} in table {}.",
        source.name,
        source.column(gained.column).name,
        row.uuid(),
        gained.uuid,
        schema.table(gained.target).name
    ))
}

fn violation(details: String) -> Box<OvsdbError> {
    OvsdbError::new(Tag::ReferentialIntegrityViolation, details)
}
