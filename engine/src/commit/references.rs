//! Which rows a row refers to.

use crate::datum::{Atom, Datum};
use crate::ids::{ColumnIdx, TableId};
use crate::schema::{BaseType, RefKind, Schema};
use crate::store::{Over, Row};
use uuid::Uuid;

/// A reference that a row gained: from its column, over keys or values, to a row of a table.
pub(super) struct Gained {
    pub(super) column: ColumnIdx,
    pub(super) over: Over,
    pub(super) target: TableId,
    pub(super) uuid: Uuid,
}

/// Calls `each` for every reference of `kind` that is in `new` and not in `old`, in order of column.
pub(super) fn gained(
    schema: &Schema,
    table: TableId,
    kind: RefKind,
    old: Option<&Row>,
    new: &Row,
    each: &mut dyn FnMut(Gained),
) {
    let table = schema.table(table);
    for column in table.declared_idxs() {
        let ty = &table.column(column).ty;
        let sides = [(Over::Keys, Some(&ty.key)), (Over::Values, ty.value.as_ref())];
        for (over, base) in sides {
            let Some(target) = base.and_then(|base| target_of(base, kind)) else {
                continue;
            };
            let old: Option<&Datum> = old.map(|row| row.get(column));
            let new = new.get(column);
            if old == Some(new) {
                continue;
            }
            over.gained(old, Some(new), &mut |atom| {
                let Atom::Uuid(uuid) = atom else { return };
                each(Gained {
                    column,
                    over,
                    target,
                    uuid: *uuid,
                });
            });
        }
    }
}

fn target_of(base: &BaseType, kind: RefKind) -> Option<TableId> {
    base.reference
        .as_ref()
        .filter(|reference| reference.kind == kind)
        .map(|reference| reference.table)
}
