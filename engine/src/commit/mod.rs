//! From an executed transaction to a commit: the passes in upstream's order, then the log record.
//!
//! What comes in is a [`Store`] with an open transaction; every pass works on it directly. A pass that
//! fails leaves the transaction open, and the caller undoes it as a whole, so a failed pass leaves no
//! trace. The order decides which of several errors wins (upstream `transaction.c`,
//! `ovsdb_txn_precommit`).

pub mod convert;
mod decode;
mod draft;
mod load;
pub mod record;
pub mod replay;
pub mod snapshot;

mod changes;
mod garbage;
mod indexes;
mod references;
mod row_limits;
mod strong_refs;
mod versions;
mod weak_refs;

pub use convert::convert;
pub use decode::{Decoded, NewRows};
pub use draft::Drafting;
pub use load::Load;
pub use record::Record;
pub use replay::Replay;
pub use snapshot::Snapshot;

use crate::error::Result;
use crate::store::Store;
use uuid::Uuid;

/// Completes and checks the open transaction of `store`.
///
/// On success the transaction is ready for [`Store::finish`], unless it turns out to change nothing. On
/// error the caller must [`Store::undo`]. `version` makes new `_version` uuids.
pub fn run_passes(store: &mut Store, version: &mut dyn FnMut() -> Uuid) -> Result<()> {
    changes::drop_unchanged(store);
    if !store.has_net_changes() {
        return Ok(());
    }
    strong_refs::check(store)?;
    garbage::collect(store);
    row_limits::check(store)?;
    weak_refs::remove_dangling(store)?;
    indexes::check(store)?;
    versions::renew(store, version);
    Ok(())
}
