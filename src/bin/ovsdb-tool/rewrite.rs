//! `create`, `compact` and `convert`: whole database files.

use ovsdb::cli::{Result, input};
use ovsdb::database_file::{self, Rewrite};
use ovsdb_engine::commit;
use ovsdb_storage::log::Access;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// Creates a database that does not exist yet.
pub fn create(db: &Path, schema: &Path) -> Result<()> {
    database_file::create(db, &input::read_schema(schema)?)
}

/// Drops the history: what remains is the schema and the rows of today.
pub fn compact(db: &Path, dst: Option<&Path>) -> Result<()> {
    let rewrite = Rewrite::begin(dst.unwrap_or(db))?;
    let mut file = database_file::read(db, Access::ReadOnly)?;
    let view = file.store.view();
    rewrite.finish(
        view,
        &format!("compacted by ovsdb-tool {}", ovsdb::UPSTREAM_VERSION),
    )
}

/// Puts the rows of today into another schema.
pub fn convert(db: &Path, schema: &Path, dst: Option<&Path>) -> Result<()> {
    let schema = input::read_schema(schema)?;
    let rewrite = Rewrite::begin(dst.unwrap_or(db))?;
    let mut file = database_file::read(db, Access::ReadOnly)?;
    let view = file.store.view();
    let txn_id = view.txn_id();
    let mut store = commit::convert(&view, Arc::new(schema), view.epoch(), txn_id, &mut Uuid::new_v4)?;
    let view = store.view();
    rewrite.finish(
        view,
        &format!("converted by ovsdb-tool {}", ovsdb::UPSTREAM_VERSION),
    )
}
