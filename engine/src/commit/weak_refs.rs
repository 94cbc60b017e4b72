//! Pass 5: weak references to rows that do not exist are removed (RFC 7047 §3.2, `refType` `weak`).

use super::references;
use crate::datum::{Atom, Datum, Pair, merge};
use crate::error::{OvsdbError, Result, Tag};
use crate::ids::{ColumnIdx, RowSlot, TableId};
use crate::schema::RefKind;
use crate::store::{Over, Store};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Rows that one column of one row refers to and that do not exist.
#[derive(Default)]
struct Dangling {
    keys: Vec<Uuid>,
    values: Vec<Uuid>,
}

type Place = (TableId, RowSlot, ColumnIdx);

/// Takes dangling weak references out of the rows that hold them; fails if a column must not be empty.
pub(super) fn remove_dangling(store: &mut Store) -> Result<()> {
    for ((table, slot, column), dangling) in find_dangling(store) {
        let row = store
            .table(table)
            .at(slot)
            .expect("only rows that exist were found")
            .clone();
        let old = row.get(column);
        let new = dangling.removed_from(old);
        let schema = store.schema();
        if new.len() < schema.table(table).column(column).ty.n_min as usize {
            let is_inserted = store
                .before(table, slot)
                .is_some_and(|touched| touched.old.is_none());
            let names_zero = dangling.keys.iter().chain(&dangling.values).any(Uuid::is_nil);
            let names = Names {
                column: &schema.table(table).column(column).name,
                table: &schema.table(table).name,
                row: row.uuid(),
            };
            return Err(if names_zero && is_inserted {
                names.zero_error()
            } else {
                names.empty_error(old.len() - new.len(), is_inserted)
            });
        }
        store.replace(table, slot, row.with(&[(column, new)]));
    }
    Ok(())
}

/// What dangles: new references to rows that are not there, and old ones to rows that were removed.
fn find_dangling(store: &Store) -> BTreeMap<Place, Dangling> {
    let mut found: BTreeMap<Place, Dangling> = BTreeMap::new();
    for touched in store.touched() {
        let Some(new) = store.table(touched.table).at(touched.slot) else {
            if let Some(old) = &touched.old {
                let uuid = old.uuid();
                store.weak_sources(touched.table, uuid, &mut |table, column, over, slot| {
                    found.entry((table, slot, column)).or_default().add(over, uuid);
                });
            }
            continue;
        };
        let old = touched.old.as_ref();
        references::gained(
            store.schema(),
            touched.table,
            RefKind::Weak,
            old,
            new,
            &mut |gained| {
                if store.table(gained.target).get(gained.uuid).is_none() {
                    found
                        .entry((touched.table, touched.slot, gained.column))
                        .or_default()
                        .add(gained.over, gained.uuid);
                }
            },
        );
    }
    found
}

impl Dangling {
    fn add(&mut self, over: Over, uuid: Uuid) {
        match over {
            Over::Keys => self.keys.push(uuid),
            Over::Values => self.values.push(uuid),
            Over::Presence => unreachable!("a reference is a key or a value"),
        }
    }

    /// `datum` without the elements, or the pairs, that hold a dangling reference.
    fn removed_from(&self, datum: &Datum) -> Datum {
        // The keys to remove are few and known, so that what remains of a large datum is shared.
        let datum = merge::subtract(datum, &uuid_set(&self.keys));
        if self.values.is_empty() {
            return datum;
        }
        let values = uuid_set(&self.values);
        let kept = datum
            .pairs()
            .iter()
            .map(Pair::split)
            .filter(|(_, value)| !values.contains_key(value));
        Datum::map_from_sorted(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

fn uuid_set(uuids: &[Uuid]) -> Datum {
    let mut atoms: Vec<Atom> = uuids.iter().map(|uuid| Atom::Uuid(*uuid)).collect();
    atoms.sort_unstable();
    atoms.dedup();
    Datum::set_from_sorted(atoms)
}

struct Names<'n> {
    column: &'n str,
    table: &'n str,
    row: Uuid,
}

impl Names<'_> {
    fn zero_error(&self) -> Box<OvsdbError> {
        let Names { column, table, row } = self;
        OvsdbError::new(
            Tag::ConstraintViolation,
            format!(
                "Weak reference column \"{column}\" in \"{table}\" row {row} (inserted within this \
                 transaction) contained all-zeros UUID (probably as the default value for this column) \
                 but deleting this value caused a constraint volation because this column is not allowed \
                 to be empty."
            ),
        )
    }

    fn empty_error(&self, count: usize, is_inserted: bool) -> Box<OvsdbError> {
        let Names { column, table, row } = self;
        let inserted = if is_inserted {
            "(inserted within this transaction) "
        } else {
            ""
        };
        OvsdbError::new(
            Tag::ConstraintViolation,
            format!(
                "Deletion of {count} weak reference(s) to deleted (or never-existing) rows from column \
                 \"{column}\" in \"{table}\" row {row} {inserted}caused this column to become empty, but \
                 constraints on this column disallow an empty column."
            ),
        )
    }
}
