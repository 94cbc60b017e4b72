//! Pass 7: a row that really changed gets a new `_version` (RFC 7047 §3.2).
//!
//! An inserted row got its `_version` when it was inserted, so that later operations of the transaction
//! can see it.

use super::changes::restore_if_unchanged;
use crate::store::Store;
use uuid::Uuid;

/// Gives new versions; rows that the weak reference pass made equal to their old version are put back.
pub(super) fn renew(store: &mut Store, version: &mut dyn FnMut() -> Uuid) {
    for at in 0..store.touched().len() {
        if !restore_if_unchanged(store, at) {
            continue;
        }
        let touched = &store.touched()[at];
        let (table, slot) = (touched.table, touched.slot);
        store.set_version(table, slot, version());
    }
}
