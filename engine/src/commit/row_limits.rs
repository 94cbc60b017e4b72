//! Pass 4: `maxRows` (RFC 7047 §3.2).

use crate::error::{OvsdbError, Result, Tag};
use crate::store::Store;

/// Fails if a table that the transaction changed has more rows than its schema allows.
pub(super) fn check(store: &Store) -> Result<()> {
    for touched in store.touched() {
        let table = store.schema().table(touched.table);
        let rows = store.table(touched.table).len();
        if rows > table.rows_max as usize && table.rows_max != u32::MAX {
            return Err(OvsdbError::new(
                Tag::ConstraintViolation,
                format!(
                    "transaction causes \"{}\" table to contain {rows} rows, greater than the \
                     schema-defined limit of {} row(s)",
                    table.name, table.rows_max
                ),
            ));
        }
    }
    Ok(())
}
