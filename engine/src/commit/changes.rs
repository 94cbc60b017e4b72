//! Pass 1: rows whose columns all have the values from before the transaction are not changed at all.

use crate::store::Store;

/// Puts the old version back wherever the new one is equal to it.
pub(super) fn drop_unchanged(store: &mut Store) {
    for at in 0..store.touched().len() {
        restore_if_unchanged(store, at);
    }
}

/// Puts the old version of the touched row number `at` back if the new one has the same values.
///
/// True if the row exists before and after the transaction and differs.
pub(super) fn restore_if_unchanged(store: &mut Store, at: usize) -> bool {
    let touched = &store.touched()[at];
    let (table, slot) = (touched.table, touched.slot);
    let (Some(old), Some(new)) = (&touched.old, store.table(table).at(slot)) else {
        return false;
    };
    if old.ptr_eq(new) {
        return false;
    }
    // Shared contents are recognised by pointer.
    if !old.has_columns_of(new) {
        return true;
    }
    let old = old.clone();
    store.replace(table, slot, old);
    false
}
